"""Which calls go straight through by policy, and approvals: exact payloads that wait for a person.

An approval's life:  pending -> approved -> used   |   pending -> denied   |   pending -> expired

It binds to the SHA-256 of its payload. A decision that carries another hash is refused, so nobody approves what they
did not see; an approved plan is good for exactly one execution of exactly that payload.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le, Len

from swarmstead.telemetry.contract import redact

ApprovalStatus = Literal["pending", "approved", "denied", "expired"]
ApprovalKind = Literal["plan", "outcome"]
Decision = Literal["approve", "deny"]
Verdict = Literal["allow", "ask", "deny"]
What = Literal["tool", "resource", "prompt"]
PolicyMode = Literal["monitor", "enforce"]
UseOutcome = Literal["not_used", "under_way", "done", "failed", "unknown", "used"]
"""What came of an approval. `used` says no more than that: how it went is too far back in the trail to look it up."""
UNKNOWN_RISK = "builtin/unknown"
_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


def topic_of(approval_id: str) -> str:
    """The signal that is given when an approval is decided."""
    return f"approval:{approval_id}"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a person. `step` makes asking idempotent: the same step asks the same question once.

    `check` is what the audit row of asking keeps of the verdict that led to it.
    """

    kind: ApprovalKind
    run: str
    agent_run: str
    agent: str
    step: str
    swarm: str
    environment: str
    server: str
    tool: str
    risk: str
    sentence: str
    rule: str
    payload: Mapping[str, Any]
    effect: Mapping[str, Any]
    expires_in_ms: int
    check: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Approval:
    """A stored question and, once there is one, its answer. Times in milliseconds.

    `asked_by` is the id of the actor who called, `asked_by_name` the name it went by then: an agent, or the key of an
    outside client.
    """

    id: str
    tenant: str
    kind: ApprovalKind
    status: ApprovalStatus
    hash: str
    run: str
    agent_run: str
    agent: str
    step: str
    swarm: str
    environment: str
    server: str
    tool: str
    risk: str
    sentence: str
    rule: str
    payload: Mapping[str, Any]
    effect: Mapping[str, Any]
    asked_by: str
    asked_by_name: str
    asked_at: int
    expires_at: int
    decided_at: int | None
    decided_by: str
    reason: str
    used_at: int | None


@dataclass(frozen=True, slots=True)
class PolicyException:
    """For a time, what this policy denies one principal on one tool waits for a person instead."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    principal: Annotated[str, Len(1, 200)]
    """`agent/NAME`, or `user/ID` for a caller that is no agent, as the audit trail names it: `user/key:k_1`."""
    tool: Annotated[str, Len(1, 300)]
    """`SERVER/TOOL`, or `SERVER/*`."""
    until: Annotated[str, Len(1, 40)]
    """When it ends, with its offset: `"2026-12-01T00:00:00Z"`. After that it is ignored, and shown as expired."""
    reason: Annotated[str, Len(1, 500)]
    """Why, for whoever reads the verdict."""


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """Spec of `kind: Policy`: rules in Cedar, added to the built-in ones.

    Forbid wins; what nothing permits is denied.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    cedar: Annotated[str, Len(1, 100_000)]
    """The rules. `Action::"call"` is a call that goes straight through, `Action::"plan"` one that a person approved,
    `Action::"read"` the reading of a resource or prompt."""
    mode: PolicyMode = "enforce"
    """`monitor` evaluates the rules beside those in force, and only shows what they would have said."""
    share: Annotated[float, Ge(0), Le(1)] = 1.0
    """The share of callers for whom `enforce` holds, the same ones each time: agents by name, others by id. For the
    rest the rules are monitored."""
    environments: Annotated[tuple[str, ...], Len(0, 100)] = ()
    """Where the rules hold; empty for everywhere."""
    exceptions: Annotated[tuple[PolicyException, ...], Len(0, 1000)] = ()
    """Exceptions that end by themselves."""
    description: Annotated[str, Len(0, 500)] = ""
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class PolicyQuestion:
    """May this caller use this tool? `arguments` and `at_ms` are None while nobody knows them: before a run.

    `what` says what `tool` names: a tool, or the address of a resource or the name of a prompt that is to be read.
    `principal` is an agent's name, or the id of a caller that is no agent. `digest` is the agent version; '' for the
    one that is declared now.
    """

    kind: Literal["agent", "user"]
    principal: str
    name: str
    roles: frozenset[str]
    digest: str
    swarm: str
    environment: str
    server: str
    tool: str
    risk: str
    idempotent: bool
    schema_hash: str
    arguments: Mapping[str, Any] | None = None
    at_ms: int | None = None
    what: What = "tool"

    @property
    def subject(self) -> str:
        """The caller as exceptions and shares name it: `agent/NAME`, `user/ID`."""
        return f"{self.kind}/{self.principal}"


@dataclass(frozen=True, slots=True)
class Monitored:
    """What the verdict would be if the policies in monitor mode were enforced."""

    effect: Verdict
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """The answer, the ids of the rules that gave it, and the sentence that people read next to it.

    `conditional` names rules that read what was not known (arguments, the clock) and may change the answer once it is.
    `version` names the rules that were in force.
    """

    effect: Verdict
    rules: tuple[str, ...]
    text: str
    version: str
    monitored: Monitored | None = None
    conditional: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """The verdict as an audit row keeps it, under `policy.check`."""
        facts: dict[str, Any] = {"effect": self.effect, "rules": list(self.rules), "mode": "enforce"}
        if self.monitored is not None:
            facts["monitored"] = {"effect": self.monitored.effect, "rules": list(self.monitored.rules)}
        return facts


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """An exception, and whether its time is over."""

    principal: str
    tool: str
    until: str
    reason: str
    expired: bool


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule. `reads` says what it needs to know beyond who, what and where: `arguments`, `time`.

    `hits` calls were decided by it since this process began (in monitor mode: would have been), the last at `last_hit`.
    """

    id: str
    effect: Literal["permit", "forbid"]
    line: int
    text: str
    reads: tuple[str, ...]
    hits: int = 0
    last_hit: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy as it stands. `problem` says why it is not in force though it is declared; `built_in` ones ship."""

    name: str
    mode: PolicyMode
    environments: tuple[str, ...]
    rules: tuple[RuleView, ...]
    exceptions: tuple[ExceptionView, ...] = ()
    description: str = ""
    digest: str = ""
    problem: str = ""
    built_in: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call as the audit trail remembers it: not its arguments."""

    seq: int
    at_ms: int
    question: PolicyQuestion


@dataclass(frozen=True, slots=True)
class Change:
    """A past call that would have ended otherwise."""

    seq: int
    at_ms: int
    principal: str
    tool: str
    was: Verdict
    would: Verdict
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a policy would have done to past calls.

    `blocked`, `asked` and `allowed` count calls that would have ended otherwise; `undecided` those to which a rule
    applies that reads arguments, which the trail does not hold: they are counted nowhere else. `unread` is how many
    rows of the trail could not be replayed at all. `matched` counts per rule.
    """

    calls: int
    blocked: int = 0
    asked: int = 0
    allowed: int = 0
    undecided: int = 0
    unread: int = 0
    matched: Mapping[str, int] = field(default_factory=dict[str, int])
    needs_arguments: tuple[str, ...] = ()
    examples: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Asker:
    """What a person wants to know about who asks: the kind of model that decided, and what its run has spent.

    `show` is how texts and JSON values of that run are shown to whoever may not decide: without what is secret in them.
    """

    model_kind: str | None = None
    spent_micros: int | None = None
    budget_micros: int | None = None
    show: Callable[[Any], Any] = redact

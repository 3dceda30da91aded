"""Which calls go straight through, and approvals: exact payloads that wait for a person.

An approval's life:  pending -> approved -> used   |   pending -> denied   |   pending -> expired

It binds to the SHA-256 of its payload. A decision that carries another hash is refused, so nobody approves what they
did not see; an approved plan is good for exactly one execution of exactly that payload.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ApprovalStatus = Literal["pending", "approved", "denied", "expired"]
ApprovalKind = Literal["plan", "outcome"]
Decision = Literal["approve", "deny"]
Verdict = Literal["allow", "ask", "deny"]


def topic_of(approval_id: str) -> str:
    """The signal that is given when an approval is decided."""
    return f"approval:{approval_id}"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a person. `step` makes asking idempotent: the same step asks the same question once."""

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
class Rule:
    """A verdict with the sentence that people read next to it."""

    verdict: Verdict
    text: str


_BY_RISK = {
    "read": Rule("allow", "read tools go straight through"),
    "write": Rule("ask", "write tools wait for a person"),
    "danger": Rule("ask", "dangerous tools wait for a person"),
}
_UNKNOWN = Rule("deny", "a tool without a risk class is denied")


def rule_for(risk: str) -> Rule:
    """The built-in rule for a risk class; whatever is not known is denied."""
    return _BY_RISK.get(risk, _UNKNOWN)

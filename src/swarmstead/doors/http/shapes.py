"""Bodies of the REST API, as OpenAPI shows them. Times are RFC 3339 in UTC, money is whole micro-dollars."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from swarmstead.doors.http.finite import finite
from swarmstead.kernel.clock import rfc3339
from swarmstead.permits.contract import UseOutcome

T = TypeVar("T")


class Shape(BaseModel):
    """What every body is."""

    model_config = ConfigDict(extra="forbid")


class Page(Shape, Generic[T]):
    """One page of a list; `next` is the cursor of the page after it, null on the last one."""

    items: list[T]
    next: str | None = None


class Problem(Shape):
    """RFC 9457 problem; `way_out` says what to do next, `field` which part of the request is meant."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    way_out: str | None = None
    field: str | None = None
    trace_id: str | None = None


def when(ms: int | None) -> str | None:
    """A time as the API gives it."""
    return None if ms is None else rfc3339(ms)


class ErrorShape(Shape):
    """Why a run, agent or step failed."""

    model_config = ConfigDict(extra="ignore")

    code: str
    message: str
    way_out: str = ""


class RunShape(Shape):
    """A run. `seq` is the number of its newest event; give it back as `expected_seq` with a command.

    Waiting for a person and pausing do not count against the time a run may work. `deadline_at` is when that time ends
    if it works on; while it rests there is no such time, and `work_left_ms` says how much it has left. `denied` counts
    its calls that a person or a rule refused, `unknown` those of which nobody knows whether they took effect. `held`: a
    person has paused it, even while its status says otherwise.
    """

    id: str
    swarm: str
    swarm_digest: str
    environment: str
    status: Literal["queued", "running", "waiting", "paused", "succeeded", "failed", "cancelled"]
    status_reason: str
    held: bool
    pending_approvals: int
    denied: int
    unknown: int
    model_kinds: list[str]
    input: dict[str, Any]
    plan_hash: str
    launched_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    deadline_at: str | None
    work_left_ms: int | None
    spent_micros: int
    budget_micros: int
    input_tokens: int
    output_tokens: int
    seq: int
    result: str | None
    error: ErrorShape | None
    trace_id: str


class AgentRunShape(Shape):
    """One agent's part in a run: who gave it what, why, and what came of it."""

    id: str
    parent: str | None
    agent: str
    digest: str
    model: str
    model_kind: str
    depth: int
    task: str
    why: str
    delegated_by: str | None
    status: str
    outcome: str
    error: ErrorShape | None
    turns: int
    spent_micros: int
    input_tokens: int
    output_tokens: int
    started_at: str | None
    finished_at: str | None


class StepShape(Shape):
    """One model call, tool call or delegation."""

    key: str
    agent_run: str
    agent: str
    turn: int
    kind: Literal["model", "tool", "delegate"]
    name: str
    server: str | None
    tool: str | None
    risk: str | None
    status: str
    summary: str
    spent_micros: int
    input_tokens: int
    output_tokens: int
    attempts: int
    approval: str | None
    error: ErrorShape | None
    started_at: str
    finished_at: str | None
    waited_from: str | None
    waited_to: str | None
    trace_id: str
    span_id: str


class StepDetail(StepShape):
    """A step with what went in and came out, redacted."""

    input: Any
    output: Any


class EventShape(Shape):
    """Something that happened. `seq` counts within the tenant, in commit order."""

    seq: int
    at: str
    tenant: str
    run: str | None
    step: str | None
    kind: str
    actor: str
    trace_id: str | None
    data: dict[str, Any]
    schema_: Annotated[int, Field(alias="schema")]


class ApprovalShape(Shape):
    """A question that waits for a person, or waited. A decision must carry its `hash`.

    `asked_by` may be the key of an outside client, of no known `model_kind`. `concealed`: what is secret is left out.
    `outcome`: what came of it once it was approved; `used` where that is too far back in the trail.
    """

    id: str
    status: Literal["pending", "approved", "denied", "expired"]
    kind: Literal["plan", "outcome"]
    hash: str
    run: str
    swarm: str
    environment: str
    agent: str
    agent_run: str
    model_kind: str | None
    step: str
    sentence: str
    server: str
    tool: str
    risk: str
    payload: dict[str, Any]
    effect: dict[str, Any]
    rule: str
    asked_by: str
    asked_by_name: str
    asked_at: str
    expires_at: str
    decided_at: str | None
    decided_by: str | None
    reason: str
    outcome: UseOutcome | None
    run_spent_micros: int | None
    run_budget_micros: int | None
    concealed: bool


class PlannedToolShape(Shape):
    """A tool in a plan, with the verdict that it will meet."""

    server: str
    name: str
    description: str
    risk: str
    idempotent: bool
    schema_hash: str
    verdict: Literal["allow", "ask", "deny"]
    rule: str
    rules: list[str]
    conditional: list[str]


class PlannedAgentShape(Shape):
    """An agent in a plan."""

    name: str
    digest: str
    role: Literal["coordinator", "member"]
    description: str
    model: str
    model_digest: str
    model_kind: str
    max_turns: int
    tools: list[PlannedToolShape]


class CostShape(Shape):
    """A range in micro-dollars, and the cap that is never passed."""

    low_micros: int
    high_micros: int
    cap_micros: int


class TimeShape(Shape):
    """A range in seconds, and the deadline; waiting for a person does not count."""

    low_s: int
    high_s: int
    cap_s: int


class ExpectedApproval(Shape):
    """A tool that will ask a person when it is called."""

    agent: str
    tool: str
    rule: str


class MissingShape(Shape):
    """Something the run would fail without."""

    what: str
    way_out: str


class PlanShape(Shape):
    """What would run; launch it by its hash. `policy` is the version of the rules that the verdicts come from.

    `notes` say what may not be meant, such as a tool that a feature flag takes away, or what may not do (a budget).
    """

    hash: str
    swarm: str
    swarm_digest: str
    pattern: str
    environment: str
    input: dict[str, Any]
    overrides: dict[str, Any]
    task: str
    agents: list[PlannedAgentShape]
    policy: str
    cost: CostShape
    time: TimeShape
    expected_approvals: list[ExpectedApproval]
    missing: list[MissingShape]
    notes: list[str]
    created_at: str


class RunDetail(RunShape):
    """A run with its agents, its plan, and at most 50 of its questions: `GET /api/v1/approvals?run=` has all."""

    agents: list[AgentRunShape]
    plan: PlanShape
    approvals: list[ApprovalShape]


class OverridesIn(Shape):
    """What a launch changes for this run only."""

    models: dict[str, str] = {}
    budget_usd: Annotated[str, Field(max_length=32)] = ""


class PreviewIn(Shape):
    """What to preview."""

    swarm: Annotated[str, Field(min_length=1, max_length=63)]
    input: Annotated[dict[str, Any], AfterValidator(finite)] = {}
    overrides: OverridesIn = OverridesIn()
    environment: Annotated[str, Field(max_length=63)] = "dev"


class LaunchIn(PreviewIn):
    """What to launch. With `plan_hash`, only exactly what was previewed."""

    plan_hash: Annotated[str, Field(max_length=71)] = ""


class CommandIn(Shape):
    """Something to say to a run."""

    kind: Literal["pause", "resume", "cancel"]
    reason: Annotated[str, Field(max_length=2000)] = ""
    expected_seq: int | None = None


class CommandOut(Shape):
    """The command was noted; `effect` says what will happen."""

    run: str
    kind: str
    accepted_at: str
    effect: str


class ResourceShape(Shape):
    """One version of a declared resource."""

    kind: str
    name: str
    digest: str
    version: int
    created_at: str
    created_by: str
    labels: dict[str, str]
    owner: str
    spec: dict[str, Any]
    manifest: str


class DiffLine(Shape):
    """A line of a diff."""

    op: Literal[" ", "+", "-"]
    text: str


class BoundToolShape(Shape):
    """A tool that is bound to an agent; `risk` is null as long as neither a person nor its server has said it."""

    server: str
    name: str
    risk: str | None


class AgentShape(Shape):
    """An agent's current version."""

    name: str
    digest: str
    description: str
    model: str
    model_kind: str | None
    owner: str
    labels: dict[str, str]
    versions: int
    updated_at: str
    tools: list[BoundToolShape]


class AgentDetail(AgentShape):
    """An agent with its spec."""

    spec: dict[str, Any]
    manifest: str


class ModelShape(Shape):
    """A declared model. `missing` says what it lacks before it can be asked."""

    name: str
    digest: str
    provider: str
    model: str
    kind: str
    base_url: str
    missing: MissingShape | None


class AuditRowShape(Shape):
    """One row of the audit trail."""

    seq: int
    at: str
    actor: str
    actor_kind: str
    action: str
    target: str
    phase: str
    run: str
    step: str
    trace_id: str
    data: dict[str, Any]
    prev_hash: str
    hash: str

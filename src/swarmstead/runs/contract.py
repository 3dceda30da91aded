"""What a swarm is declared as, what a run is, and what may be said to one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le, Len

RunStatus = Literal["queued", "running", "waiting", "paused", "succeeded", "failed", "cancelled"]
StepStatus = Literal["queued", "running", "waiting", "succeeded", "failed", "denied", "unknown", "cancelled"]
StepKind = Literal["model", "tool", "delegate"]
CommandKind = Literal["pause", "resume", "cancel"]
Desired = Literal["running", "paused", "cancelled"]
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})
ACTIVE: tuple[RunStatus, ...] = ("queued", "running", "waiting", "paused")
_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True)
class InputField:
    """One input of a swarm."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    type: Literal["text", "repository", "number", "boolean"]
    """`repository` is the path of a git repository on the server's machine, inside what the operator allows."""
    description: Annotated[str, Len(0, 500)] = ""
    """What it is for, for people."""
    required: bool = True
    """Whether a run needs it."""
    default: str | int | bool | None = None
    """Used when it is not given."""


@dataclass(frozen=True, slots=True)
class SwarmLimits:
    """What one run of a swarm may use."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    budget_usd: Annotated[str, Len(1, 32)] = "0.10"
    """The most the run may spend, in US dollars: `"0.10"`. It is never passed."""
    wall_clock_s: Annotated[int, Ge(1), Le(604_800)] = 900
    """How long the run may work, in seconds.

    Time spent waiting for a person, paused, or without a server does not count.
    """
    max_agents: Annotated[int, Ge(1), Le(200)] = 16
    """How many agent runs one run may start, the coordinator included."""


@dataclass(frozen=True, slots=True)
class SwarmSpec:
    """Spec of `kind: Swarm`: a pattern over agents, with inputs."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pattern: Literal["delegate"]
    """`delegate`: the coordinator gives tasks to members and works with what they answer."""
    coordinator: Annotated[str, Len(1, 63)]
    """The agent that gets the task."""
    task: Annotated[str, Len(1, 20_000)]
    """What the coordinator is asked; `{name}` stands for an input."""
    members: Annotated[tuple[str, ...], Len(0, 64)] = ()
    """Agents that the coordinator may delegate to."""
    inputs: Mapping[str, InputField] = field(default_factory=dict[str, InputField])
    """What a run has to be given."""
    limits: SwarmLimits = field(default_factory=SwarmLimits)
    """What one run may use."""
    description: Annotated[str, Len(0, 500)] = ""
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a launch changes for this run only; part of the plan and of its hash."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    models: Mapping[str, str] = field(default_factory=dict[str, str])
    """Agent name -> name of the Model that thinks for it in this run."""
    budget_usd: Annotated[str, Len(0, 32)] = ""
    """Another budget for this run, in US dollars."""


@dataclass(frozen=True, slots=True)
class PlannedTool:
    """A tool as a plan pins it: a changed definition is refused when it is called.

    `rules` are the ids behind the verdict; `conditional` names rules that read arguments or the clock, so that the
    verdict on a call may be another one.
    """

    server: str
    name: str
    description: str
    input_schema: Mapping[str, Any]
    risk: str
    idempotent: bool
    schema_hash: str
    verdict: Literal["allow", "ask", "deny"]
    rule: str
    rules: tuple[str, ...] = ()
    conditional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedAgent:
    """An agent as a plan pins it."""

    name: str
    digest: str
    role: Literal["coordinator", "member"]
    description: str
    instructions: str
    max_turns: int
    model: str
    model_digest: str
    model_kind: str
    tools: tuple[PlannedTool, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something a run would fail without. `what` and `way_out` are whole sentences, shown one after the other."""

    what: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run. `hash` covers everything but the estimates: what runs is what was previewed.

    `policy` is the version of the rules that the verdicts come from. `notes` are whole sentences about what may not be
    meant, or may not do: a tool that is switched off, a day's budget that is nearly used up. They keep it from nothing.
    """

    hash: str
    swarm: str
    swarm_digest: str
    pattern: str
    environment: str
    input: Mapping[str, Any]
    overrides: Mapping[str, Any]
    task: str
    root: str
    agents: tuple[PlannedAgent, ...]
    budget_micros: int
    wall_clock_s: int
    max_agents: int
    cost_low_micros: int
    cost_high_micros: int
    time_low_s: int
    time_high_s: int
    missing: tuple[Missing, ...]
    created_at: int
    policy: str = ""
    notes: tuple[str, ...] = ()

    def agent(self, name: str) -> PlannedAgent | None:
        """The planned agent of that name."""
        return next((agent for agent in self.agents if agent.name == name), None)


@dataclass(frozen=True, slots=True)
class Launch:
    """The wish to run a swarm. `plan_hash` is what was previewed; '' takes what would run now."""

    swarm: str
    input: Mapping[str, Any]
    overrides: Overrides
    environment: str
    plan_hash: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person says to a run. `expected_seq`: refused when the run has moved past this event."""

    run: str
    kind: CommandKind
    reason: str = ""
    expected_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, to be appended. Payloads go by hash; `data` is small and redacted."""

    tenant: str
    kind: str
    actor: str
    run: str = ""
    step: str = ""
    trace_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as stored. `seq` counts within the tenant, without gaps, in commit order."""

    seq: int
    at: int
    tenant: str
    run: str
    step: str
    kind: str
    actor: str
    trace_id: str
    data: Mapping[str, Any]
    schema: int


def run_topic(run: str) -> str:
    """The signal that a run's wish (pause, resume, cancel) has changed."""
    return f"run:{run}"


def agent_topic(agent_run: str) -> str:
    """The signal that an agent run has ended."""
    return f"agent:{agent_run}"


def events_topic(tenant: str) -> str:
    """The signal that a tenant has new events."""
    return f"events:{tenant}"

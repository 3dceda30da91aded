"""Tool servers, tools, bindings and calls, as other rooms see them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le, Len

from swarmstead.gateway.relay import Relay
from swarmstead.gateway.traffic.spec import ServerLimits
from swarmstead.kernel.scope import Scope
from swarmstead.storage.database import Tx

Risk = Literal["read", "write", "danger", "unknown"]
Kind = Literal["tool", "resource", "prompt"]
Transport = Literal["stdio", "http"]
ToolState = Literal["accepted", "quarantined", "unusable"]
BUILTIN = "builtin:"
TOOLS_CALL = "tools/call"
CHANGES: Mapping[str, tuple[Kind, str]] = {
    "notifications/tools/list_changed": ("tool", "toolsListChanged"),
    "notifications/prompts/list_changed": ("prompt", "promptsListChanged"),
    "notifications/resources/list_changed": ("resource", "resourcesListChanged"),
}
"""What tells that a list has changed: which, and how MCP calls the wish to be told."""
UPDATED, SUBSCRIPTIONS = "notifications/resources/updated", "resourceSubscriptions"
SEPARATOR = "__"  # between server and tool; MCP allows dots and slashes in names, model providers do not
_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True)
class ToolServerSpec:
    """Spec of `kind: ToolServer`: how an MCP server is reached and what its tools may do."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    transport: Transport
    """`stdio` starts a program and speaks over its pipes; `http` is MCP's Streamable HTTP."""
    command: Annotated[tuple[str, ...], Len(0, 64)] = ()
    """For stdio: program and arguments.

    `builtin:git`, `builtin:files` and `builtin:report` are shipped with the product.
    """
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """For stdio: environment variables; a value may be a reference (`env:NAME`, `file:/path`).

    Nothing else is passed on.
    """
    url: Annotated[str, Len(0, 2000)] = ""
    """For http: the endpoint, e.g. `http://127.0.0.1:8900/mcp`."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """For http: headers sent with each request; a value may be a reference.

    The caller's credential never goes upstream.
    """
    root: Annotated[str, Len(0, 200)] = ""
    """For stdio: which input of a run names the folder this server is limited to, e.g.

    `repo`. One process per folder.
    """
    risk: Mapping[str, Risk] = field(default_factory=dict[str, Risk])
    """Risk class per tool, over what the server's annotations say. A tool with no class at all is denied."""
    idempotent: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Tools that may safely be called twice with the same arguments, over what the annotations say."""
    preview: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tools with a dry run of their own: `{write: preview}` shows what `write` would do by calling `preview`."""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Arguments that a call gets where it leaves them out: `{delete: {dry_run: true}}`. A plan shows them."""
    pin: Literal["first-use", "reviewed"] = "first-use"
    """Whether a tool's definition is trusted when it is first seen, or waits for a person like a changed one."""
    flags: Mapping[str, Annotated[str, Len(1, 64)]] = field(default_factory=dict[str, str])
    """Tools that are there for a caller only while a FeatureFlag is on, by its name: `{wipe: wiping}`; with `!` before
    the name, only while it is off."""
    limits: ServerLimits = field(default_factory=ServerLimits)
    """How hard the server may be worked."""
    sessions: Literal["caller", "tenant"] = "caller"
    """Who shares a session (for stdio: a process) with this server: nobody, or all callers of the tenant.

    Servers that keep nothing between calls may be shared, as the shipped ones always are.
    """

    @property
    def shared(self) -> bool:
        """Whether all callers of a tenant use one session."""
        return self.sessions == "tenant" or self.builtin

    @property
    def place(self) -> tuple[object, ...]:
        """What it takes to be the same server: a call is known there under its key, and nowhere else."""
        return self.transport, self.command, dict(self.env), self.url, dict(self.headers), self.root

    @property
    def builtin(self) -> bool:
        """Whether the server ships with the product."""
        return bool(self.command) and self.command[0].startswith(BUILTIN)


@dataclass(frozen=True, slots=True)
class BindingSpec:
    """Spec of `kind: Binding`: which tools of one server an agent may call.

    What is not bound is invisible to the agent.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    agent: Annotated[str, Len(1, 140)]
    """The agent's name, `NAME@sha256:…` for one version of it only, or `*` for callers that are not agents (outside MCP
    clients)."""
    server: Annotated[str, Len(1, 63)]
    """The tool server's name."""
    tools: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Names of the tools; each is listed, there is no wildcard. A binding that names nothing grants nothing."""
    resources: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Addresses of MCP resources that may be read: whole ones, or beginnings that end with `*`."""
    prompts: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Names of MCP prompts that may be fetched."""
    environments: Annotated[tuple[str, ...], Len(0, 100)] = ()
    """Environments in which the binding holds; none named: in all of them."""
    roles: Annotated[tuple[str, ...], Len(0, 20)] = ()
    """For `agent: "*"`: roles of which the caller needs one; none named: any caller that may call tools."""
    mode: Literal["enforce", "monitor"] = "enforce"
    """`monitor` is for a grant that may be taken back: it still holds, and the trail says of each call that only such
    bindings allow that it would have been denied."""


@dataclass(frozen=True, slots=True)
class FeatureFlagSpec:
    """Spec of `kind: FeatureFlag`: whether the tools are there that name it in their ToolServer's `flags`.

    A flag that nobody has declared is off.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    enabled: bool
    """Whether it is on, where `environments` and `share` say."""
    environments: Annotated[tuple[str, ...], Len(0, 100)] = ()
    """Where it is on; none named: everywhere."""
    share: Annotated[float, Ge(0), Le(1)] = 1.0
    """The share of callers for whom it is on, the same ones each time: agents by name, others by id."""
    description: Annotated[str, Len(0, 500)] = ""
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class SelectionSpec:
    """One server's part of a tool set."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    server: Annotated[str, Len(1, 63)]
    """The tool server's name."""
    tools: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Names of the tools that the set shows."""
    resources: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Addresses of resources that the set shows: whole ones, or beginnings that end with `*`."""
    prompts: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Names of the prompts that the set shows."""


@dataclass(frozen=True, slots=True)
class ToolSetSpec:
    """Spec of `kind: ToolSet`: a virtual server at `/mcp/NAME`, made of tools of many.

    It selects and names; who may call what is still said by bindings.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    select: Annotated[tuple[SelectionSpec, ...], Len(1, 200)]
    """What the set is made of, server by server."""
    names: Literal["plain", "prefixed"] = "plain"
    """`plain` shows a tool under its own name, and two tools of one name are refused; `prefixed` as `server__tool`."""
    instructions: Annotated[str, Len(0, 4000)] = ""
    """What a client is told when it connects."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """An argument that is repeated in the header `mcp-param-HEADER`; `kind` is its JSON type."""

    path: tuple[str, ...]
    header: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool of one server, as discovered and classed. `schema_hash` covers all that it says of itself but its icons.

    `definition` is as the server gave it. What is not `accepted` cannot be called; only operators see it, and why.
    """

    server: str
    name: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None
    risk: Risk
    idempotent: bool
    schema_hash: str
    definition: Mapping[str, Any] = field(default_factory=dict[str, Any])
    mirrors: tuple[Mirror, ...] = ()
    state: ToolState = "accepted"
    problem: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """`server__tool`: what models see."""
        return f"{self.server}{SEPARATOR}{self.name}"


@dataclass(frozen=True, slots=True)
class ServerRef:
    """A tool server ready to be reached: its name, spec and the folder it is limited to ('' for none)."""

    name: str
    spec: ToolServerSpec
    root: str = ""
    version: str = ""
    """The tenant and the digest of the declaration that `spec` comes from: one definition for all lanes."""
    lane: str = ""
    """Who shares a session with it; '' for everybody in the tenant."""
    identity: str = ""
    """Whose the lane is, a key, person or agent, who may have several; '' for everybody in the tenant."""
    modern: bool = False
    """Whether it is best asked without a session, as its caller asks us."""
    tenant: str = ""
    """Whose it is."""

    @property
    def key(self) -> tuple[object, ...]:
        """What a session is kept under."""
        return (self.version or repr(self.spec), self.name, self.root, self.lane, self.modern)

    @property
    def definition(self) -> tuple[str, ...]:
        """What its list of tools is kept under: all lanes see the same."""
        return (self.tenant, self.version or repr(self.spec), self.name, self.root)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an agent inside a run, or an outside client (`agent` is '').

    `agent_digest` is the agent version that the run was previewed with; '' stands for the one declared now.
    `session` names the MCP session of an outside client, '' for one that keeps none. `modern`: it speaks MCP without
    sessions, and is best served by a tool server that does too. `traceparent` is what the client has said its trace is,
    in W3C's form, and `trace_id` the id in it; of a run only the id is there, and each call is a span of its own.
    """

    scope: Scope
    agent: str = ""
    run: str = ""
    agent_run: str = ""
    swarm: str = ""
    environment: str = ""
    trace_id: str = ""
    agent_digest: str = ""
    session: str = ""
    modern: bool = False
    traceparent: str = ""

    @property
    def subject(self) -> str:
        """How shares tell callers apart: `agent/NAME`, or `user/ID` for one that is no agent."""
        return f"agent/{self.agent}" if self.agent else f"user/{self.scope.actor.id}"


class Withdrawn(Exception):
    """Raised by a caller's own hook: it found that the call is not its to make. Nothing has happened or is recorded."""


@dataclass(frozen=True, slots=True)
class CallHooks:
    """Lets a run keep its own records in the very transactions in which the gateway keeps its audit rows.

    `asked` joins the transaction that puts a plan into the inbox; `begin` the one that says "about to call" (only
    before side effects); `settle` the one that records the outcome. Each may run twice and must touch nothing but the
    Tx.
    """

    asked: "Callable[[Tx, PlanNeeded], None] | None" = None
    begin: Callable[[Tx], None] | None = None
    settle: "Callable[[Tx, CallOutcome], None] | None" = None


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One tool call on its way through the chain.

    `key` names it for ever: a repeat carries the same key. `root` is the folder a root-limited server works in;
    `schema_hash`, when given, is the tool definition that was previewed: another one is refused. `repeat` is set only
    by a run that found this very call in flight after a crash and may send it again; it lets the plan be spent a
    second time. `by_plan`: the plan is all that the caller has named, so it is spent or the call is refused, also where
    policies would let it through without. `planned` false says that the caller's plan does not hold this tool: it is
    refused like one that does not exist, even if it was bound since.

    `kind` says what is asked for: a tool by default; else `tool` holds the address of a resource or the name of a
    prompt, and `method` the MCP request. `more` holds further params of the request, sent on as they came.
    `mirrored` are the `mcp-param-…` headers that came with it, decoded (None: that could not be done), where headers
    have to agree with arguments.
    """

    caller: Caller
    server: str
    tool: str
    arguments: Mapping[str, Any]
    key: str
    root: str = ""
    schema_hash: str = ""
    planned: bool = True
    plan_id: str = ""
    by_plan: bool = False
    repeat: bool = False
    hooks: CallHooks = field(default_factory=CallHooks)
    kind: Kind = "tool"
    method: str = TOOLS_CALL
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    mirrored: Mapping[str, str | None] | None = None
    relay: Relay | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CallResult:
    """What the server answered. `content` is MCP content blocks, passed through unflattened.

    `more` is every other field of the result: of a tool's seldom any, of anything else's all of it.
    """

    content: tuple[Mapping[str, Any], ...] = ()
    structured: Mapping[str, Any] | None = None
    is_error: bool = False
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        """The text blocks joined: what a model reads."""
        return "\n".join(str(block.get("text", "")) for block in self.content if block.get("type") == "text")


Verdict = Literal["ok", "tool_error", "denied", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class RpcFault:
    """A JSON-RPC error in a tool server's own words, without secrets: MCP clients act upon its code and data."""

    code: int
    message: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a call ended. `unknown`: it was sent and no answer came; nobody can say whether it happened.

    `fault` is there where the server turned the call away with a JSON-RPC error.
    `retry_after_s`, when it is not 0: a limit stood in the way, and this is when to try again.
    `effect`: it was begun as a side effect, as the tool is classed now, and calling it twice is not calling it once.
    """

    verdict: Verdict
    result: CallResult | None = None
    code: str = ""
    reason: str = ""
    way_out: str = ""
    duration_ms: int = 0
    fault: RpcFault | None = None
    retry_after_s: float = 0.0
    effect: bool = False

    def after(self, duration_ms: int, *, effect: bool = False) -> "CallOutcome":
        """The same, once it is known how long it took, and what it was."""
        known = (self.verdict, self.result, self.code, self.reason, self.way_out)
        return CallOutcome(*known, duration_ms, self.fault, self.retry_after_s, effect)


@dataclass(frozen=True, slots=True)
class PlanNeeded:
    """The call has a side effect and waits for a person. Call again with `plan_id` once it is approved."""

    plan_id: str
    hash: str
    expires_at: int

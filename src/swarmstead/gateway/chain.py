"""The chain that every tool call walks, in this order, whoever calls. There is no other path to a tool.

    record     one audit row for every outcome, refusals too: with the run's own row in one transaction, or with others
    grant      is this tool bound to this caller? what is not bound does not exist for them
    contract   fills in the server's defaults; is the tool's definition the one that was pinned, and the one that was
               previewed? do the arguments satisfy its JSON Schema, and the bounds that hold beside it?
    expensive  has the run called this expensive tool as often as it may?
    permit     by policy: straight through, wait for a person (plan), or never; what would change since a plan was
               approved is asked about again
    rate       is there a token for the tenant, the identity and the tool? inside a run the call waits for it
    load       is there room? a queue, or a refusal, at so many calls of one tool and of one tenant
    breaker    is the server, or the tool, to be left alone because it keeps failing?
    attempt    before a side effect: a plan is spent, `intent` and `attempt` are on disk, or the call does not happen
    retry      once more where that is safe, within the call's time and the server's share of retries
    redact     credentials are taken out of what comes back
    result     is the answer no larger than allowed, and does it satisfy the schema that the tool declares?
    upstream   the MCP server

Each link is a small object with frozen inputs: it gets a `Call` and the rest of the chain, and either answers or goes
on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from swarmstead.gateway.contract import CallOutcome, CallRequest, PlanNeeded, ServerRef, Tool
from swarmstead.gateway.offers import Listed
from swarmstead.gateway.traffic.gate import Slots
from swarmstead.permits.contract import PolicyVerdict
from swarmstead.telemetry.spans import OpenSpan


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a call would do, for a person who only tries: nothing was asked, and no tool with a side effect was called.

    `effect` is what the tool's own preview says of it, `{"kind": "none"}` where it has none.
    """

    verdict: PolicyVerdict
    risk: str
    schema_hash: str
    sentence: str
    effect: Mapping[str, Any]


Answer = CallOutcome | PlanNeeded | Foreseen


@dataclass(slots=True)
class Progress:
    """How far a call has come, for links that stand before the one that knows."""

    dry_run: bool = False
    """A person tries the tool: a read is carried out, anything else is only foreseen."""
    attempted: bool = False
    """`intent` and `attempt` are written: a side effect may have happened."""
    request: CallRequest | None = None
    """The request as it is carried out, once defaults are filled in."""
    risk: str = ""
    idempotent: bool = False
    monitored: bool = False
    """Only bindings that are monitored allow it: without them it would have been denied."""
    policy: PolicyVerdict | None = None
    """What the policies have said; until then it was refused for another reason."""
    precondition: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the approved plan is bound to of the world that its tool's preview saw; empty for nothing."""
    slots: Slots | None = None
    """What the call holds of its tool's gate and its tenant's; None before, after, and while its client is asked."""
    turns: tuple[int, int] | None = None
    """Since when the breakers of its tool and its server listen to how it ends."""
    asked: bool = False
    """Its client was asked something meanwhile: to send it again would be to ask again."""
    granted: bool = False
    """What it asks for is bound to its caller: the name is a declared one, and not only a word of the caller's."""
    span: OpenSpan | None = None
    """The call as a trace sees it; None for most calls, which are not looked at."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request and what the links so far have found out about it.

    `timeout_s`: what is left of the time that it may take; 0 for all that its server's spec or the settings give.
    """

    request: CallRequest
    server: ServerRef | None = None
    listed: Listed | None = None
    progress: Progress = field(default_factory=Progress)
    timeout_s: float = 0.0

    def found(self, server: ServerRef, listed: Listed | None) -> "Call":
        """This call with its server known, and its tool if it is for one."""
        return Call(self.request, server, listed, self.progress, self.timeout_s)

    def asking(self, request: CallRequest) -> "Call":
        """This call with its request as it is carried out."""
        self.progress.request = request
        return replace(self, request=request)

    @property
    def carried(self) -> CallRequest:
        """The request as it is carried out, also for links that stand before the one that filled it in."""
        return self.progress.request or self.request

    @property
    def place(self) -> ServerRef:
        """The server. Fails: LookupError before the grant link has found it: a link is out of order."""
        if self.server is None:
            raise LookupError("the chain is out of order: the server is not known yet")
        return self.server

    @property
    def tool(self) -> Tool | None:
        """The tool; None for a resource or a prompt."""
        return None if self.listed is None else self.listed.tool

    @property
    def repeatable(self) -> bool:
        """Whether to ask twice is to ask once."""
        return self.listed is None or self.listed.tool.idempotent

    @property
    def target(self) -> tuple[ServerRef, Listed]:
        """Server and tool. Fails: LookupError where there is none: a link is out of order."""
        if self.server is None or self.listed is None:
            raise LookupError("the chain is out of order: the tool is not known yet")
        return self.server, self.listed


Next = Callable[[Call], Awaitable[Answer]]


class Link(Protocol):
    """One interceptor."""

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        """Answer, or `await proceed(call)` and pass on what comes back."""
        ...


def chained(links: Sequence[Link], last: Next) -> Next:
    """The links in order, ending in `last`."""
    proceed = last
    for link in reversed(links):
        proceed = _bound(link, proceed)
    return proceed


def _bound(link: Link, proceed: Next) -> Next:
    return lambda call: link(call, proceed)  # the link's own coroutine: one of ours around it would cost at every step

"""What tool servers offer, session by session: each has to be looked at by itself, for behind each may be another one.

A program that is started anew, or a server that has forgotten its sessions, may have other definitions than before.
So what one session was found to offer says nothing about the next.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from swarmstead.gateway.contract import Tool
from swarmstead.gateway.errors import PinMoved, ToolQuarantined, ToolUnknown, ToolUnusable
from swarmstead.gateway.schemas.compiled import Contract

if TYPE_CHECKING:
    import asyncio

TOOLS_CHANGED = "notifications/tools/list_changed"
_SHORTEST_S, _LONGEST_S = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool with its contract. `tool.state` says whether it may be called."""

    tool: Tool
    contract: Contract


Tools = Mapping[str, Listed]


class Pace:
    """How soon a server that says again and again that it has changed is looked at again.

    At once the first time; then after 50 ms, and twice that each further time, up to 2 s. A quiet while forgives all.
    """

    __slots__ = ("_next", "_pause")

    def __init__(self) -> None:
        self._next = 0.0
        self._pause = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the look that is wanted at `now` may begin; it is counted as one."""
        quiet = now - self._next > _LONGEST_S
        self._pause = _SHORTEST_S if quiet else min(2 * self._pause, _LONGEST_S)
        begins = max(now, self._next)
        self._next = begins + self._pause
        return begins - now


@dataclass(slots=True, eq=False)
class Look:
    """A look at what is offered, until it has ended."""

    task: "asyncio.Task[Reading]"
    as_of: int | None = None
    """How much had happened when its question left; None while it waits for its turn, and so will see all of it."""


@dataclass(slots=True, eq=False)
class Place:
    """What can be looked at: at most one look is under way, and at most one waits for it."""

    looking: Look | None = None
    doubts: int = 0
    """How often there was reason to look again, at this place alone."""
    told: int | None = None
    """How often its server had said that it has changed, at the last look; None before the first."""
    pace: Pace = field(default_factory=Pace)


@dataclass(slots=True, eq=False)
class Book(Place):
    """A server as it is declared, with a folder: whatever is known of it, over all its sessions."""

    generation: int = 0
    """Counts what makes everything that was read of it outdated."""
    changes: int = 0
    """How often the server has said that its tools have changed, over whichever session."""
    latest: "Offer | None" = None


@dataclass(slots=True, eq=False)
class Offer:
    """What one or more sessions were found to offer, alike in all of them; who reads it again reads it for all."""

    book: Book
    generation: int
    until: int
    """Milliseconds; asked for again after that."""
    tools: Tools

    def holds(self, now: int) -> bool:
        """Whether it may be relied on."""
        return self.generation == self.book.generation and self.until > now

    def is_like(self, tools: Tools) -> bool:
        """Whether these are the same tools with the same definitions."""
        mine = self.tools
        return mine.keys() == tools.keys() and all(
            one.tool.schema_hash == mine[name].tool.schema_hash for name, one in tools.items()
        )


@dataclass(slots=True, eq=False)
class Conversation(Place):
    """One session with a tool server, from its handshake on. `offer` is what it was found to offer, None until then."""

    changed: Callable[[], None] | None = None
    offer: Offer | None = None
    era: int | None = None
    """Of the connections over which it was looked at, where nothing else tells that it is still the same server."""
    kept: bool = True
    """Whether connections last from a look to the call after it; where they never do, the era tells nothing there."""

    def moved(self, era: int | None) -> bool:
        """It was looked at in this era; whether that is a new one, in which what was known before is in doubt."""
        if era == self.era:
            return False
        self.doubt()
        self.era = era
        return True

    def hear(self, method: str) -> None:
        """What the server tells on its own: it may be that its tools are not what they were."""
        if method == TOOLS_CHANGED:
            self.doubt()
            if self.changed is not None:
                self.changed()

    def doubt(self) -> None:
        """Nobody knows any more what it offers."""
        self.doubts += 1
        self.offer = self.era = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Definitions (MCP `Tool` objects), and the session that gave them, with its doubts when they were asked for.

    `era` is that of the connections over which they came, as `Conversation.era`.
    """

    conversation: Conversation
    doubts: int
    definitions: Sequence[Mapping[str, Any]]
    era: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look has found, in which session, and over connections of which era."""

    conversation: Conversation
    offer: Offer
    era: int | None = None


Vet = Callable[[Conversation], Awaitable[Reading] | None]
"""Says whether a call may go out in this session, before it does: the definition it was judged by is the one offered.

None: it may. Else to be awaited: a look is needed first, and the call may go out in the session and era of that.
Fails, then or at once: ToolQuarantined, ToolUnusable, ToolUnknown, PinMoved, UpstreamFailed.
"""


def check_same(judged: Listed, found: Listed | None) -> None:
    """Refuse what was judged by another definition than the one that is `found` now. Fails: as `Vet`."""
    if found is judged:
        return
    tool = judged.tool
    if found is None:
        raise ToolUnknown(
            f"Denied: {tool.server!r} does not have {tool.name!r} any more; nothing was sent.",
            way_out=f"`stead mcp inspect {tool.server}` shows what it has.",
        )
    if found.tool.state != "accepted":
        raise shut(found.tool)
    if found.tool.schema_hash != tool.schema_hash:
        raise PinMoved(
            f"Denied: the definition of {tool.name!r} of {tool.server!r} has changed while it was being called; "
            "nothing was sent.",
            way_out="Look at the new definition, then call it again.",
        )


def shut(tool: Tool) -> ToolQuarantined | ToolUnusable:
    """Why a tool that is not accepted is not called."""
    if tool.state == "quarantined":
        return ToolQuarantined(
            f"Denied: {tool.name!r} of {tool.server!r} is quarantined: {tool.problem}.",
            way_out=f"Somebody who may declare resources looks at it with `stead mcp inspect {tool.server}`, "
            "then accepts or releases it.",
        )
    return ToolUnusable(
        f"Denied: {tool.name!r} of {tool.server!r} cannot be used. {tool.problem}",
        way_out="Have its server mended.",
    )

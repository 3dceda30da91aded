"""Streams of a session that a client can take up again where its connection broke (MCP 2025-11-25, "Resumability").

Each event has an id: which stream, and how many came before it. What went out is kept for a while, all sessions
together within a few megabytes; what was pushed out by others' cannot be taken up again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Receive, Send

from swarmstead.doors.mcp.sse import EVENTS, PING, PING_S
from swarmstead.doors.mcp.standing import Standing

RETRY_MS = 500
_MOST_BYTES = 16 * 1024 * 1024
_MOST_OF_ONE = 4 * 1024 * 1024
_LONGEST = 40
_MOST_STREAMS = 10_000


class Replay:
    """What went out on one stream. `grown` is told of each event's size; one that gets too long is not kept."""

    def __init__(self, number: int, grown: Callable[[int], None]) -> None:
        self._number = number
        self._grown = grown
        self._count = 0
        self.events: list[bytes] = []
        self.bytes = 0
        self.kept = True
        self.ended = False
        self.stir = asyncio.Event()
        """Set with the next event, or the end; then another takes its place."""

    def add(self, message: bytes) -> bytes:
        """A message as an event with an id. The first one is empty: it tells the id to begin with."""
        retry = b"" if message else b"retry: %d\r\n" % RETRY_MS
        written = b"id: %d-%d\r\n%sdata: %s\r\n\r\n" % (self._number, self._count, retry, message)
        self._count += 1
        if self.bytes + len(written) > _MOST_OF_ONE:
            self.drop()
        if self.kept:
            self.events.append(written)
            self.bytes += len(written)
            self._grown(len(written))
        self._stirred()
        return written

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self._stirred()

    def drop(self) -> None:
        """It cannot be taken up again."""
        self._grown(-self.let_go())

    def let_go(self) -> int:
        """The same, for who keeps the count: the bytes that were kept."""
        freed, self.bytes = self.bytes, 0
        self.kept = False
        self.events.clear()
        self.end()
        return freed

    def _stirred(self) -> None:
        self.stir.set()
        self.stir = asyncio.Event()


class Replays:
    """The streams that are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Replay] = OrderedDict()
        self._numbers: dict[str, set[int]] = {}  # of each session's streams
        self._opened = 0
        self._bytes = 0

    def open(self, session: str) -> Replay:
        """A new stream of a session."""
        self._opened += 1
        replay = self._kept[session, self._opened] = Replay(self._opened, self._grew)
        self._numbers.setdefault(session, set()).add(self._opened)
        if len(self._kept) > _MOST_STREAMS:
            self._drop(next(iter(self._kept)))
        return replay

    def forget(self, session: str) -> None:
        """Nothing of a session is kept any more, and whoever reads a stream of it is let go."""
        for number in list(self._numbers.get(session, ())):
            self._drop((session, number))

    def find(self, session: str, last_event: str) -> tuple[Replay, int] | None:
        """The stream of an event, and how many of its events the client has."""
        stream, mark, number = last_event.partition("-")
        if not mark or not stream.isdecimal() or not number.isdecimal() or len(last_event) > _LONGEST:
            return None
        replay = self._kept.get((session, int(stream)))
        return (replay, int(number) + 1) if replay is not None and replay.kept else None

    def _grew(self, size: int) -> None:
        self._bytes += size
        while self._bytes > _MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, int]) -> None:
        numbers = self._numbers[key[0]]
        numbers.discard(key[1])
        if not numbers:
            del self._numbers[key[0]]
        self._bytes -= self._kept.pop(key).let_go()


async def resume(
    replay: Replay, seen: int, receive: Receive, send: Send, closing: asyncio.Event, standing: Standing
) -> None:
    """Send what a client has not seen of a stream, and what is still to come, while its credential holds."""
    await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
    ends = [asyncio.create_task(one) for one in (gone(receive), closing.wait(), standing.lost())]
    try:
        while not any(task.done() for task in ends):
            stir = replay.stir  # before the look at what there is: what comes later stirs this one
            while seen < len(replay.events):
                written = replay.events[seen]
                if not await standing.holds():
                    break
                await send({"type": "http.response.body", "body": written, "more_body": True})
                seen += 1
            if seen < len(replay.events) or replay.ended:
                break
            stirred = asyncio.create_task(stir.wait())
            done, _ = await asyncio.wait([stirred, *ends], timeout=PING_S, return_when=asyncio.FIRST_COMPLETED)
            stirred.cancel()
            if not done:
                await send({"type": "http.response.body", "body": PING, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        for task in ends:
            task.cancel()


async def gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass

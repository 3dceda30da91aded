"""In the era without sessions a client calls its request off by closing the connection (MCP 2026-07-28)."""

import asyncio
from types import TracebackType

from starlette.types import Receive

from swarmstead.doors.mcp.resuming import gone

_AFTER_S = 0.02


class Leaving:
    """Within it, the running task is cancelled when the client closes the connection, and ends without an answer.

    Only what takes longer than 20 ms has its connection watched. Cost: a timer for what does not.
    """

    __slots__ = ("_left", "_receive", "_task", "_timer", "_watching")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(_AFTER_S, self._watch)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if self._task is None or not self._left or not isinstance(error, asyncio.CancelledError):
            return False
        self._task.uncancel()
        return True

    def _watch(self) -> None:
        self._watching = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        await gone(self._receive)
        if self._task is not None:
            self._left = True
            self._task.cancel()

"""Looking names up with the system's resolver: bounded in time, remembered for a moment."""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence


class SystemResolver:
    """Satisfies `gateway.ports.Resolver`. What is found is kept for `keep_s` seconds, for `most` names; faults are not.

    Requests for one name at the same time share one look-up. A look-up that takes too long goes on in its thread; only
    nobody waits for it any more.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 4.0,
        keep_s: float = 5.0,
        most: int = 256,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s = timeout_s
        self._keep_s = keep_s
        self._most = most
        self._clock = clock
        self._found: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._under_way: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    async def resolve(self, host: str) -> Sequence[str]:
        """The addresses of a name, in the system's order. Fails: OSError, TimeoutError among them."""
        kept = self._found.get(host)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        under_way = self._under_way.get(host)
        if under_way is None:
            under_way = asyncio.ensure_future(self._look_up(host))
            self._under_way[host] = under_way
            under_way.add_done_callback(lambda done: self._done(host, done))
        return await asyncio.shield(under_way)

    async def _look_up(self, host: str) -> tuple[str, ...]:
        async with asyncio.timeout(self._timeout_s):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _done(self, host: str, done: "asyncio.Future[tuple[str, ...]]") -> None:
        del self._under_way[host]
        if done.cancelled() or done.exception() is not None:  # looking at it keeps asyncio from complaining
            return
        while len(self._found) >= self._most:
            del self._found[next(iter(self._found))]
        self._found[host] = (self._clock() + self._keep_s, done.result())

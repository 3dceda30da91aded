"""The way to one tool server: at most one session, and how it has gone lately."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from swarmstead.gateway.adapters.mcp_messages import Message, Session, SessionLost
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.contract import ServerRef
from swarmstead.gateway.health import SessionState
from swarmstead.gateway.relay import Relay

_MOST_DOUBLINGS = 20


class Line:
    """What the pool keeps of one `ServerRef`."""

    def __init__(self, server: ServerRef) -> None:
        self.server = server
        self.session: Session | None = None
        self.starting: asyncio.Task[None] | None = None
        self.secrets: tuple[str, ...] = ()
        self.calls = 0
        self.listeners: list[Relay] = []
        self.streams: set[asyncio.Future[None]] = set()
        """What is under way for those who listen; it ends with the session."""
        self.last_used = 0.0
        self.failures = 0
        self.closed_until = 0.0
        self.why = ""
        self.code = ""
        self._trouble = ""
        self._since: float | None = None
        self._asked_at = 0.0

    @property
    def idle(self) -> bool:
        """Whether nobody uses it, waits for it or listens to it, so that it may be closed."""
        return self.calls == 0 and self.starting is None and not self.listeners

    @property
    def held(self) -> bool:
        """Whether it takes a place among the sessions."""
        return self.session is not None or self.starting is not None

    @property
    def only_listens(self) -> bool:
        """Whether no call is in flight, though somebody listens to it."""
        return self.calls == 0 and self.starting is None and bool(self.listeners)

    async def end(self) -> None:
        """End its session and what goes with it. Who listens may have another one."""
        session, self.session = self.session, None
        for stream in self.streams:
            stream.cancel()
        if session is not None:
            await session.aclose()

    def tell(self, method: str, params: Message) -> None:
        """What a program tells on its own, for all who listen."""
        for relay in tuple(self.listeners):
            relay.notify(method, params)

    def failed(self, now: float, limits: UpstreamLimits, why: str, code: str = "") -> None:
        """Its session did not come up, or ended by itself: after the second time in a row the next has to wait."""
        self.failures += 1
        self.why = why
        self.code = code
        if self.failures > 1:
            pause = limits.backoff_base_s * 2 ** min(self.failures - 2, _MOST_DOUBLINGS)
            self.closed_until = now + min(pause, limits.backoff_max_s)

    def went(self, now: float, trouble: str = "") -> None:
        """A question was answered, or why it was not."""
        if self._since is None or bool(trouble) != bool(self._trouble):
            self._since = now
        self._trouble = trouble
        self._asked_at = now

    def state(self, now: float) -> SessionState:
        """How it stands."""
        up = self.session is not None and self.session.usable
        return SessionState(
            server=self.server.name,
            version=self.server.version,
            up=up,
            protocol=self.session.version if self.session is not None and up else "",
            trouble=self.why if self.failures and not up else self._trouble,
            since_s=None if self._since is None else max(0.0, now - self._since),
            resting_s=0.0 if up else max(0.0, self.closed_until - now),
            ago_s=max(0.0, now - self._asked_at),
        )


async def hear(
    line: Line, session: Session, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]
) -> None:
    """Listen until the stream ends. Fails: SessionLost, also when its session has made room; RpcRefused."""
    stream = asyncio.ensure_future(session.listen(wanted, relay, ready))
    line.streams.add(stream)
    try:
        await asyncio.wait([stream])
    finally:
        line.streams.discard(stream)
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
    if stream.cancelled() or line.session is not session:
        raise SessionLost("it has made room for another session")
    stream.result()

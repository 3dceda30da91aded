"""How many streams a caller holds open: each keeps a connection and its buffers for as long as the client likes."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from swarmstead.kernel.errors import TooMuch
from swarmstead.kernel.scope import Scope

_AGAIN_S = 30


class OpenStreams:
    """Counts the open streams of each identity of a tenant, in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def one(self, caller: Scope) -> Generator[None]:
        """Hold one open within it. Fails: TooMuch, when the caller has as many as may be."""
        key = (caller.tenant, caller.actor.id)
        if self._open[key] >= self._most:
            raise TooMuch(
                f"This key or person has {self._most} streams open, and no more are given.",
                way_out="Close one, or raise STEAD_STREAMS_PER_IDENTITY.",
                code="too_many_streams",
                extra={"retry_after_s": _AGAIN_S},
            )
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def __len__(self) -> int:
        """How many are open, over all callers."""
        return self._open.total()


def streams_of(connection: HTTPConnection) -> OpenStreams:
    """Those of the door that this request came through."""
    return connection.app.state.streams

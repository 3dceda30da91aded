"""An answer: its status and headers, and its body whole or as a stream that holds the sender back."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Protocol

from swarmstead.gateway.adapters.http.errors import HttpFailed, TooLong


class Source(Protocol):
    """Where a body comes from: a connection."""

    def resume(self) -> None:
        """Read on."""
        ...

    def abort(self) -> None:
        """Nobody wants the rest: close."""
        ...

    def lend(self) -> None:
        """Take no place among the connections to its host, until the answer is over."""
        ...


class Response:
    """What a server answered. To be read to its end or closed; then its connection is free, or gone.

    Names of headers are in lower case; a header that came several times has its values joined by commas.
    """

    __slots__ = ("_chunks", "_error", "_held_back", "_source", "_waiter", "complete", "headers", "size", "status")

    def __init__(self, source: Source, status: int, headers: dict[bytes, bytes]) -> None:
        self.status = status
        self.headers = headers
        self.complete = False
        """Whether the end of the body has arrived; it may not have been read yet."""
        self.size = 0
        """Bytes that have arrived and not been read."""
        self._source = source
        self._chunks: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: HttpFailed | None = None
        self._held_back = False

    def header(self, name: str) -> str:
        """A header's value, '' when it is not there."""
        value = self.headers.get(name.encode())
        return value.decode("latin-1") if value else ""

    def whole(self) -> bytes | None:
        """The body, taken at once, if all of it has arrived and nothing was read; else None."""
        if not self.complete or self._error is not None:
            return None
        self.size = 0
        if len(self._chunks) == 1:
            return self._chunks.pop()
        body = b"".join(self._chunks)
        self._chunks.clear()
        return body

    async def read(self, cap: int) -> bytes:
        """The body. Fails: TooLong when it has more than `cap` bytes (then the connection is closed), Broken."""
        if self.complete and self.size <= cap and (whole := self.whole()) is not None:
            return whole
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > cap:
                self.close()
                raise TooLong(f"its answer has more than {cap} bytes")
            parts.append(chunk)
        return b"".join(parts)

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it comes. While nobody asks for the next chunk, the sender is held back. Fails: Broken."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self.size -= len(chunk)
                yield chunk
            if self._error is not None:
                raise self._error
            if self.complete:
                return
            if self._held_back:
                self._held_back = False
                self._source.resume()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def close(self) -> None:
        """Let go of it. What has not arrived yet is not wanted: its connection is closed."""
        self._chunks.clear()
        self.size = 0
        if not self.complete and self._error is None:
            self._source.abort()

    def lend(self) -> None:
        """Its rest waits for a person: from now on to its end its connection takes no place of others."""
        if not self.complete and self._error is None:
            self._source.lend()

    # What the connection says ----------------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> None:
        """More of the body."""
        self._chunks.append(chunk)
        self.size += len(chunk)

    def held_back(self) -> None:
        """The connection stopped reading; it goes on when all that has arrived is read."""
        self._held_back = True

    def fail(self, error: HttpFailed) -> None:
        """The rest will not come."""
        self._error = error

    def wake(self) -> None:
        """Something of the above happened."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

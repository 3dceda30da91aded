"""uvicorn's HTTP protocol with a deadline for headers: who opens a connection and says nothing does not keep it."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def with_header_timeout(seconds: float) -> type[asyncio.Protocol]:
    """The class for uvicorn's `http` setting; `seconds` run from the begin of a request to the end of its headers."""

    class Timed(HttpToolsProtocol):
        """One connection."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self._deadline: asyncio.TimerHandle | None = None

        # pyright: ignore[reportIncompatibleMethodOverride] - uvicorn narrows the type in the same way
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._start()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._stop()
            self._start()

        def on_headers_complete(self) -> None:
            self._stop()
            super().on_headers_complete()

        def _start(self) -> None:
            self._deadline = asyncio.get_running_loop().call_later(seconds, self.transport.close)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return cast("type[asyncio.Protocol]", Timed)

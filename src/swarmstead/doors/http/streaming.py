"""Server-sent events, written by hand: 2.5 us an event against 34 us through the framework's own.

Events are read from the database by number, so a reader that was away goes on where it stopped (`Last-Event-ID`). A
comment every five seconds keeps proxies from closing the stream and lets the reader see that it is alive; the
credential is looked at again then, so a revoked key stops hearing.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from swarmstead.doors.http import run_views
from swarmstead.doors.http.auth import app_of, scope_of
from swarmstead.doors.http.open_streams import streams_of
from swarmstead.kernel.scope import Scope
from swarmstead.runs import events, queries
from swarmstead.runs.contract import ENDED, StoredEvent, events_topic

_BEAT_S = 5.0
_BATCH = 500
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response):
    """A tenant's events, or one run's, from after a number on. A run's stream ends with the event `end`."""

    def __init__(self, request: Request, scope: Scope, after: int, run: str) -> None:
        super().__init__()
        self._request = request
        self._app = app_of(request)
        self._scope = scope
        self._after = after
        self._run = run

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Stream until the reader goes, the run has ended, or the server closes. Fails: TooMuch."""
        with streams_of(self._request).one(self._scope):
            await self._serve(receive, send)

    async def _serve(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        stream = asyncio.ensure_future(self._stream(send))
        gone = asyncio.ensure_future(_until_gone(receive))
        closing = asyncio.ensure_future(self._app.closing.wait())
        try:
            await asyncio.wait({stream, gone, closing}, return_when=asyncio.FIRST_COMPLETED)
            if stream.done():
                stream.result()
        finally:
            for task in (stream, gone, closing):
                task.cancel()
            await asyncio.gather(stream, gone, closing, return_exceptions=True)
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b""})

    async def _stream(self, send: Send) -> None:
        hello = json.dumps({"seq": self._after})
        await _write(send, f"event: hello\ndata: {hello}\n\n")
        topic = events_topic(self._scope.tenant)
        checked = time.monotonic()
        while True:
            if time.monotonic() - checked >= _BEAT_S:
                await scope_of(self._request)
                checked = time.monotonic()
            try:
                # Not wait_for: before Python 3.12 it swallows a cancellation that meets a result.
                async with asyncio.timeout(_BEAT_S):
                    batch = await self._app.signals.until(topic, self._more)
            except TimeoutError:
                await _write(send, ": beat\n\n")
                if await self._is_over():
                    break
                continue
            self._after = batch[-1].seq
            await _write(send, "".join(_frame(event) for event in batch))
            if len(batch) < _BATCH and await self._is_over():
                break
        await _write(send, "event: end\ndata: {}\n\n")

    async def _more(self) -> Sequence[StoredEvent] | None:
        found = await self._app.db.read(
            lambda conn: events.after(conn, self._scope, self._after, run=self._run, limit=_BATCH)
        )
        return found or None

    async def _is_over(self) -> bool:
        if not self._run:
            return False
        found = await self._app.db.read(lambda conn: queries.get(conn, self._scope, self._run))
        return found.row["status"] in ENDED and found.seq <= self._after


def _frame(event: StoredEvent) -> str:
    data = json.dumps(run_views.event(event), ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n"


async def _write(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

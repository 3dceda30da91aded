"""A session with a tool server over MCP's Streamable HTTP.

Each message is a POST; the answer is JSON or a stream of server-sent events. The session is the `Mcp-Session-Id` that
the server hands out at the handshake. When it has forgotten it, it says 404; when it no longer takes our credentials,
401 or 403. Both mean that it has not run the call, and that this session is of no more use.

Whether a request may have been received is known from aiohttp's tracing: until its headers go out on a connection, it
has not. Afterwards only an answer that turns the request away before it is acted upon (a 4xx status, or a JSON-RPC
error of that kind) makes it certain.

Redirects are not followed, cookies not kept, proxies of the environment not used: a request goes where the spec says.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus as Status
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict

from swarmstead.gateway.adapters import mcp_messages as mcp
from swarmstead.gateway.adapters.mcp_messages import Message, SessionLost, Ticket
from swarmstead.gateway.adapters.sse import EventReader
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits

_SESSION = "Mcp-Session-Id"
_VERSION = "MCP-Protocol-Version"
# Servers drop idle connections after 5 s or more (uvicorn and Node: 5 s). One that is dropped just as we write to it
# costs a call whose outcome nobody knows, so we let go of them first.
_KEEP_ALIVE_S = 4.0
_ASIDE_S = 2.0
_ERROR_BODY = 65_536
# Client errors, but for 408: that is a proxy's or server's word for "I gave up waiting", whatever it had received.
_NOT_ACTED_ON = frozenset(range(400, 500)) - {408} | {307, 308}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to reach a server: its address, headers for every request, and values that must not appear in any text."""

    url: str
    headers: Mapping[str, str]
    secrets: Sequence[str] = ()


def make_client(limits: UpstreamLimits) -> aiohttp.ClientSession:
    """The pool of connections that all HTTP sessions share. To be made on the event loop, and closed."""

    async def sent(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        ticket: Ticket | None = context.trace_request_ctx
        if ticket is not None:
            ticket.sent = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(sent)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, limit_per_host=limits.max_connections_per_host, keepalive_timeout=_KEEP_ALIVE_S
        ),
        # The time for a whole call is the caller's to set; see Upstreams.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


class HttpSession:
    """One MCP session over HTTP. Satisfies `mcp_messages.Session`."""

    def __init__(self, endpoint: Endpoint, client: aiohttp.ClientSession, limits: UpstreamLimits) -> None:
        self._endpoint = endpoint
        self._client = client
        self._limits = limits
        self._session_id = ""
        self._version = ""
        self._next_id = 0
        self._ready = False
        self._aside: set[asyncio.Task[None]] = set()

    @property
    def usable(self) -> bool:
        """Whether the handshake is done, and neither session nor credentials were turned away since."""
        return self._ready

    async def start(self) -> None:
        """Shake hands. Fails: SessionLost, RpcRefused."""
        message = mcp.call(self._new_id(), "initialize", mcp.handshake())
        self._version = mcp.agreed_version(await self._exchange(message, Ticket()))
        await self._tell(mcp.notification("notifications/initialized"))
        self._ready = True

    async def request(self, method: str, params: Mapping[str, Any], ticket: Ticket) -> Message:
        """The result of one request. Fails: SessionLost, RpcRefused."""
        request_id = self._new_id()
        try:
            return await self._exchange(mcp.call(request_id, method, params), ticket)
        except asyncio.CancelledError:
            if ticket.sent:
                self._do_aside(lambda: self._tell(mcp.cancelled(request_id)))
            raise

    async def aclose(self) -> None:
        """Tell the server that the session is over. The connections belong to the pool."""
        self._ready = False
        for task in self._aside:
            task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=True)
        if self._session_id:
            await _briefly(self._delete)

    def trouble(self) -> str:
        """Nothing: what a server has to say comes with its answers."""
        return ""

    async def _delete(self) -> None:
        async with self._client.delete(self._endpoint.url, headers=self._headers(), allow_redirects=False):
            pass

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    async def _exchange(self, message: Message, ticket: Ticket) -> Message:
        body = mcp.encode(message, self._limits.max_message_bytes)
        try:
            response = await self._post(body, ticket)
            try:
                await self._turned_away(response, ticket)
                if message["method"] == "initialize":
                    self._session_id = response.headers.get(_SESSION, "")
                result = mcp.result_of(await self._answer(response, message["id"]))
                if not response.content.at_eof():
                    self._do_aside(lambda: _read_out(response))
            except BaseException:
                response.close()
                raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SessionLost(_explained(error)) from error
        return result

    async def _answer(self, response: aiohttp.ClientResponse, request_id: int) -> Message:
        """The response to our request; what else the server asks meanwhile gets its reply."""
        async with aclosing(self._messages(response)) as messages:
            async for message in messages:
                if mcp.is_answer(message) and message.get("id") == request_id:
                    return message
                if (reply := mcp.reply_to(message)) is not None:
                    self._do_aside(partial(self._tell, reply))
        raise SessionLost("it ended its answer without the result")

    async def _post(self, body: bytes, ticket: Ticket | None) -> aiohttp.ClientResponse:
        return await self._client.post(
            self._endpoint.url, data=body, headers=self._headers(), allow_redirects=False, trace_request_ctx=ticket
        )

    def _headers(self) -> CIMultiDict[str]:
        headers = CIMultiDict(self._endpoint.headers)
        # Last, so that no spec can take the place of what the protocol needs.
        headers[hdrs.ACCEPT] = "application/json, text/event-stream"
        headers[hdrs.CONTENT_TYPE] = "application/json"
        headers[hdrs.ACCEPT_ENCODING] = "identity"  # a few bytes must not unpack into gigabytes
        for name, value in ((_SESSION, self._session_id), (_VERSION, self._version)):
            headers.popall(name, None)
            if value:
                headers[name] = value
        return headers

    async def _turned_away(self, response: aiohttp.ClientResponse, ticket: Ticket) -> None:
        """Return when the answer is worth reading. Fails: SessionLost, RpcRefused."""
        status = response.status
        if status == Status.OK:
            return
        if status in _NOT_ACTED_ON:
            ticket.sent = False
        if status in {Status.UNAUTHORIZED, Status.FORBIDDEN} or (status == Status.NOT_FOUND and self._session_id):
            self._ready = False
            self._session_id = ""  # not ours to end
        if response.headers.get(hdrs.LOCATION):
            raise SessionLost(f"it answered with a redirect (HTTP {status}), which is not followed")
        answer = mcp.decode(await _read(response, _ERROR_BODY) or b"")
        if answer is not None and isinstance(answer.get("error"), dict):
            mcp.result_of(answer)
        raise SessionLost(f"it answered HTTP {status} {self._words(response.reason or '')}".rstrip())

    async def _messages(self, response: aiohttp.ClientResponse) -> AsyncGenerator[Message]:
        """JSON-RPC messages in a response, one or a stream of them. Fails: SessionLost."""
        kind, cap = response.content_type, self._limits.max_message_bytes
        if kind == "application/json":
            body = await _read(response, cap)
            if body is None:
                raise _too_long(cap)
            yield _decoded(body)
        elif kind == "text/event-stream":
            reader, size = EventReader(), 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > cap:
                    raise _too_long(cap)
                for data in reader.feed(chunk):
                    if data.strip():  # an event that only carries an id has no message
                        yield _decoded(data)
        else:
            raise SessionLost(f"it answered with {self._words(kind)!r}, which is not MCP")

    async def _tell(self, message: Message) -> None:
        """Send a message that has no answer."""
        body = mcp.encode(message, self._limits.max_message_bytes)
        try:
            async with await self._post(body, None) as response:
                status = response.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SessionLost(_explained(error)) from error
        if status not in {Status.OK, Status.ACCEPTED, Status.NO_CONTENT}:
            raise SessionLost(f"it answered HTTP {status} to a notification")

    def _do_aside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Courtesies: tried once, briefly, and nobody waits for them."""
        task = asyncio.create_task(_briefly(work))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    def _words(self, text: str) -> str:
        return mcp.clean(text, self._endpoint.secrets)


async def _briefly(work: Callable[[], Awaitable[None]]) -> None:
    with suppress(SessionLost, aiohttp.ClientError, OSError, ValueError):  # OSError: TimeoutError too
        async with asyncio.timeout(_ASIDE_S):
            await work()


async def _read_out(response: aiohttp.ClientResponse) -> None:
    """Read what follows an answer, most often nothing: only then can the connection serve another call."""
    try:
        async for _ in response.content.iter_any():
            pass
        response.release()
    finally:
        response.close()


async def _read(response: aiohttp.ClientResponse, cap: int) -> bytes | None:
    """The body, or None when it is longer than `cap` bytes."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > cap:
            return None
    return bytes(body)


def _decoded(data: bytes) -> Message:
    message = mcp.decode(data)
    if message is None:
        raise SessionLost("it answered with something that is not JSON-RPC")
    return message


def _too_long(cap: int) -> SessionLost:
    return SessionLost(f"its answer has more than {cap} bytes")


def _explained(error: Exception) -> str:
    """Our own words for what aiohttp met: its words quote the address, which may hold a credential."""
    match error:
        case aiohttp.ClientConnectorError():
            return f"no connection to {error.host}:{error.port}: {error.os_error.strerror or type(error).__name__}"
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case aiohttp.InvalidURL():
            return "its address is not a valid http or https address"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "it closed the connection"
        case aiohttp.ClientPayloadError():
            return "its answer broke off"
        case _:
            return f"the connection failed ({type(error).__name__})"

"""`/mcp` and `/mcp/TOOLSET`: Streamable HTTP for outside MCP clients, in both eras of the protocol, as bare ASGI.

A risky tool does not run at once: the answer tells the plan's id. Once a person has approved it in the inbox, the
client calls `apply_plan` with that id, or the same tool with the same arguments and
`_meta: {"swarmstead.dev/plan-id": ID}`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from swarmstead.doors.http.credentials import scope_of_credential
from swarmstead.doors.http.open_streams import OpenStreams
from swarmstead.doors.http.problems import problem, refusal, response_of
from swarmstead.doors.http.resource_metadata import challenge
from swarmstead.doors.mcp import parking, protocol
from swarmstead.doors.mcp.answers import plain, whole
from swarmstead.doors.mcp.exchange import Exchange, Result
from swarmstead.doors.mcp.headers import (
    CAPABILITIES_META,
    LOG_LEVEL_META,
    Headers,
    check_content,
    check_envelope,
    check_headers,
    check_version,
    headers_of,
    is_modern,
    mirrored,
    prefers_streams,
    takes_streams,
)
from swarmstead.doors.mcp.leaving import Leaving
from swarmstead.doors.mcp.listening import Listening
from swarmstead.doors.mcp.methods import Methods
from swarmstead.doors.mcp.offers import Offer, Offers
from swarmstead.doors.mcp.parameters import Parameters
from swarmstead.doors.mcp.places import Place, Places
from swarmstead.doors.mcp.protocol import Asked, Params, RpcError
from swarmstead.doors.mcp.relays import ClientRelay
from swarmstead.doors.mcp.resuming import Replays, resume
from swarmstead.doors.mcp.sessions import CALLED_OFF, Session, Sessions, session_over
from swarmstead.doors.mcp.sse import Header, encode
from swarmstead.doors.mcp.standing import Standing
from swarmstead.doors.mcp.streams import Stream, acknowledged
from swarmstead.gatehouse import Gatehouse
from swarmstead.gateway.contract import Caller
from swarmstead.gateway.errors import retry_after_s
from swarmstead.kernel.errors import NotSignedIn, SteadError
from swarmstead.kernel.scope import Scope as Tenancy
from swarmstead.people.contract import require
from swarmstead.telemetry.contract import TRACEPARENT, parent_of

PATH = "/mcp"
_SESSION, _LAST_EVENT = b"mcp-session-id", b"last-event-id"
_TRACEPARENT = TRACEPARENT.encode()
_CANCELLED = -32800


@dataclass(frozen=True, slots=True)
class Http:
    """One HTTP request of a known caller."""

    tenancy: Tenancy
    toolset: str
    headers: Headers
    receive: Receive
    send: Send
    look: Callable[[], Awaitable[Tenancy]]
    """Finds out anew whose request it is."""


class McpEndpoint:
    """The ASGI application behind `/mcp`."""

    def __init__(self, app: Gatehouse, streams: OpenStreams) -> None:
        self._app = app
        self._streams = streams
        self._sessions = Sessions()
        self._replays = Replays()
        self._places = Places()
        self._parking = parking.Parking(self._places)
        self._offers = Offers(app.gateway)
        given = app.settings
        self._parameters = Parameters(
            size=given.max_argument_bytes,
            items=given.max_argument_items,
            depth=given.max_argument_depth,
            answer=given.max_body_bytes,  # it may hold a picture
        )
        self._methods = Methods(
            app.gateway, app.tool_search, app.db, app.sample_repository(), app.settings.listed_tools
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = headers_of(scope["headers"])
        try:
            toolset = scope["path"][len(PATH) :].strip("/")
            tenancy = await scope_of_credential(self._app, scope)  # no cookie: those are for our pages only
            require(tenancy, "tool.call")
            http = Http(tenancy, toolset, headers, receive, send, partial(scope_of_credential, self._app, scope))
            match scope["method"]:
                case "POST":
                    await self._post(http)
                case "GET" if _SESSION in headers:
                    check_version(headers)
                    with self._streams.one(tenancy):
                        await self._listen_in_session(http, self._named(http))
                case "DELETE":
                    check_version(headers)
                    session = self._named(http)
                    self._sessions.end(http.tenancy, session)
                    self._replays.forget(session.id)
                    await _send(send, 204)
                case _:
                    await _not_allowed(scope, receive, send)
        except NotSignedIn as error:
            given = "invalid_token" if b"authorization" in headers else ""
            answer = response_of(error)
            answer.headers["www-authenticate"] = challenge(self._app, scope, error=given)
            await answer(scope, receive, send)
        except SteadError as error:
            await response_of(error)(scope, receive, send)
        except RpcError as error:
            await _refuse(send, error, None)
        except HTTPException as error:
            await refusal(error)(scope, receive, send)

    async def _post(self, http: Http) -> None:
        check_content(http.headers)
        message = protocol.parsed(await _body(http.receive))
        if protocol.is_answer(message):
            return await self._take(http, message)
        asked = protocol.check_request(message)
        try:
            check_headers(http.headers, asked)
            return await (self._modern(http, asked) if is_modern(http.headers) else self._in_session(http, asked))
        except RpcError as error:
            return await _refuse(http.send, error, asked.id)

    async def _take(self, http: Http, message: Params) -> None:
        """A client's answer to what a tool server has asked of it. Fails: RpcError."""
        check_headers(http.headers, protocol.ANSWER)
        if is_modern(http.headers):
            raise RpcError(protocol.INVALID_REQUEST, "In this version answers are `inputResponses` of a request.")
        self._parameters.check_answer(message)
        self._named(http).take(message)
        return await _send(http.send, 202)

    async def _modern(self, http: Http, asked: Asked) -> None:
        """A request that stands alone. Notifications are taken note of and need nothing: to close is to cancel."""
        if asked.id is None:
            return await _send(http.send, 202)
        meta = check_envelope(http.headers, asked)
        token = protocol.progress_token(meta)
        if asked.method == "subscriptions/listen":
            return await self._subscribe(http, asked, protocol.wanted(asked.params))
        relay = ClientRelay(
            http.send,
            capabilities=_mapping(meta.get(CAPABILITIES_META)),
            token=token,
            log_level=str(meta.get(LOG_LEVEL_META, "")),
            prefers=prefers_streams(http.headers),
            streams=takes_streams(http.headers),
        )
        caller = Caller(http.tenancy, environment=http.tenancy.environment, modern=True)
        with Leaving(http.receive):
            await self._answer(http, asked, caller, relay, None)
        return None

    async def _subscribe(self, http: Http, asked: Asked, wanted: Params) -> None:
        await self._app.gateway.look(http.tenancy)
        stream = Stream(http.tenancy.tenant, wanted=wanted, subscription=asked.id)
        caller = Caller(http.tenancy, environment=http.tenancy.environment, modern=True)
        listening = Listening(lambda ready: self._methods.listen(caller, wanted, stream, ready))
        with self._streams.one(http.tenancy):
            await self._stream(http, stream, listening, acknowledged(wanted))

    async def _listen_in_session(self, http: Http, session: Session) -> None:
        """What the servers behind a session tell on their own. One stream is open at a time: the last one."""
        await self._app.gateway.look(http.tenancy)
        session.check()
        last_event = http.headers.get(_LAST_EVENT, b"").decode("latin-1")
        if (found := self._replays.find(session.id, last_event)) is not None:
            return await resume(*found, http.receive, http.send, self._app.closing, self._standing(http))
        if session.stream is not None:
            session.stream.close()
        caller = Caller(http.tenancy, environment=http.tenancy.environment, session=session.lane)
        stream = session.stream = Stream(http.tenancy.tenant, wanted=session.wanted)
        session.listening = Listening(lambda ready: self._methods.listen(caller, session.wanted, stream, ready))
        await self._stream(http, stream, session.listening)
        if session.stream is stream:
            session.stream = session.listening = None
        return None

    async def _stream(
        self, http: Http, stream: Stream, listening: Listening, first: tuple[str, Params] | None = None
    ) -> None:
        stream.on_change = listening.anew
        task = asyncio.create_task(listening.run())
        try:
            if first is not None:
                await listening.settled()
                stream.notify(*first)
            await stream.serve(http.receive, http.send, self._app.signals, self._app.closing, self._standing(http))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _standing(self, http: Http) -> Standing:
        return Standing(http.tenancy, http.look, self._app.signals)

    async def _in_session(self, http: Http, asked: Asked) -> None:
        """A request of a session, or one that opens it, or of a client that keeps none."""
        more: list[Header] = []
        session = self._named(http) if _SESSION in http.headers else None
        if asked.method == "initialize":
            version = protocol.negotiate(asked.params.get("protocolVersion"))
            session = self._sessions.open(http.tenancy, version, dict(_mapping(asked.params.get("capabilities"))))
            more.append((_SESSION, session.id.encode()))
        if asked.id is None:
            if session is not None and asked.method == "notifications/cancelled":
                session.call_off(asked.params.get("requestId"))
            return await _send(http.send, 202)
        token = protocol.progress_token(_mapping(asked.params.get("_meta")))
        place = Place(self._places, http.tenancy)
        replay = partial(self._replays.open, session.id) if session and session.version == protocol.RESUMABLE else None
        relay = ClientRelay(
            http.send,
            prefers=prefers_streams(http.headers),
            replay=replay,
            capabilities=session.capabilities if session else {},
            token=token,
            log_level=(session.log_level or "debug") if session else "",
            session=session,
            place=place,
            streams=takes_streams(http.headers),
        )
        lane = session.lane if session else ""
        caller = Caller(http.tenancy, environment=http.tenancy.environment, session=lane)
        try:
            return await self._answer(http, asked, caller, relay, session, *more)
        finally:
            place.close()
            if session is not None and session.over:
                self._replays.forget(session.id)  # its end may have come as an event

    async def _answer(
        self, http: Http, asked: Asked, caller: Caller, relay: ClientRelay, session: Session | None, *headers: Header
    ) -> None:
        offer = await self._offers.at(caller, http.toolset)  # of another address there is nothing: that is HTTP's 404
        if session is not None:
            session.check()
        try:
            result = await self._result(http, asked, caller, offer, relay, session)
        except RpcError as error:
            return await relay.answer(error.status if caller.modern else 200, encode(error.body(asked.id)))
        except SteadError as error:
            status = 200 if _SESSION in http.headers else error.status
            return await relay.answer(status, encode(protocol.told(error).body(asked.id)), *_again(error))
        except asyncio.CancelledError as error:
            if CALLED_OFF not in error.args:
                raise
            gone = RpcError(_CANCELLED, "The request was called off.")
            return await relay.answer(200, encode(gone.body(asked.id)))
        result = whole(result) if caller.modern else plain(result)
        return await relay.answer(200, encode({"jsonrpc": "2.0", "id": asked.id, "result": result}), *headers)

    async def _result(
        self, http: Http, asked: Asked, caller: Caller, offer: Offer, relay: ClientRelay, session: Session | None
    ) -> Result:
        self._parameters.check(asked.method, asked.params)
        caller = _traced(caller, http.headers, asked.params)
        repeated = mirrored(http.headers) if caller.modern else None
        exchange = Exchange(caller, offer, relay, session, caller.modern, repeated)
        may_wait = caller.modern and asked.method in parking.METHODS
        if may_wait and (relay.capabilities or parking.waits(asked.params)):
            work = self._or_question(exchange, relay, asked)
        else:
            work = self._methods.answer(exchange, asked.method, asked.params)
        return await (work if session is None else session.run(asked.id, work))

    async def _or_question(self, exchange: Exchange, front: ClientRelay, asked: Asked) -> Params:
        """The result, or what the tool server wants to know of a client without a session. Fails: RpcError."""
        scope, method, params = exchange.caller.scope, asked.method, asked.params
        if parking.waits(params):
            return await self._parking.go_on(scope, method, params, front)
        relay = self._parking.relay(scope, front)
        work = self._methods.answer(replace(exchange, relay=relay), method, params)
        return await self._parking.begin(scope, method, params, relay, work)

    def _named(self, http: Http) -> Session:
        """The session that a request names. Fails: NotFound, upon which clients open another one."""
        found = self._sessions.find(http.tenancy, http.headers.get(_SESSION, b"").decode("latin-1"))
        if found is None:
            raise session_over()
        return found


def _traced(caller: Caller, headers: Headers, params: Params) -> Caller:
    """The caller with the trace that the request is part of: what its message says of it counts before its header."""
    said: Any = _mapping(params.get("_meta")).get(TRACEPARENT)
    if said is None:
        if _TRACEPARENT not in headers:
            return caller
        said = headers[_TRACEPARENT].decode("latin-1")
    found = parent_of(said)
    return caller if found is None else replace(caller, trace_id=found.trace_id, traceparent=said)


def _again(error: SteadError) -> list[Header]:
    again = retry_after_s(error)
    return [(b"retry-after", str(ceil(again)).encode())] if again else []


def _mapping(value: Any) -> Params:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts = [body]  # joined once: a body that comes in crumbs must not be copied with each of them
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


async def _send(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(send: Send, error: RpcError, id_: Any) -> None:
    await ClientRelay(send, capabilities={}).answer(error.status, encode(error.body(id_)))


async def _not_allowed(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "This MCP endpoint takes POST, and in a session GET and DELETE."
    answer = problem(405, "method_not_allowed", detail, way_out="Send JSON-RPC messages with POST.")
    answer.headers["allow"] = "POST, GET, DELETE"
    await answer(scope, receive, send)

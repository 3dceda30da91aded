"""`/mcp` and `/mcp/TOOLSET`: Streamable HTTP for outside MCP clients, in both eras of the protocol, as bare ASGI.

A risky tool does not run at once: the answer tells the plan's id. Once a person has approved it in the inbox, the
client calls the same tool with the same arguments and `_meta: {"swarmstead.dev/plan-id": ID}`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from swarmstead import __version__
from swarmstead.doors.http.auth import scope_of
from swarmstead.doors.http.problems import problem, refusal, response_of
from swarmstead.doors.mcp import answers, protocol
from swarmstead.doors.mcp.offers import Offer, offer_at
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, METHOD_NOT_FOUND, PLAN_META, Headers, Params, RpcError
from swarmstead.doors.mcp.sessions import Session, Sessions
from swarmstead.gateway.contract import Caller, CallRequest
from swarmstead.kernel.errors import NotFound, NotSignedIn, SteadError
from swarmstead.kernel.scope import Scope as Tenancy
from swarmstead.people.contract import require
from swarmstead.permits import queries as permits
from swarmstead.wiring import App

PATH = "/mcp"
_SESSION = b"mcp-session-id"
_JSON = (b"content-type", b"application/json")
_INFO = {"name": "swarmstead", "title": "Swarmstead", "version": __version__}
_CAPABILITIES: Mapping[str, Any] = {"tools": {}}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request on its way: who asks what of which address. `session` is None in the era without sessions."""

    caller: Caller
    offer: Offer
    headers: Headers
    session: Session | None


class McpEndpoint:
    """The ASGI application behind `/mcp`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._sessions = Sessions()
        self._root = app.sample_repository()  # where root-limited servers work for callers that name no folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            headers: Headers = dict(scope["headers"])
            tenancy = await self._tenancy(scope, headers)
            match scope["method"]:
                case "POST":
                    await self._post(scope, tenancy, headers, await _body(receive), send)
                case "DELETE":
                    self._delete(tenancy, headers)
                    await _send(send, 204, b"")
                case _:
                    await _not_allowed(scope, receive, send)
        except SteadError as error:
            await response_of(error)(scope, receive, send)
        except HTTPException as error:
            await refusal(error)(scope, receive, send)

    async def _tenancy(self, scope: Scope, headers: Headers) -> Tenancy:
        if b"authorization" not in headers:  # a browser's cookie is for our pages only
            raise NotSignedIn(
                "MCP clients send `Authorization: Bearer KEY`.", way_out="Make a key: `stead key create`."
            )
        tenancy = await scope_of(Request(scope))
        require(tenancy, "tool.call")
        return tenancy

    async def _post(self, scope: Scope, tenancy: Tenancy, headers: Headers, body: bytes, send: Send) -> None:
        id_: Any = None
        modern = protocol.is_modern(headers)
        more: list[tuple[bytes, bytes]] = []
        try:
            method, id_, params = protocol.check_request(protocol.parsed(body))
            if modern:
                if id_ is not None:
                    protocol.check_envelope(headers, method, params)
                session = None
            else:
                session = self._session(tenancy, headers, method, params)
                more = [(_SESSION, session.id.encode())] if session and method == "initialize" else []
            if id_ is None:
                await _send(send, 202, b"")
                return
            caller = Caller(tenancy, session=session.lane if session else "")
            offer = await offer_at(self._app.gateway, caller, _toolset(scope["path"]))
            result = await self._dispatch(Exchange(caller, offer, headers, session), method, params)
        except RpcError as error:
            status = error.status if modern or id_ is None else 200
            await _send(send, status, _encode(error.body(id_)), _JSON)
            return
        if modern:
            result = {"resultType": "complete"} | dict(result)
        await _send(send, 200, _encode({"jsonrpc": "2.0", "id": id_, "result": result}), _JSON, *more)

    def _session(self, tenancy: Tenancy, headers: Headers, method: str, params: Params) -> Session | None:
        """The session of a request, opened by `initialize`. None for a client that keeps none."""
        if method == "initialize":
            capabilities = params.get("capabilities")
            known = cast("dict[str, Any]", capabilities) if isinstance(capabilities, dict) else {}
            return self._sessions.open(tenancy, protocol.negotiate(params.get("protocolVersion")), known)
        if _SESSION not in headers:
            return None
        found = self._sessions.find(tenancy, headers[_SESSION].decode("latin-1"))
        if found is None:
            raise NotFound("This session is over, or never was.", way_out="Open another one with `initialize`.")
        return found

    def _delete(self, tenancy: Tenancy, headers: Headers) -> None:
        session = self._session(tenancy, headers, "", {})
        if session is None:
            raise NotFound("There is no session to end.", way_out="Name it in Mcp-Session-Id.")
        self._sessions.end(tenancy, session)

    async def _dispatch(self, exchange: Exchange, method: str, params: Params) -> Mapping[str, Any]:
        match method:
            case "tools/call":
                return await self._call(exchange, params)
            case "tools/list":
                return await self._list(exchange)
            case "initialize" if exchange.session is not None:
                return {
                    "protocolVersion": exchange.session.version,
                    "capabilities": _CAPABILITIES,
                    "serverInfo": _INFO,
                    "instructions": _instructions(exchange.offer),
                }
            case "ping" if not protocol.is_modern(exchange.headers):
                return {}
            case "server/discover" if protocol.is_modern(exchange.headers):
                return {
                    "supportedVersions": list(protocol.MODERN_VERSIONS),
                    "capabilities": _CAPABILITIES,
                    "serverInfo": _INFO,
                    "instructions": _instructions(exchange.offer),
                    "ttlMs": 0,
                    "cacheScope": "private",
                }
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"There is no method {method[:100]!r}.")

    async def _list(self, exchange: Exchange) -> Mapping[str, Any]:
        found = await self._app.gateway.tools(exchange.caller, self._root)
        tools = [
            answers.tool_of(name, tool)
            for server in found
            for tool in server.tools
            if tool.risk != "unknown" and (name := exchange.offer.shown(tool)) is not None
        ]
        if exchange.session is None and protocol.is_modern(exchange.headers):
            return {"tools": tools, "ttlMs": 0, "cacheScope": "private"}
        return {"tools": tools}

    async def _call(self, exchange: Exchange, params: Params) -> Mapping[str, Any]:
        server, tool = exchange.offer.find(params.get("name"))
        arguments, meta = _object(params, "arguments"), _object(params, "_meta")
        plan_id = meta.get(PLAN_META, "")
        if not isinstance(plan_id, str):
            raise RpcError(INVALID_PARAMS, f"{PLAN_META} is the id of a plan.")
        key = f"mcp/{secrets.token_hex(12)}"
        if plan_id:  # a plan is for one call: its key is part of what was approved
            scope = exchange.caller.scope
            key = (await self._app.db.read(lambda conn: permits.get(conn, scope, plan_id))).step
        request = CallRequest(exchange.caller, server, tool, arguments, key, root=self._root, plan_id=plan_id)
        return answers.result_of(await self._app.gateway.call(request))


def _toolset(path: str) -> str:
    return path[len(PATH) :].strip("/")


def _instructions(offer: Offer) -> str:
    own = offer.toolset.instructions if offer.toolset else "Tools of this Swarmstead tenant."
    return f"{own} {answers.PLANS}".strip()


def _object(params: Params, name: str) -> dict[str, Any]:
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"{name} is an object.")
    return cast("dict[str, Any]", value)


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _send(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _not_allowed(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "This MCP endpoint takes POST and DELETE; it has no stream of its own."
    answer = problem(405, "method_not_allowed", detail, way_out="Send JSON-RPC messages with POST.")
    answer.headers["allow"] = "POST, DELETE"
    await answer(scope, receive, send)

"""`/mcp`: Streamable HTTP for outside MCP clients, stateless, answering in JSON.

A risky tool does not run at once: the answer tells the plan's id. Once a person has approved it in the inbox, the
client calls the same tool with the same arguments and `_meta: {"swarmstead.dev/plan-id": ID}`.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from swarmstead import __version__
from swarmstead.doors.http.auth import scope_of
from swarmstead.doors.http.problems import problem, refusal, response_of
from swarmstead.doors.mcp import protocol
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, METHOD_NOT_FOUND, PARSE_ERROR, PLAN_META, RpcError
from swarmstead.gateway.contract import Caller, CallOutcome, CallRequest, PlanNeeded
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.errors import NotSignedIn, SteadError
from swarmstead.kernel.scope import Scope as Tenancy
from swarmstead.people.contract import require
from swarmstead.permits import queries as permits
from swarmstead.wiring import App

_INSTRUCTIONS = (
    "Tools of this Swarmstead tenant. Tools that change something answer with a plan first; a person approves it, then "
    f"call again with the same arguments and _meta {PLAN_META}."
)


class McpEndpoint:
    """The ASGI application behind `/mcp`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            detail = "This MCP endpoint takes POST; it has no stream of its own."
            answer = problem(405, "method_not_allowed", detail, way_out="Send JSON-RPC messages with POST.")
            answer.headers["allow"] = "POST"
            return answer
        try:
            if "authorization" not in request.headers:  # a browser's cookie is for our pages only
                raise NotSignedIn(
                    "MCP clients send `Authorization: Bearer KEY`.", way_out="Make a key: `stead key create`."
                )
            tenancy = await scope_of(request)
            require(tenancy, "tool.call")
            body = await request.body()
        except SteadError as error:
            return response_of(error)
        except HTTPException as error:
            return refusal(error)
        return await self._rpc(tenancy, body)

    async def _rpc(self, tenancy: Tenancy, body: bytes) -> Response:
        id_: Any = None
        try:
            method, id_, params = protocol.check_request(_parsed(body))
            if id_ is None:
                return Response(status_code=202)
            result = await self._dispatch(tenancy, method, params)
        except RpcError as error:
            return JSONResponse(error.body(id_), 400 if id_ is None else 200)
        except SteadError as error:
            return JSONResponse(RpcError(protocol.INTERNAL, error.message, {"code": error.code}).body(id_))
        return JSONResponse({"jsonrpc": "2.0", "id": id_, "result": result})

    async def _dispatch(self, tenancy: Tenancy, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        match method:
            case "initialize":
                return {
                    "protocolVersion": protocol.negotiate(params.get("protocolVersion")),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "swarmstead", "version": __version__},
                    "instructions": _INSTRUCTIONS,
                }
            case "ping":
                return {}
            case "tools/list":
                return {"tools": await self._tools(tenancy)}
            case "tools/call":
                return await self._call(tenancy, params)
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"There is no method {method!r}.")

    async def _tools(self, tenancy: Tenancy) -> list[dict[str, Any]]:
        found = await self._app.gateway.tools(Caller(tenancy), self._app.sample_repository())
        return [
            {
                "name": tool.qualified,
                "description": tool.description,
                "inputSchema": dict(tool.input_schema),
                "annotations": {"readOnlyHint": tool.risk == "read", "idempotentHint": tool.idempotent},
            }
            | ({"outputSchema": dict(tool.output_schema)} if tool.output_schema else {})
            for server in found
            for tool in server.tools
            if tool.risk != "unknown"
        ]

    async def _call(self, tenancy: Tenancy, params: Mapping[str, Any]) -> Mapping[str, Any]:
        name, arguments, meta = params.get("name"), _object(params, "arguments"), _object(params, "_meta")
        if not isinstance(name, str) or "__" not in name:
            raise RpcError(INVALID_PARAMS, "Name a tool as tools/list gives it: server__tool.")
        plan_id = meta.get(PLAN_META, "")
        if not isinstance(plan_id, str):
            raise RpcError(INVALID_PARAMS, f"{PLAN_META} is the id of a plan.")
        key = f"mcp/{secrets.token_hex(12)}"
        if plan_id:  # a plan is for one call: its key is part of what was approved
            key = (await self._app.db.read(lambda conn: permits.get(conn, tenancy, plan_id))).step
        server, _, tool = name.partition("__")
        request = CallRequest(
            Caller(tenancy), server, tool, arguments, key, root=self._app.sample_repository(), plan_id=plan_id
        )
        return _result(await self._app.gateway.call(request))


def _object(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"{name} is an object.")
    return cast("dict[str, Any]", value)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, "The body is not JSON.") from error


def _not_json(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _result(answer: CallOutcome | PlanNeeded) -> dict[str, Any]:
    if isinstance(answer, PlanNeeded):
        told = {"plan_id": answer.plan_id, "hash": answer.hash, "expires_at": rfc3339(answer.expires_at)}
        text = (
            f"Nothing has happened yet: plan {answer.plan_id} waits for a person. "
            f"Call again with _meta {PLAN_META} once it is approved."
        )
        return {"content": [{"type": "text", "text": text}], "_meta": {"swarmstead.dev/plan": told}}
    if answer.result is None:
        text = f"{answer.reason} {answer.way_out}".strip()
        refusal: dict[str, Any] = {"code": answer.code, "verdict": answer.verdict}
        if answer.retry_after_s:
            refusal["retry_after_s"] = answer.retry_after_s
        meta = {"swarmstead.dev/refusal": refusal}
        return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": meta}
    result: dict[str, Any] = {
        "content": [dict(block) for block in answer.result.content],
        "isError": answer.result.is_error,
    }
    if answer.result.structured is not None:
        result["structuredContent"] = dict(answer.result.structured)
    return result

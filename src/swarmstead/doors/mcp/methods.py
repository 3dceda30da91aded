"""The methods of MCP that the door answers. What touches a tool server goes through the gateway's chain."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, cast

from swarmstead.doors.mcp import answers, protocol
from swarmstead.doors.mcp.offers import Offer
from swarmstead.doors.mcp.parameters import TO_A_QUESTION, sent_on
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, METHOD_NOT_FOUND, PLAN_META, Params, RpcError
from swarmstead.doors.mcp.sessions import LOG_LEVELS, Session
from swarmstead.gateway import applying
from swarmstead.gateway.applying import APPLY, DEFINITION
from swarmstead.gateway.contract import TOOLS_CALL, Caller, CallOutcome, CallRequest, Kind, PlanNeeded, RpcFault, Tool
from swarmstead.gateway.errors import HeadersRefused, retry_after_s
from swarmstead.gateway.gateway import Gateway
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.search import meta
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.kernel.errors import BadInput, TooMuch
from swarmstead.kernel.scope import Scope
from swarmstead.permits import queries as permits
from swarmstead.permits.errors import ApprovalUnknown
from swarmstead.storage.database import Database

Result = Mapping[str, Any]
RESOURCE_NOT_FOUND = -32002
_LOOKS = frozenset(
    {"initialize", "server/discover", "tools/list", "resources/list", "resources/templates/list", "prompts/list"}
)
"""What calls nothing and costs all the same: it takes a token of its own kind."""
_NOT_FOUND = {RESOURCE_NOT_FOUND, INVALID_PARAMS}
_META_TOOLS = (meta.SEARCH, meta.DESCRIBE, APPLY)
_SHOWN = 100
_REF_KINDS: Mapping[str, tuple[Kind, str]] = {"ref/prompt": ("prompt", "name"), "ref/resource": ("resource", "uri")}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way: who asks what of which address.

    In the era without sessions `session` is None, and `mirrored` are the headers that repeat arguments.
    """

    caller: Caller
    offer: Offer
    relay: Relay
    session: Session | None
    modern: bool
    mirrored: Mapping[str, str | None] | None = None


class Methods:
    """Answers requests, whatever carries them."""

    def __init__(self, gateway: Gateway, search: ToolSearch, db: Database, root: str, most_listed: int) -> None:
        self._gateway = gateway
        self._search = search
        self._db = db
        self._most_listed = most_listed  # tools; where a list would be longer it holds the two meta-tools instead
        self._root = root  # where root-limited servers work for callers that name no folder
        self._keys, self._number = f"mcp/{secrets.token_hex(12)}-", count(1)
        self._both: Mapping[str, Callable[[Exchange, Params], Awaitable[Result]]] = {
            TOOLS_CALL: self._call,
            "tools/list": self._tools,
            "resources/list": self._resources,
            "resources/templates/list": self._templates,
            "resources/read": self._read,
            "prompts/list": self._prompts,
            "prompts/get": self._get,
            "completion/complete": self._complete,
        }
        self._of_sessions: Mapping[str, Callable[[Exchange, Params], Awaitable[Result]]] = {
            "initialize": self._initialize,
            "ping": _ping,
            "logging/setLevel": self._set_level,
            "resources/subscribe": self._subscribe,
            "resources/unsubscribe": self._unsubscribe,
        }

    async def answer(self, exchange: Exchange, method: str, params: Params) -> Result:
        """The result of a request. Fails: RpcError."""
        found = self._both.get(method)
        if found is None and exchange.modern and method == "server/discover":
            found = self._discover
        elif found is None and not exchange.modern:
            found = self._of_sessions.get(method)
        if found is None:
            raise RpcError(METHOD_NOT_FOUND, f"There is no method {method[:100]!r}.")
        if method in _LOOKS:
            await self._gateway.look(exchange.caller.scope)
        return await found(exchange, params)

    async def listen(self, caller: Caller, wanted: Params, relay: Relay, ready: Callable[[], None]) -> None:
        """What servers tell on their own, until cancelled."""
        await self._gateway.listen(caller, wanted, relay, ready, self._root)

    # Agreements -----------------------------------------------------------------------------------------------------

    async def _initialize(self, exchange: Exchange, params: Params) -> Result:
        del params
        version = exchange.session.version if exchange.session else protocol.SESSION_VERSIONS[0]
        return {"protocolVersion": version, "serverInfo": answers.INFO} | await self._about(exchange)

    async def _discover(self, exchange: Exchange, params: Params) -> Result:
        del params
        versions = {"supportedVersions": list(protocol.MODERN_VERSIONS)}
        return {**versions, **await self._about(exchange), **answers.NOT_CACHED}

    async def _about(self, exchange: Exchange) -> dict[str, Any]:
        granted = (await self._gateway.granted(exchange.caller)).values()
        capabilities: dict[str, Any] = {"tools": {"listChanged": True}, "logging": {}}
        if any(one.resources for one in granted):
            capabilities["resources"] = {"subscribe": True, "listChanged": True}
        if any(one.prompts for one in granted):
            capabilities["prompts"] = {"listChanged": True}
        if any(one.prompts or one.resources for one in granted):
            capabilities["completions"] = {}
        own = exchange.offer.toolset.instructions if exchange.offer.toolset else "Tools of this Swarmstead tenant."
        instructions = f"{own} {answers.PLANS}".strip()
        return {"capabilities": capabilities, "instructions": instructions}

    async def _set_level(self, exchange: Exchange, params: Params) -> Result:
        level = params.get("level")
        if level not in LOG_LEVELS:
            raise RpcError(INVALID_PARAMS, f"params.level is one of {', '.join(LOG_LEVELS)}.")
        if exchange.session is not None:
            exchange.session.log_level = level
        return {}

    # Lists ----------------------------------------------------------------------------------------------------------

    async def _tools(self, exchange: Exchange, params: Params) -> Result:
        del params
        found = await self._gateway.tools(exchange.caller, self._root)
        tools = {
            name: tool
            for server in found
            for tool in server.tools
            if tool.risk != "unknown" and (name := exchange.offer.shown("tool", server.server, tool.name)) is not None
        }
        applying_too = [dict(DEFINITION)] if _applies(exchange.offer) else []
        if len(tools) > self._most_listed:
            return _listed(exchange, "tools", [*(dict(one) for one in meta.DEFINITIONS), *applying_too])
        hidden = await self._gateway.hidden(exchange.caller, tools.values())
        shown = {name: tool for name, tool in tools.items() if (tool.server, tool.name) not in hidden}
        if not await self._may_plan(exchange.caller, shown.values()):
            applying_too = []
        listed = [meta.definition(name, tool) for name, tool in shown.items()]
        return _listed(exchange, "tools", [*listed, *applying_too])

    async def _may_plan(self, caller: Caller, tools: Iterable[Tool]) -> bool:
        """Whether a call of any of these may be answered with a plan."""
        for tool in tools:
            if tool.risk != "read":
                return True
            verdict = await self._gateway.verdict(caller, tool)
            if verdict.effect == "ask" or verdict.conditional:
                return True
        return False

    async def _resources(self, exchange: Exchange, params: Params) -> Result:
        del params
        return await self._list(exchange, "resources/list", "resource", "resources")

    async def _templates(self, exchange: Exchange, params: Params) -> Result:
        del params
        return await self._list(exchange, "resources/templates/list", "resource", "resourceTemplates")

    async def _prompts(self, exchange: Exchange, params: Params) -> Result:
        del params
        return await self._list(exchange, "prompts/list", "prompt", "prompts")

    async def _list(self, exchange: Exchange, method: str, kind: Kind, field: str) -> Result:
        items: list[Mapping[str, Any]] = []
        for found in await self._gateway.listed(exchange.caller, method, self._root):
            name = exchange.offer.shown(kind, found.server, found.name)
            if name is not None:
                items.append(found.definition if kind == "resource" else {**found.definition, "name": name})
        return _listed(exchange, field, items)

    # Calls ----------------------------------------------------------------------------------------------------------

    async def _call(self, exchange: Exchange, params: Params) -> Result:
        name, arguments, told = params.get("name"), _object(params, "arguments"), _object(params, "_meta")
        if name in _META_TOOLS and exchange.offer.behind("tool", name) is None:
            if name != APPLY:
                return answers.result_of(await self._look_for(exchange, name, arguments))
            answer = await self._apply(exchange, arguments, params)
        else:
            request = await self._request(exchange, params, arguments, told)
            answer = request if isinstance(request, CallOutcome) else await self._gateway.call(request)
        if isinstance(answer, CallOutcome) and answer.fault is not None:
            raise _as_said(answer.fault)
        if isinstance(answer, CallOutcome) and answer.code == HeadersRefused.code:
            raise RpcError(protocol.HEADER_MISMATCH, answer.reason)
        if isinstance(answer, PlanNeeded):
            return answers.plan(answer, applied_by=APPLY if _applies(exchange.offer) else "")
        return answers.result_of(answer)

    async def _request(
        self, exchange: Exchange, params: Params, arguments: Params, told: Params
    ) -> CallRequest | CallOutcome:
        """What a client asks for by a tool's own name; a refusal for a plan that it has not. Fails: RpcError."""
        server, tool = exchange.offer.find("tool", params.get("name"))
        plan_id = told.get(PLAN_META, "")
        if not isinstance(plan_id, str):
            raise RpcError(INVALID_PARAMS, f"{PLAN_META} is the id of a plan.")
        try:
            key = await self._key_of(exchange.caller.scope, plan_id) if plan_id else self._new_key()
        except ApprovalUnknown:
            return _no_plan(plan_id)
        return CallRequest(
            exchange.caller,
            server,
            tool,
            arguments,
            key,
            root=self._root,
            plan_id=plan_id,
            more=sent_on(TOOLS_CALL, params),
            mirrored=exchange.mirrored,
            relay=exchange.relay,
        )

    async def _apply(self, exchange: Exchange, arguments: Params, params: Params) -> CallOutcome | PlanNeeded:
        """What comes of the call that a plan was made for."""
        if fault := applying.fault_of(arguments):
            return CallOutcome("denied", None, BadInput.code, f"Denied: {fault}")
        try:
            await self._gateway.look(exchange.caller.scope)
        except TooMuch as error:
            return _refused(error)
        plan_id = str(arguments["plan_id"])
        request = await self._planned(exchange, plan_id)
        if request is None:
            return _no_plan(plan_id)
        given = {name: params[name] for name in TO_A_QUESTION if name in params}
        if given:  # by a client that the tool has asked: it decides too what happens, so this is a call of its own
            more = {**request.more, **given}
            request = replace(request, key=self._new_key(), plan_id="", by_plan=False, more=more)
        return await self._gateway.call(request)

    async def _planned(self, exchange: Exchange, plan_id: str) -> CallRequest | None:
        """The call of a plan; None for what is not this caller's, or of a tool that this address does not show."""
        caller = exchange.caller
        try:
            plan = await self._db.read(lambda conn: permits.get(conn, caller.scope, plan_id))
        except ApprovalUnknown:
            return None
        request = applying.planned_call(plan, caller, self._root)
        if request is None or exchange.offer.shown("tool", request.server, request.tool) is None:
            return None
        return replace(request, relay=exchange.relay)

    async def _look_for(self, exchange: Exchange, name: str, arguments: Params) -> CallOutcome:
        desk = meta.Desk(self._search, exchange.caller, exchange.offer, self._root)
        try:
            await self._gateway.look(exchange.caller.scope)
            return CallOutcome("ok", await meta.call(desk, name, arguments))
        except TooMuch as error:
            return _refused(error)

    def _new_key(self) -> str:
        """A key that no other call has, of whichever process. Chance is drawn once: to draw lets other threads run."""
        return f"{self._keys}{next(self._number):x}"

    async def _key_of(self, scope: Scope, plan_id: str) -> str:
        """That of the plan, because a plan is for one call and its key is part of what was approved."""
        return str((await self._db.read(lambda conn: permits.get(conn, scope, plan_id))).payload.get("step", ""))

    async def _read(self, exchange: Exchange, params: Params) -> Result:
        uri = protocol.address(params.get("uri"))
        return answers.read_result(await self._of_resource(exchange, uri, "resources/read", params))

    async def _subscribe(self, exchange: Exchange, params: Params) -> Result:
        return await self._watch(exchange, params, "resources/subscribe", watched=True)

    async def _unsubscribe(self, exchange: Exchange, params: Params) -> Result:
        return await self._watch(exchange, params, "resources/unsubscribe", watched=False)

    async def _watch(self, exchange: Exchange, params: Params, method: str, *, watched: bool) -> Result:
        uri, session = protocol.address(params.get("uri")), exchange.session
        result = await self._of_resource(exchange, uri, method, params)
        if session is not None:
            session.watch(uri, watched=watched)
            if session.listening is not None:
                session.listening.anew()
                await session.listening.settled()
        return result

    async def _of_resource(self, exchange: Exchange, uri: str, method: str, params: Params) -> Result:
        """Ask the servers that may have it, in the order of their names; the first that has it answers."""
        refused: CallOutcome | None = None
        for server, granted in sorted((await self._gateway.granted(exchange.caller)).items()):
            if granted.holds("resource", uri) and exchange.offer.selects("resource", server, uri):
                outcome = await self._ask(exchange, server, "resource", uri, method, params)
                if outcome.result is not None:
                    return outcome.result.more
                refused = refused or outcome
        if refused is not None and refused.fault is not None and refused.fault.code not in _NOT_FOUND:
            raise _as_said(refused.fault)
        if refused is not None and refused.verdict != "failed":
            raise RpcError(INVALID_PARAMS, refused.reason, {"code": refused.code, "uri": uri})
        code = INVALID_PARAMS if exchange.modern else RESOURCE_NOT_FOUND
        raise RpcError(code, f"There is no resource {uri[:200]!r} here.", {"uri": uri})

    async def _get(self, exchange: Exchange, params: Params) -> Result:
        server, name = exchange.offer.find("prompt", params.get("name"))
        params = {**params, "name": name}
        return _or_refused(await self._ask(exchange, server, "prompt", name, "prompts/get", params))

    async def _complete(self, exchange: Exchange, params: Params) -> Result:
        ref = _object(params, "ref")
        kind, field = _REF_KINDS.get(str(ref.get("type")), ("tool", ""))
        if kind == "tool":
            raise RpcError(INVALID_PARAMS, "params.ref is a ref/prompt or a ref/resource.")
        if kind == "resource":
            uri = protocol.address(ref.get(field, ""))
            return await self._of_resource(exchange, uri, "completion/complete", params)
        server, name = exchange.offer.find("prompt", ref.get(field))
        params = {**params, "ref": {**ref, field: name}}
        return _or_refused(await self._ask(exchange, server, kind, name, "completion/complete", params))

    async def _ask(
        self, exchange: Exchange, server: str, kind: Kind, name: str, method: str, params: Params
    ) -> CallOutcome:
        request = CallRequest(
            exchange.caller,
            server,
            name,
            {},
            self._new_key(),
            root=self._root,
            kind=kind,
            method=method,
            more=sent_on(method, params),
            relay=exchange.relay,
        )
        outcome = await self._gateway.call(request)
        if not isinstance(outcome, CallOutcome):
            raise TypeError("a read does not wait for a person")
        return outcome


async def _ping(exchange: Exchange, params: Params) -> Result:
    del exchange, params
    return {}


def _applies(offer: Offer) -> bool:
    """Whether `apply_plan` is ours at this address: a tool set may have a tool of that name."""
    return offer.behind("tool", APPLY) is None


def _no_plan(plan_id: str) -> CallOutcome:
    way_out = "Call the tool itself: its answer names the plan."
    why = f"Denied: you have no plan {plan_id[:_SHOWN]!r}."
    return CallOutcome("denied", None, ApprovalUnknown.code, why, way_out)


def _refused(error: TooMuch) -> CallOutcome:
    again = retry_after_s(error)
    return CallOutcome("denied", None, error.code, error.message, error.way_out, retry_after_s=again)


def _or_refused(outcome: CallOutcome) -> Result:
    if outcome.fault is not None:
        raise _as_said(outcome.fault)
    if outcome.result is None:
        raise RpcError(INVALID_PARAMS, f"{outcome.reason} {outcome.way_out}".strip(), {"code": outcome.code})
    return outcome.result.more


def _as_said(fault: RpcFault) -> RpcError:
    """What a tool server answered with, for clients that act upon its code."""
    return RpcError(fault.code, fault.message, fault.data)


def _listed(exchange: Exchange, field: str, items: list[Any]) -> Result:
    return {field: items, **answers.NOT_CACHED} if exchange.modern else {field: items}


def _object(params: Params, name: str) -> dict[str, Any]:
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"params.{name} is an object.")
    return cast("dict[str, Any]", value)

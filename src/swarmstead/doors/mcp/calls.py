"""`tools/call`: a tool behind the gateway by its name here, a meta-tool of ours, or a plan by its id."""

from dataclasses import replace

from swarmstead.doors.mcp import answers, protocol
from swarmstead.doors.mcp.exchange import Exchange, Keys, Result, as_said, object_of
from swarmstead.doors.mcp.parameters import TO_A_QUESTION, sent_on
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, PLAN_META, Params, RpcError
from swarmstead.gateway import applying
from swarmstead.gateway.applying import APPLY
from swarmstead.gateway.contract import TOOLS_CALL, CallOutcome, CallRequest, PlanNeeded
from swarmstead.gateway.errors import HeadersRefused, retry_after_s
from swarmstead.gateway.gateway import Gateway
from swarmstead.gateway.search import meta
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.kernel.errors import BadInput, TooMuch
from swarmstead.kernel.scope import Scope
from swarmstead.permits import queries as permits
from swarmstead.permits.errors import ApprovalUnknown
from swarmstead.storage.database import Database

_META_TOOLS = (meta.SEARCH, meta.DESCRIBE, APPLY)
_SHOWN = 100


class Calls:
    """Answers `tools/call`."""

    def __init__(self, gateway: Gateway, search: ToolSearch, db: Database, root: str, keys: Keys) -> None:
        self._gateway = gateway
        self._search = search
        self._db = db
        self._root = root
        self._keys = keys

    async def call(self, exchange: Exchange, params: Params) -> Result:
        """The result, or the plan that a person has to approve first. Fails: RpcError."""
        name, arguments, told = params.get("name"), object_of(params, "arguments"), object_of(params, "_meta")
        if name in _META_TOOLS and exchange.offer.behind("tool", name) is None:
            if name != APPLY:
                return answers.result_of(await self._look_for(exchange, name, arguments))
            answer = await self._apply(exchange, arguments, params)
        else:
            request = await self._request(exchange, params, arguments, told)
            answer = request if isinstance(request, CallOutcome) else await self._gateway.call(request)
        if isinstance(answer, CallOutcome) and answer.fault is not None:
            raise as_said(answer.fault)
        if isinstance(answer, CallOutcome) and answer.code == HeadersRefused.code:
            raise RpcError(protocol.HEADER_MISMATCH, answer.reason)
        if isinstance(answer, PlanNeeded):
            return answers.plan(answer, applied_by=APPLY if exchange.offer.applies else "")
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
            key = await self._key_of(exchange.caller.scope, plan_id) if plan_id else self._keys.new()
        except ApprovalUnknown:
            return _no_plan(plan_id)
        except TooMuch as error:
            return _refused(error)
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
            request = replace(request, key=self._keys.new(), plan_id="", by_plan=False, more=more)
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

    async def _key_of(self, scope: Scope, plan_id: str) -> str:
        """That of the plan, because a plan is for one call and its key is part of what was approved.

        Whoever tries out ids of plans is paced like anybody who looks at something. Fails: ApprovalUnknown, TooMuch.
        """
        await self._gateway.look(scope)
        return str((await self._db.read(lambda conn: permits.get(conn, scope, plan_id))).payload.get("step", ""))


def _no_plan(plan_id: str) -> CallOutcome:
    way_out = "Call the tool itself: its answer names the plan."
    why = f"Denied: you have no plan {plan_id[:_SHOWN]!r}."
    return CallOutcome("denied", None, ApprovalUnknown.code, why, way_out)


def _refused(error: TooMuch) -> CallOutcome:
    again = retry_after_s(error)
    return CallOutcome("denied", None, error.code, error.message, error.way_out, retry_after_s=again)

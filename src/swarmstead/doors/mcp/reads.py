"""Resources, prompts and completion: what is read of a tool server, through the gateway's chain like a call."""

from collections.abc import Mapping

from swarmstead.doors.mcp import answers, protocol
from swarmstead.doors.mcp.exchange import Exchange, Keys, Result, as_said, object_of
from swarmstead.doors.mcp.parameters import sent_on
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, Params, RpcError
from swarmstead.gateway.contract import CallOutcome, CallRequest, Kind
from swarmstead.gateway.gateway import Gateway

RESOURCE_NOT_FOUND = -32002
_NOT_FOUND = {RESOURCE_NOT_FOUND, INVALID_PARAMS}
_REF_KINDS: Mapping[str, tuple[Kind, str]] = {"ref/prompt": ("prompt", "name"), "ref/resource": ("resource", "uri")}


class Reads:
    """Answers the methods that read."""

    def __init__(self, gateway: Gateway, root: str, keys: Keys) -> None:
        self._gateway = gateway
        self._root = root
        self._keys = keys

    async def read(self, exchange: Exchange, params: Params) -> Result:
        """`resources/read`. Fails: RpcError."""
        uri = protocol.address(params.get("uri"))
        return answers.read_result(await self._of_resource(exchange, uri, "resources/read", params))

    async def subscribe(self, exchange: Exchange, params: Params) -> Result:
        """`resources/subscribe`. Fails: RpcError."""
        return await self._watch(exchange, params, "resources/subscribe", watched=True)

    async def unsubscribe(self, exchange: Exchange, params: Params) -> Result:
        """`resources/unsubscribe`. Fails: RpcError."""
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
            raise as_said(refused.fault)
        if refused is not None and refused.verdict != "failed":
            raise RpcError(INVALID_PARAMS, refused.reason, {"code": refused.code, "uri": uri})
        code = INVALID_PARAMS if exchange.modern else RESOURCE_NOT_FOUND
        raise RpcError(code, f"There is no resource {uri[:200]!r} here.", {"uri": uri})

    async def get(self, exchange: Exchange, params: Params) -> Result:
        """`prompts/get`. Fails: RpcError."""
        server, name = exchange.offer.find("prompt", params.get("name"))
        params = {**params, "name": name}
        return _or_refused(await self._ask(exchange, server, "prompt", name, "prompts/get", params))

    async def complete(self, exchange: Exchange, params: Params) -> Result:
        """`completion/complete`. Fails: RpcError."""
        ref = object_of(params, "ref")
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
            self._keys.new(),
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


def _or_refused(outcome: CallOutcome) -> Result:
    if outcome.fault is not None:
        raise as_said(outcome.fault)
    if outcome.result is None:
        raise RpcError(INVALID_PARAMS, f"{outcome.reason} {outcome.way_out}".strip(), {"code": outcome.code})
    return outcome.result.more

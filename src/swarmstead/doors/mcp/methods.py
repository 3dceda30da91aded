"""The methods of MCP that the door answers. What touches a tool server goes through the gateway's chain."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from swarmstead.doors.mcp import answers, protocol
from swarmstead.doors.mcp.calls import Calls
from swarmstead.doors.mcp.exchange import Exchange, Keys, Result
from swarmstead.doors.mcp.lists import Lists
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, METHOD_NOT_FOUND, Params, RpcError
from swarmstead.doors.mcp.reads import Reads
from swarmstead.doors.mcp.sessions import LOG_LEVELS
from swarmstead.gateway.contract import TOOLS_CALL, Caller
from swarmstead.gateway.gateway import Gateway
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.storage.database import Database

_LOOKS = frozenset(
    {"initialize", "server/discover", "tools/list", "resources/list", "resources/templates/list", "prompts/list"}
)
"""What calls nothing and costs all the same: it takes a token of its own kind."""


class Methods:
    """Answers requests, whatever carries them."""

    def __init__(self, gateway: Gateway, search: ToolSearch, db: Database, root: str, most_listed: int) -> None:
        self._gateway = gateway
        self._root = root  # where root-limited servers work for callers that name no folder
        keys = Keys()
        calls, reads = Calls(gateway, search, db, root, keys), Reads(gateway, root, keys)
        lists = Lists(gateway, root, most_listed)
        self._both: Mapping[str, Callable[[Exchange, Params], Awaitable[Result]]] = {
            TOOLS_CALL: calls.call,
            "tools/list": lists.tools,
            "resources/list": lists.resources,
            "resources/templates/list": lists.templates,
            "resources/read": reads.read,
            "prompts/list": lists.prompts,
            "prompts/get": reads.get,
            "completion/complete": reads.complete,
        }
        self._of_sessions: Mapping[str, Callable[[Exchange, Params], Awaitable[Result]]] = {
            "initialize": self._initialize,
            "ping": _ping,
            "logging/setLevel": self._set_level,
            "resources/subscribe": reads.subscribe,
            "resources/unsubscribe": reads.unsubscribe,
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

    async def _initialize(self, exchange: Exchange, params: Params) -> Result:
        del params
        version = exchange.session.version if exchange.session else protocol.SESSION_VERSIONS[0]
        return {"protocolVersion": version, "serverInfo": answers.INFO} | await self._about(exchange)

    async def _discover(self, exchange: Exchange, params: Params) -> Result:
        del params
        versions = {"supportedVersions": list(protocol.VERSIONS)}
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


async def _ping(exchange: Exchange, params: Params) -> Result:
    del exchange, params
    return {}

"""What a client may be shown: the tools, resources and prompts of its address that are granted to it."""

from collections.abc import Iterable, Mapping
from typing import Any

from swarmstead.doors.mcp import answers
from swarmstead.doors.mcp.exchange import Exchange, Result
from swarmstead.doors.mcp.protocol import Params
from swarmstead.gateway.applying import DEFINITION
from swarmstead.gateway.contract import Caller, Kind, Tool
from swarmstead.gateway.gateway import Gateway
from swarmstead.gateway.search import meta


class Lists:
    """Answers the methods that list. `most_listed` tools: a longer list holds the two meta-tools instead."""

    def __init__(self, gateway: Gateway, root: str, most_listed: int) -> None:
        self._gateway = gateway
        self._root = root
        self._most_listed = most_listed

    async def tools(self, exchange: Exchange, params: Params) -> Result:
        """`tools/list`."""
        del params
        found = await self._gateway.tools(exchange.caller, self._root)
        tools = {
            name: tool
            for server in found
            for tool in server.tools
            if tool.risk != "unknown" and (name := exchange.offer.shown("tool", server.server, tool.name)) is not None
        }
        applying_too = [dict(DEFINITION)] if exchange.offer.applies else []
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

    async def resources(self, exchange: Exchange, params: Params) -> Result:
        """`resources/list`."""
        del params
        return await self._list(exchange, "resources/list", "resource", "resources")

    async def templates(self, exchange: Exchange, params: Params) -> Result:
        """`resources/templates/list`."""
        del params
        return await self._list(exchange, "resources/templates/list", "resource", "resourceTemplates")

    async def prompts(self, exchange: Exchange, params: Params) -> Result:
        """`prompts/list`."""
        del params
        return await self._list(exchange, "prompts/list", "prompt", "prompts")

    async def _list(self, exchange: Exchange, method: str, kind: Kind, field: str) -> Result:
        items: list[Mapping[str, Any]] = []
        for found in await self._gateway.listed(exchange.caller, method, self._root):
            name = exchange.offer.shown(kind, found.server, found.name)
            if name is not None:
                items.append(found.definition if kind == "resource" else {**found.definition, "name": name})
        return _listed(exchange, field, items)


def _listed(exchange: Exchange, field: str, items: list[Any]) -> Result:
    return {field: items, **answers.NOT_CACHED} if exchange.modern else {field: items}

"""Tool definitions as the servers give them, classed, with their argument schemas compiled once."""

import asyncio
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from swarmstead.gateway.contract import ServerRef, Tool
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.model import tool_from
from swarmstead.gateway.ports import Upstream
from swarmstead.kernel.clock import Clock

_LIFE_MS = 60_000
_MAX_TOOLS = 2_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool with the validator of its arguments."""

    tool: Tool
    validator: jsonschema_rs.Validator


class Catalogue:
    """Definitions per server and folder, asked for again after a minute.

    Cost: a hit is a dictionary look-up; a miss is one `tools/list` (and, for stdio, the start of a process).
    """

    def __init__(self, upstream: Upstream, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[int, dict[str, Listed]]] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

    async def tools(self, server: ServerRef) -> dict[str, Listed]:
        """All tools of a server by name. Fails: UpstreamFailed."""
        key = server.definition
        if (kept := self._fresh(key)) is not None:
            return kept
        async with self._locks.setdefault(key, asyncio.Lock()):
            if (kept := self._fresh(key)) is not None:
                return kept
            definitions = await self._upstream.list_tools(server)
            listed = {str(d.get("name")): _listed(server, d) for d in definitions[:_MAX_TOOLS]}
            self._kept[key] = (self._clock.now_ms() + _LIFE_MS, listed)
            return listed

    def forget(self, server: ServerRef) -> None:
        """Its tools have changed, it says: ask for them again."""
        self._kept.pop(server.definition, None)

    def _fresh(self, key: tuple[str, ...]) -> dict[str, Listed] | None:
        kept = self._kept.get(key)
        return kept[1] if kept and kept[0] > self._clock.now_ms() else None


def _listed(server: ServerRef, definition: Any) -> Listed:
    tool = tool_from(server.name, server.spec, definition)
    try:
        return Listed(tool, jsonschema_rs.validator_for(dict(tool.input_schema)))
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise UpstreamFailed(
            f"The tool {tool.name!r} of {server.name} declares arguments with a schema that is not valid: {error}",
            way_out="Have the server mended, or unbind it.",
        ) from error

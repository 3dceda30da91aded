"""Which tools an address shows, and under which names: all of a caller's, or those that a tool set selects."""

from dataclasses import dataclass
from typing import Any

from swarmstead.doors.mcp.protocol import INVALID_PARAMS, RpcError
from swarmstead.gateway.contract import SEPARATOR, Caller, Tool, ToolSetSpec
from swarmstead.gateway.gateway import Gateway
from swarmstead.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Offer:
    """What one address shows. `toolset` is None for `/mcp` itself."""

    toolset: ToolSetSpec | None

    def find(self, name: Any) -> tuple[str, str]:
        """(server, tool) behind a name that a client calls. Fails: RpcError for what cannot be a name here."""
        if not isinstance(name, str):
            raise RpcError(INVALID_PARAMS, "params.name is the name of a tool.")
        if self.toolset is None or self.toolset.names == "prefixed":
            server, mark, tool = name.partition(SEPARATOR)
            if mark and (self.toolset is None or self._selects(server, tool)):
                return server, tool
        else:
            for part in self.toolset.select:
                if name in part.tools:
                    return part.server, name
        raise RpcError(INVALID_PARAMS, f"Unknown tool: {name[:200]!r}. Name one as tools/list gives it.")

    def shown(self, tool: Tool) -> str | None:
        """The name that a tool has here, None when it is not shown."""
        if self.toolset is None:
            return tool.qualified
        if not self._selects(tool.server, tool.name):
            return None
        return tool.name if self.toolset.names == "plain" else tool.qualified

    def _selects(self, server: str, tool: str) -> bool:
        return self.toolset is not None and any(
            part.server == server and tool in part.tools for part in self.toolset.select
        )


EVERYTHING = Offer(None)


async def offer_at(gateway: Gateway, caller: Caller, toolset: str) -> Offer:
    """What `/mcp/TOOLSET` shows ('' for `/mcp`). Fails: NotFound."""
    if not toolset:
        return EVERYTHING
    spec = await gateway.toolset(caller, toolset)
    if spec is None:
        raise NotFound(f"There is no ToolSet called {toolset!r}.", way_out="List them with `stead get toolset`.")
    return Offer(spec)

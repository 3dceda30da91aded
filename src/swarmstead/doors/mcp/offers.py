"""What an address shows, and under which names: all that is bound to a caller, or what a tool set selects of it."""

from dataclasses import dataclass
from typing import Any

from swarmstead.doors.mcp.protocol import INVALID_PARAMS, RpcError
from swarmstead.gateway.contract import SEPARATOR, Caller, Kind, SelectionSpec, ToolSetSpec
from swarmstead.gateway.gateway import Gateway
from swarmstead.gateway.grants import Granted
from swarmstead.gateway.search.contract import Only
from swarmstead.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Offer:
    """What one address shows. `toolset` is None for `/mcp` itself."""

    toolset: ToolSetSpec | None

    @property
    def only(self) -> Only | None:
        """The tools that it selects, by server; None when it shows all."""
        if self.toolset is None:
            return None
        selected: dict[str, frozenset[str]] = {}
        for part in self.toolset.select:
            selected[part.server] = selected.get(part.server, frozenset()) | frozenset(part.tools)
        return selected

    @property
    def prefixed(self) -> bool:
        """Whether tools and prompts are shown under their servers' names."""
        return self.toolset is None or self.toolset.names == "prefixed"

    def find(self, kind: Kind, name: Any) -> tuple[str, str]:
        """(server, name) behind what a client calls a tool or a prompt. Fails: RpcError for what is none here."""
        if not isinstance(name, str):
            raise RpcError(INVALID_PARAMS, f"params.name is the name of a {kind}.")
        found = self.behind(kind, name)
        if found is None:
            raise RpcError(INVALID_PARAMS, f"Unknown {kind}: {name[:200]!r}. Name one as {kind}s/list gives it.")
        return found

    def behind(self, kind: Kind, name: str) -> tuple[str, str] | None:
        """(server, name) behind a name here, None for what is none."""
        if self.prefixed:
            server, mark, own = name.partition(SEPARATOR)
            return (server, own) if mark and self.selects(kind, server, own) else None
        parts = self.toolset.select if self.toolset else ()
        return next(((part.server, name) for part in parts if _part(part).holds(kind, name)), None)

    def shown(self, kind: Kind, server: str, name: str) -> str | None:
        """The name that a server's tool, prompt or resource has here, None when it is not shown."""
        if not self.selects(kind, server, name):
            return None
        return f"{server}{SEPARATOR}{name}" if self.prefixed and kind != "resource" else name

    def selects(self, kind: Kind, server: str, name: str) -> bool:
        """Whether this address shows it at all, if it is granted."""
        if self.toolset is None:
            return True
        return any(part.server == server and _part(part).shows(kind, name) for part in self.toolset.select)


EVERYTHING = Offer(None)


async def offer_at(gateway: Gateway, caller: Caller, toolset: str) -> Offer:
    """What `/mcp/TOOLSET` shows ('' for `/mcp`). Fails: NotFound."""
    if not toolset:
        return EVERYTHING
    spec = await gateway.toolset(caller, toolset)
    if spec is None:
        raise NotFound(f"There is no ToolSet called {toolset!r}.", way_out="List them with `stead get toolset`.")
    return Offer(spec)


def _part(part: SelectionSpec) -> Granted:
    return Granted(frozenset(part.tools), frozenset(part.resources), frozenset(part.prompts))

"""What an address shows, and under which names: all that is bound to a caller, or what a tool set selects of it."""

from typing import Any

from swarmstead.doors.mcp.protocol import INVALID_PARAMS, RpcError
from swarmstead.gateway.applying import APPLY
from swarmstead.gateway.contract import SEPARATOR, Caller, Kind, ToolSetSpec
from swarmstead.gateway.gateway import Gateway
from swarmstead.gateway.grants import NOTHING, Granted
from swarmstead.gateway.search.contract import Only
from swarmstead.kernel.errors import NotFound

_MOST_KEPT = 1000


class Offer:
    """What one address shows. `toolset` is None for `/mcp` itself.

    Cost: a look-up per name, however much a tool set selects; `Offers` makes it once.
    """

    __slots__ = ("_plain", "_selected", "toolset")

    def __init__(self, toolset: ToolSetSpec | None) -> None:
        self.toolset = toolset
        self._selected = {} if toolset is None else _selected(toolset)
        self._plain: dict[tuple[Kind, str], str] = {}  # the server of a tool or prompt; the first that has it
        for part in toolset.select if toolset else ():
            self._plain = {
                **{("tool", name): part.server for name in part.tools},
                **{("prompt", name): part.server for name in part.prompts},
                **self._plain,
            }

    @property
    def only(self) -> Only | None:
        """The tools that it selects, by server; None when it shows all."""
        if self.toolset is None:
            return None
        return {server: granted.tools for server, granted in self._selected.items()}

    @property
    def applies(self) -> bool:
        """Whether `apply_plan` is ours here: a tool set may have a tool of that name."""
        return self.behind("tool", APPLY) is None

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
        server = self._plain.get((kind, name))
        return None if server is None else (server, name)

    def shown(self, kind: Kind, server: str, name: str) -> str | None:
        """The name that a server's tool, prompt or resource has here, None when it is not shown."""
        if not self.selects(kind, server, name):
            return None
        return f"{server}{SEPARATOR}{name}" if self.prefixed and kind != "resource" else name

    def selects(self, kind: Kind, server: str, name: str) -> bool:
        """Whether this address shows it at all, if it is granted."""
        if self.toolset is None:
            return True
        return self._selected.get(server, NOTHING).shows(kind, name)


EVERYTHING = Offer(None)


class Offers:
    """What each address shows, kept for as long as the tool set behind it stays the same."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._kept: dict[tuple[str, str], Offer] = {}

    async def at(self, caller: Caller, toolset: str) -> Offer:
        """What `/mcp/TOOLSET` shows ('' for `/mcp`). Fails: NotFound."""
        if not toolset:
            return EVERYTHING
        spec = await self._gateway.toolset(caller, toolset)
        if spec is None:
            raise NotFound(f"There is no ToolSet called {toolset!r}.", way_out="List them with `stead get toolset`.")
        place = (caller.scope.tenant, toolset)
        kept = self._kept.get(place)
        if kept is None or kept.toolset is not spec:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            kept = self._kept[place] = Offer(spec)
        return kept


def _selected(toolset: ToolSetSpec) -> dict[str, Granted]:
    selected: dict[str, Granted] = {}
    for part in toolset.select:
        before = selected.get(part.server, NOTHING)
        selected[part.server] = Granted(
            before.tools.union(part.tools),
            before.resources.union(part.resources),
            before.prompts.union(part.prompts),
        )
    return selected

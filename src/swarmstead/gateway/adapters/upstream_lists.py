"""The lists of a tool server, read page by page."""

from collections.abc import Mapping
from typing import Any

from swarmstead.gateway.adapters import mcp_messages as mcp
from swarmstead.gateway.adapters.mcp_messages import Session, SessionLost, Ticket
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits

_LISTS = {
    "tools/list": ("tools", "name"),
    "prompts/list": ("prompts", "name"),
    "resources/list": ("resources", "uri"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate"),
}
_NO_ERA = -1


async def all_pages(method: str, session: Session, ticket: Ticket, limits: UpstreamLimits) -> list[Mapping[str, Any]]:
    """All items of one of MCP's lists. Fails: SessionLost where there is no end to it, RpcRefused.

    Where `ticket` is to know the era of connections, and they came in several, it is none that there ever is.
    """
    field, name = _LISTS[method]
    items: list[Mapping[str, Any]] = []
    cursor: Any = None
    eras: set[int | None] = set()
    for _ in range(limits.max_pages):
        page = await session.request(method, {"cursor": cursor} if cursor else {}, ticket)
        items += mcp.items_of(page, field, name)
        if len(items) > limits.max_tools:
            raise SessionLost(f"it lists more than {limits.max_tools} {field}")
        cursor = page.get("nextCursor")
        eras.add(ticket.era)
        if not isinstance(cursor, str) or not cursor:
            ticket.era = ticket.era if len(eras) == 1 else _NO_ERA
            return items
        ticket.era = None if ticket.era is None else 0
    raise SessionLost(f"its list of {field} has more than {limits.max_pages} pages")

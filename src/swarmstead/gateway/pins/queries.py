"""Reads of pins."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from swarmstead.gateway.contract import Risk, ToolServerSpec
from swarmstead.gateway.errors import PinUnknown
from swarmstead.gateway.model import class_of
from swarmstead.gateway.pins.model import Pin, Status
from swarmstead.gateway.pins.tables import tool_pins
from swarmstead.kernel.scope import Scope

_AT_ONCE = 500
_PLAIN = ("server", "tool", "schema_hash", "offered_hash", "held", "reason", "first_seen", "changed_at", "decided_at")


def find(
    conn: sa.Connection,
    scope: Scope,
    *,
    server: str = "",
    state: str = "",
    after: tuple[str, str] | None = None,
    limit: int = 200,
) -> list[Pin]:
    """Pins by server and tool, without the definitions."""
    names = [tool_pins.c[name] for name in (*_PLAIN, "decided_by")]
    query = sa.select(*names).where(tool_pins.c.tenant == scope.tenant)
    if server:
        query = query.where(tool_pins.c.server == server)
    if state:
        query = query.where(tool_pins.c.state == state)
    if after is not None:
        query = query.where(sa.tuple_(tool_pins.c.server, tool_pins.c.tool) > sa.tuple_(*map(sa.literal, after)))
    rows = conn.execute(query.order_by(tool_pins.c.server, tool_pins.c.tool).limit(limit))
    return [_pin(row, None, None) for row in rows]


def counts(conn: sa.Connection, scope: Scope) -> dict[str, tuple[int, int]]:
    """Per server: how many of its tools are known, and how many of them are in quarantine."""
    held = sa.func.sum(sa.case((tool_pins.c.state == "quarantined", 1), else_=0))
    query = sa.select(tool_pins.c.server, sa.func.count(), held).where(tool_pins.c.tenant == scope.tenant)
    rows = conn.execute(query.group_by(tool_pins.c.server))
    return {server: (int(total), int(quarantined)) for server, total, quarantined in rows}


def get(conn: sa.Connection, scope: Scope, server: str, tool: str, *, lock: bool = False) -> Pin:
    """One pin with both definitions. Fails: PinUnknown."""
    query = sa.select(tool_pins).where(
        tool_pins.c.tenant == scope.tenant, tool_pins.c.server == server, tool_pins.c.tool == tool
    )
    storable = "\0" not in server + tool
    row = conn.execute(query.with_for_update() if lock else query).first() if storable else None
    if row is None:
        raise PinUnknown(
            f"No tool {tool!r} of {server!r} has been seen.",
            way_out="List what has been seen with `stead mcp inspect SERVER`.",
        )
    return _pin(row, row.definition, row.offered)


def risks(
    conn: sa.Connection, scope: Scope, server: str, spec: ToolServerSpec, tools: Collection[str]
) -> dict[str, Risk]:
    """The class of each of these tools of a server: declared, or given by the definition that is pinned or waits to be.

    Tools that nobody has classed and that were never seen are left out.
    """
    known = sa.func.coalesce(tool_pins.c.definition, tool_pins.c.offered, type_=tool_pins.c.definition.type)
    query = sa.select(tool_pins.c.tool, known.label("known")).where(
        tool_pins.c.tenant == scope.tenant, tool_pins.c.server == server
    )
    names = sorted(tools)
    parts = [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
    rows = [row for part in parts for row in conn.execute(query.where(tool_pins.c.tool.in_(part)))]
    seen: dict[str, Risk] = {row.tool: class_of(spec, row.known) for row in rows if row.known}
    declared: dict[str, Risk] = {name: spec.risk[name] for name in names if name in spec.risk}
    return seen | declared


def statuses(conn: sa.Connection, tenant: str, server: str) -> dict[str, tuple[Status, str]]:
    """By tool: what is pinned, and the hash that is offered instead."""
    columns = (
        tool_pins.c.tool,
        tool_pins.c.schema_hash,
        tool_pins.c.held,
        tool_pins.c.reason,
        tool_pins.c.offered_hash,
    )
    query = sa.select(*columns).where(tool_pins.c.tenant == tenant, tool_pins.c.server == server)
    return {row.tool: (Status(row.schema_hash, row.held, row.reason), row.offered_hash) for row in conn.execute(query)}


def _pin(row: sa.Row[Any], definition: Any, offered: Any) -> Pin:
    return Pin(
        server=row.server,
        tool=row.tool,
        schema_hash=row.schema_hash,
        definition=definition,
        offered_hash=row.offered_hash,
        offered=offered,
        held=bool(row.held),
        reason=row.reason,
        first_seen=row.first_seen,
        changed_at=row.changed_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )

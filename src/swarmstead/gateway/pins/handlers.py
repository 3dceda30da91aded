"""Commands: what a server was seen to offer, and what people decide about it. One transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.gateway.errors import PinMoved
from swarmstead.gateway.pins import queries
from swarmstead.gateway.pins.model import Pin, Status
from swarmstead.gateway.pins.tables import tool_pins
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require
from swarmstead.storage.database import Tx
from swarmstead.storage.signals import wake
from swarmstead.storage.sql import insert_or_ignore
from swarmstead.telemetry.contract import redact_text

MOST_PINS = 10_000
"""Tools of one server that are remembered; a server that keeps inventing names must not fill the disk."""
_NAMED_IN_AUDIT = 50
_REASON = 2_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A definition as a server gave it."""

    schema_hash: str
    definition: Mapping[str, Any]


def topic(tenant: str) -> str:
    """What wakes those who keep a tenant's tools in memory."""
    return f"tools:{tenant}"


def sight(
    tx: Tx, scope: Scope, clock: Clock, server: str, seen: Mapping[str, Seen], *, reviewed: bool
) -> dict[str, Status]:
    """Pin what is new, quarantine what has changed, clear what is again as accepted; what is pinned now, by tool.

    Two workers that see the same thing at once write it once. Rows are touched in the order of their names.
    """
    known = queries.statuses(tx.conn, scope.tenant, server)
    room = MOST_PINS - len(known)
    new: dict[str, str] = {}
    changed: dict[str, str] = {}
    back: dict[str, str] = {}
    for tool, found in sorted(seen.items()):
        if tool not in known:
            if room > 0 and _insert(tx, scope, clock, server, tool, found, reviewed=reviewed):
                new[tool], room = found.schema_hash, room - 1
            continue
        status, offered = known[tool]
        if found.schema_hash == status.schema_hash:
            if offered and _offer(tx, scope, clock, server, tool, None):
                back[tool] = found.schema_hash
        elif found.schema_hash != offered and _offer(tx, scope, clock, server, tool, found):
            changed[tool] = found.schema_hash
    for action, tools in (("tool.pin", new), ("tool.change", changed), ("tool.return", back)):
        if tools:
            record(tx, Entry(scope, action, server, data=_summary(tools)))
    if changed or back:
        wake(tx, topic(scope.tenant))
    return {tool: status for tool, (status, _) in queries.statuses(tx.conn, scope.tenant, server).items()}


def accept(tx: Tx, scope: Scope, clock: Clock, server: str, tool: str, schema_hash: str) -> Pin:
    """Trust the offered definition with this hash from now on.

    Fails: NotPermitted, PinUnknown, PinMoved when another one, or none, waits.
    """
    require(scope, "resource.apply")
    pin = queries.get(tx.conn, scope, server, tool, lock=True)
    if pin.offered_hash != schema_hash:
        what = f"what waits is {pin.offered_hash}" if pin.offered_hash else "no definition waits"
        raise PinMoved(
            f"{tool!r} of {server!r} cannot be accepted with this hash: {what}.",
            way_out=f"Look at it again: `stead mcp inspect {server}`. The hash has to be whole.",
        )
    values = {"schema_hash": schema_hash, "definition": pin.offered, "offered_hash": "", "offered": None}
    accepted = replace(pin, schema_hash=schema_hash, definition=pin.offered, offered_hash="", offered=None)
    data = {"from": pin.schema_hash, "to": schema_hash}
    return _decided(tx, scope, clock, "tool.accept", accepted, values, data)


def quarantine(tx: Tx, scope: Scope, clock: Clock, server: str, tool: str, reason: str) -> Pin:
    """Set a tool aside until somebody releases it. Fails: NotPermitted, PinUnknown, BadInput without a reason."""
    require(scope, "run.command")
    said = redact_text(reason.strip())[:_REASON]
    if not said:
        raise BadInput("A quarantine needs a reason.", field="reason", way_out="Say why, for whoever releases it.")
    pin = queries.get(tx.conn, scope, server, tool, lock=True)
    held = replace(pin, held=True, reason=said)
    return _decided(tx, scope, clock, "tool.quarantine", held, {"held": True, "reason": said}, {"reason": said})


def release(tx: Tx, scope: Scope, clock: Clock, server: str, tool: str) -> Pin:
    """Take back a person's quarantine. What waits for a decision about its definition goes on waiting.

    Fails: NotPermitted, PinUnknown, PinMoved when no person has set it aside.
    """
    require(scope, "resource.apply")
    pin = queries.get(tx.conn, scope, server, tool, lock=True)
    if not pin.held:
        way_out = f"Accept its definition: `stead mcp accept {server} {tool} --hash {pin.offered_hash}`."
        raise PinMoved(
            f"Nobody has set {tool!r} of {server!r} aside.",
            way_out=way_out if pin.offered_hash else "It can be called.",
        )
    free = replace(pin, held=False, reason="")
    return _decided(tx, scope, clock, "tool.release", free, {"held": False, "reason": ""}, {"held_for": pin.reason})


def _decided(
    tx: Tx, scope: Scope, clock: Clock, action: str, pin: Pin, values: Mapping[str, Any], data: Mapping[str, Any]
) -> Pin:
    now = clock.now_ms()
    who = {"decided_at": now, "decided_by": scope.actor.id, "changed_at": now}
    _update(tx, scope, pin, {**values, **who, "state": pin.state, "why": pin.why})
    record(tx, Entry(scope, action, f"{pin.server}/{pin.tool}", data=data))
    wake(tx, topic(scope.tenant))
    return replace(pin, decided_at=now, decided_by=scope.actor.id, changed_at=now)


def _insert(tx: Tx, scope: Scope, clock: Clock, server: str, tool: str, found: Seen, *, reviewed: bool) -> bool:
    now = clock.now_ms()
    accepted, offered = ("", found.schema_hash) if reviewed else (found.schema_hash, "")
    values = {
        "tenant": scope.tenant,
        "server": server,
        "tool": tool,
        "state": "quarantined" if reviewed else "accepted",
        "why": "new" if reviewed else "",
        "schema_hash": accepted,
        "definition": None if reviewed else dict(found.definition),
        "offered_hash": offered,
        "offered": dict(found.definition) if reviewed else None,
        "held": False,
        "reason": "",
        "first_seen": now,
        "changed_at": now,
        "decided_by": "",
    }
    return insert_or_ignore(tx.conn, tool_pins, values)


def _offer(tx: Tx, scope: Scope, clock: Clock, server: str, tool: str, found: Seen | None) -> bool:
    """Note what a server offers instead of what is accepted (None: nothing any more); False when that is known."""
    pin = queries.get(tx.conn, scope, server, tool, lock=True)
    offered = found.schema_hash if found else ""
    if offered in (pin.offered_hash, pin.schema_hash):  # another worker was faster, or a person has just accepted it
        return False
    now = replace(pin, offered_hash=offered, offered=found.definition if found else None, changed_at=clock.now_ms())
    values = {
        "offered_hash": offered,
        "offered": None if found is None else dict(found.definition),
        "changed_at": now.changed_at,
        "state": now.state,
        "why": now.why,
    }
    _update(tx, scope, now, values)
    return True


def _update(tx: Tx, scope: Scope, pin: Pin, values: Mapping[str, Any]) -> None:
    where = (tool_pins.c.tenant == scope.tenant, tool_pins.c.server == pin.server, tool_pins.c.tool == pin.tool)
    tx.conn.execute(sa.update(tool_pins).where(*where).values(dict(values)))


def _summary(tools: Mapping[str, str]) -> dict[str, Any]:
    named = dict(list(tools.items())[:_NAMED_IN_AUDIT])
    return {"count": len(tools), "tools": named, "all": digest(dict(tools))}

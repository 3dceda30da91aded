"""Holds what servers offer against what is pinned. One read a minute per server; a write only when something is new."""

from collections.abc import Mapping
from typing import Protocol

from swarmstead.gateway.contract import ServerRef
from swarmstead.gateway.pins import handlers, queries
from swarmstead.gateway.pins.handlers import Seen
from swarmstead.gateway.pins.model import Status
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.scope import system_scope
from swarmstead.storage.database import Database


class Pins(Protocol):
    """What the catalogue asks."""

    async def check(self, server: ServerRef, seen: Mapping[str, Seen]) -> Mapping[str, Status]:
        """What is pinned of a server's tools, once what it offers now is noted. Fails: storage.errors."""
        ...


class StoredPins:
    """Pins in the database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def check(self, server: ServerRef, seen: Mapping[str, Seen]) -> Mapping[str, Status]:
        """What is pinned of a server's tools, once what it offers now is noted. Fails: storage.errors."""
        known = await self._db.read(lambda conn: queries.statuses(conn, server.tenant, server.name))
        if _as_noted(seen, known):
            return {tool: status for tool, (status, _) in known.items()}
        scope = system_scope(server.tenant, "gateway")
        reviewed = server.spec.pin == "reviewed"
        return await self._db.write(
            lambda tx: handlers.sight(tx, scope, self._clock, server.name, seen, reviewed=reviewed)
        )


def _as_noted(seen: Mapping[str, Seen], known: Mapping[str, tuple[Status, str]]) -> bool:
    full = len(known) >= handlers.MOST_PINS
    for tool, found in seen.items():
        if tool not in known:
            if not full:
                return False
        elif found.schema_hash != (known[tool][1] or known[tool][0].schema_hash):
            return False
    return True

"""Requests under an idempotency key: what was asked under it, and what was answered. Kept for a day.

A claim's life:  claimed -> answered   |   claimed -> released (it was refused, so nothing was done)

A claim that stays open is one whose process ended, or whose answer could not be written: whether it was done is not
known here. Its `id` goes to the handler, so that a handler which can tell by it does nothing twice.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.scope import Scope
from swarmstead.storage.database import Tx
from swarmstead.storage.sql import insert_or_ignore
from swarmstead.storage.tables import Millis, metadata

STALE_MS = 60_000
"""After so long a request that was not answered may be done again: whoever was at it has gone."""
LIFE_MS = 24 * 3_600_000

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("actor", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(71), primary_key=True),
    sa.Column("id", sa.String(32), nullable=False),
    sa.Column("asked", sa.String(71), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("media_type", sa.String(100), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Index("ix_requests_created_at", "created_at"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that is taken. `asked` is the digest of what was asked; `status` is None while nothing was answered."""

    id: str
    asked: str
    status: int | None
    media_type: str
    body: str
    created_at: int


def claim(tx: Tx, scope: Scope, clock: Clock, route: str, key: str, asked: str) -> tuple[Claim, bool]:
    """Take a key for this caller and route, or find who has taken it; True when it is new."""
    now = clock.now_ms()
    is_old = _mine(scope, route, key) & (requests.c.created_at <= now - LIFE_MS)
    tx.conn.execute(requests.delete().where(is_old))
    made = Claim(new_id("q", now), asked, None, "", "", now)
    values = {name: getattr(made, name) for name in Claim.__slots__} | _key(scope, route, key)
    if insert_or_ignore(tx.conn, requests, values):
        return made, True
    columns = [requests.c[name] for name in Claim.__slots__]
    row = tx.conn.execute(sa.select(*columns).where(_mine(scope, route, key))).one()
    return Claim(*row), False


def answer(tx: Tx, claimed: Claim, status: int, media_type: str, body: str) -> None:
    """Note what was answered."""
    values = {"status": status, "media_type": media_type, "body": body}
    tx.conn.execute(requests.update().where(requests.c.id == claimed.id).values(values))


def release(tx: Tx, claimed: Claim) -> None:
    """Give the key back: what was asked was refused, and may be asked again."""
    tx.conn.execute(requests.delete().where(requests.c.id == claimed.id))


def abandon(tx: Tx, claimed: Claim) -> None:
    """Let whoever asks again begin at once: nobody is at work on it any more."""
    tx.conn.execute(
        requests.update().where(requests.c.id == claimed.id).values(created_at=claimed.created_at - STALE_MS)
    )


def forget_old(tx: Tx, clock: Clock) -> None:
    """Remove what is older than a day, in all tenants. Called by the sweeper."""
    tx.conn.execute(requests.delete().where(requests.c.created_at <= clock.now_ms() - LIFE_MS))


def _key(scope: Scope, route: str, key: str) -> dict[str, str]:
    return {"tenant": scope.tenant, "actor": scope.actor.id, "name": digest([route, key])}


def _mine(scope: Scope, route: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(*(requests.c[name] == value for name, value in _key(scope, route, key).items()))

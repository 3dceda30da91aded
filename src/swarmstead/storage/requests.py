"""Requests under an idempotency key: what was asked under it, and what was answered. Kept for a day.

A claim's life:  claimed -> answered   |   claimed -> released (it was refused, so nothing was done)

Whoever answers does so in the transaction of the work itself, so a claim that stays open is one whose work was not
committed (or whose handler can tell its own repeats by the claim's `id`). It may be taken over once it is stale: by one
only, and from then on whoever had it before can neither answer, release nor abandon it. `created_at` says whose it is,
in the time that all servers of the database share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import Conflict
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.scope import Scope
from swarmstead.storage.database import Tx
from swarmstead.storage.sql import SharedNow, insert_or_ignore, shared_now
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


class TakenOver(Conflict):
    """Somebody else answers this request, or has answered it: whoever had it before writes nothing."""

    code = "request_taken_over"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    media_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that is taken. `asked` is the digest of what was asked; `answer` is None while there is none."""

    id: str
    asked: str
    created_at: int
    answer: Answer | None = None


def claim(tx: Tx, scope: Scope, clock: Clock, route: str, key: str, asked: str, patience_ms: int) -> tuple[Claim, bool]:
    """Take a key for this caller and route, or find who has taken it; True when it is the caller's to do.

    The same request that was not answered for `patience_ms` is taken over.
    """
    now = shared_now(tx.conn, clock)
    is_old = _mine(scope, route, key) & (requests.c.created_at <= now - LIFE_MS)
    tx.conn.execute(requests.delete().where(is_old))
    made = Claim(new_id("q", now), asked, now)
    values = {"id": made.id, "asked": asked, "created_at": now, "status": None, "media_type": "", "body": ""}
    if insert_or_ignore(tx.conn, requests, values | _key(scope, route, key)):
        return made, True
    found = _claim(tx.conn.execute(sa.select(requests).where(_mine(scope, route, key))).one())
    if found.answer is not None or found.asked != asked or found.created_at > now - patience_ms:
        return found, False
    taken = replace(found, created_at=max(now, found.created_at + 1))
    if tx.conn.execute(requests.update().where(_held(found)).values(created_at=taken.created_at)).rowcount:
        return taken, True
    return found, False  # another server came first


def now(conn: sa.Connection, claimed: Claim) -> Claim:
    """A claim as it stands; without an answer when it was given back."""
    row = conn.execute(sa.select(requests).where(requests.c.id == claimed.id)).first()
    return claimed if row is None else _claim(row)


def hold(tx: Tx, claimed: Claim) -> None:
    """Keep others from taking it over until this transaction ends. Fails: TakenOver, when one has done so already."""
    _still_held(tx, claimed, {"created_at": claimed.created_at})


def answer(tx: Tx, claimed: Claim, answered: Answer) -> None:
    """Note what was answered, in the transaction that did it. Fails: TakenOver, so that it does nothing."""
    _still_held(tx, claimed, {"status": answered.status, "media_type": answered.media_type, "body": answered.body})


def _still_held(tx: Tx, claimed: Claim, values: Mapping[str, Any]) -> None:
    if not tx.conn.execute(requests.update().where(_held(claimed)).values(values)).rowcount:
        raise TakenOver("Another server does what was asked.", way_out="Send the request again in a few seconds.")


def release(tx: Tx, claimed: Claim) -> None:
    """Give the key back, if it is still held: what was asked was refused, and may be asked again."""
    tx.conn.execute(requests.delete().where(_held(claimed)))


def abandon(tx: Tx, claimed: Claim) -> None:
    """Let whoever asks again begin at once: nobody is at work on it any more."""
    tx.conn.execute(requests.update().where(_held(claimed)).values(created_at=claimed.created_at - STALE_MS))


def _held(claimed: Claim) -> sa.ColumnElement[bool]:
    is_it = (requests.c.id == claimed.id) & (requests.c.created_at == claimed.created_at)
    return is_it & requests.c.status.is_(None)


def _claim(row: sa.Row[Any]) -> Claim:
    answered = None if row.status is None else Answer(row.status, row.media_type, row.body)
    return Claim(row.id, row.asked, row.created_at, answered)


def forget_old(tx: Tx, clock: Clock) -> None:
    """Remove what is older than a day, in all tenants. Called by the sweeper."""
    tx.conn.execute(requests.delete().where(requests.c.created_at <= SharedNow(clock.now_ms()) - LIFE_MS))


def _key(scope: Scope, route: str, key: str) -> dict[str, str]:
    return {"tenant": scope.tenant, "actor": scope.actor.id, "name": digest([route, key])}


def _mine(scope: Scope, route: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(*(requests.c[name] == value for name, value in _key(scope, route, key).items()))

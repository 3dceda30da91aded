"""Token buckets that several gateway processes share, in rows of Postgres.

One statement per call would cost a call more than all other links together. So a process leases tokens: it takes a
chunk out of the shared bucket in one transaction and spends it from memory. What it has not spent after `LEASE_S` is
lost, and a bucket that had nothing to lease is not asked again before it can have something.

Invariants: what all processes together lease from a bucket in t seconds is at most rate * t + burst, by one clock, the
database's. Since a leased token may be spent up to LEASE_S later, what they let through in t seconds is at most
rate * (t + LEASE_S) + burst. The other way round, a process may be refused a token while others hold unspent ones: at
most `chunk - 1` in each of them, for at most LEASE_S.
Cost: a hit is what MemoryBuckets cost. A lease is one transaction for all buckets of a call that need one.
Fails: storage.errors; a call that cannot be counted is not made.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from math import ceil

import sqlalchemy as sa

from swarmstead.gateway.traffic.bucket import Claim, TokenBucket
from swarmstead.gateway.traffic.keyed import Keyed
from swarmstead.gateway.traffic.tables import traffic_buckets
from swarmstead.kernel.hashing import sha256_hex
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.sql import DatabaseNow, insert_or_ignore

LEASE_S = 1.0
_ROOM = 20_000
_CHUNK_S = 0.5
_CHUNK_OF_BURST = 4
_LONGEST_NAME = 300
_SHORTEST_WAIT_S = 0.001
_SWEEP_EVERY = 256
_SWEEP_AT_ONCE = 1_000
_columns = traffic_buckets.c


class _Share:
    """What this process holds of one bucket: tokens good until `until`, and when it is worth asking for more."""

    __slots__ = ("ask_from", "tokens", "until")

    def __init__(self) -> None:
        self.tokens = 0
        self.until = 0.0
        self.ask_from = 0.0


def database_ms(conn: sa.Connection) -> int:
    """The database's clock, the same for every process: milliseconds since 1970."""
    return conn.execute(sa.select(DatabaseNow())).scalar_one()


def chunk_of(claim: Claim) -> int:
    """How many tokens are leased at a time: half a second's worth, or a quarter of the burst."""
    return min(claim.burst, ceil(max(claim.rate * _CHUNK_S, claim.burst / _CHUNK_OF_BURST)))


class SharedBuckets:
    """Satisfies `gateway.ports.Buckets`. `clock` measures this process's leases, `now_ms` everybody's buckets."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[sa.Connection], int] = database_ms,
    ) -> None:
        self._db = db
        self._clock = clock
        self._now_ms = now_ms
        self._shares: Keyed[Claim, _Share] = Keyed(_ROOM, lambda _: _Share())
        self._leasing: Keyed[str, asyncio.Lock] = Keyed(_ROOM, lambda _: asyncio.Lock(), asyncio.Lock.locked)
        self._leases = 0

    async def take(self, claims: Sequence[Claim]) -> float:
        """Take one token of each, or none and tell how many seconds until it is worth asking again."""
        if self._spend(claims):
            return 0.0
        async with self._leasing[claims[0].tenant]:  # who comes while one leases finds the tokens there
            if self._spend(claims):
                return 0.0
            lacking = self._lacking(claims)
            if not self._wait(lacking):
                await self._lease(lacking)
                if self._spend(claims):
                    return 0.0
            return max(self._wait(lacking), _SHORTEST_WAIT_S)

    def empty(self, claims: Sequence[Claim]) -> list[Claim]:
        """Those whose shared bucket had nothing to lease, and has not yet. What was not asked for is none of them."""
        now = self._clock()
        return [claim for claim in claims if self._shares[claim].ask_from > now]

    def _spend(self, claims: Sequence[Claim]) -> bool:
        if self._lacking(claims):
            return False
        for claim in claims:
            self._shares[claim].tokens -= 1
        return True

    def _lacking(self, claims: Sequence[Claim]) -> list[Claim]:
        now, shares = self._clock(), self._shares
        return [claim for claim in claims if (share := shares[claim]).tokens < 1 or share.until <= now]

    def _wait(self, claims: Sequence[Claim]) -> float:
        now = self._clock()
        return max(0.0, *(self._shares[claim].ask_from - now for claim in claims))

    async def _lease(self, claims: Sequence[Claim]) -> None:
        """Lease a chunk of each, one identity's before its tenant's: a caller that may not go on wastes no more."""
        started = self._clock()
        self._leases += 1
        is_time_to_sweep = self._leases % _SWEEP_EVERY == 0

        def write(tx: Tx) -> list[tuple[Claim, int, float]]:
            """What was leased of each, up to the first that had nothing: (claim, tokens, seconds to wait)."""
            now_ms, got = self._now_ms(tx.conn), list[tuple[Claim, int, float]]()
            for claim in sorted(claims, key=_key):  # one order for all processes, so that none waits for another
                got.append((claim, *_leased(tx.conn, claim, now_ms)))
                if not got[-1][1]:
                    break
            if is_time_to_sweep:
                _sweep(tx.conn, now_ms)
            return got

        for claim, tokens, wait in await self._db.write(write):
            share = self._shares[claim]
            share.tokens, share.until, share.ask_from = tokens, started + LEASE_S, self._clock() + wait


def _key(claim: Claim) -> tuple[str, str, str]:
    """The row's key. Kinds in alphabetical order: identity, tenant, tool."""
    name = claim.name if len(claim.name) <= _LONGEST_NAME else sha256_hex(claim.name.encode())
    return claim.kind, claim.tenant, name


def _leased(conn: sa.Connection, claim: Claim, now_ms: int) -> tuple[int, float]:
    """Take a chunk out of the shared bucket: (tokens, seconds until there is one if there was none)."""
    kind, tenant, name = _key(claim)
    is_it = sa.and_(_columns.kind == kind, _columns.tenant == tenant, _columns.name == name)
    query = sa.select(_columns.tokens, _columns.at).where(is_it).with_for_update()
    row = conn.execute(query).one_or_none()
    if row is None:  # never used, or full again for so long that it was swept
        full = {"tokens": claim.burst, "at": now_ms, "full_at": now_ms}
        insert_or_ignore(conn, traffic_buckets, {"kind": kind, "tenant": tenant, "name": name} | full)
        row = conn.execute(query).one()
    bucket, now = TokenBucket(claim.rate, claim.burst, row.at / 1000, row.tokens), now_ms / 1000
    tokens, wait = bucket.lease(now, chunk_of(claim)), 0.0
    if tokens:
        left, at = bucket.holds(now), max(now_ms, row.at)
        full_at = at + ceil((claim.burst - left) / claim.rate * 1000)
        conn.execute(traffic_buckets.update().where(is_it).values(tokens=left, at=at, full_at=full_at))
    else:
        wait = bucket.wait(now)
    return tokens, wait


def _sweep(conn: sa.Connection, now_ms: int) -> None:
    """Remove buckets that are full: one that is not there counts as full."""
    key = sa.tuple_(_columns.kind, _columns.tenant, _columns.name)
    full = sa.select(_columns.kind, _columns.tenant, _columns.name).where(_columns.full_at < now_ms)
    some = full.limit(_SWEEP_AT_ONCE).with_for_update(skip_locked=True)
    conn.execute(traffic_buckets.delete().where(key.in_(some)))

"""Token buckets by one suite: in memory, and shared by several processes through Postgres."""

import asyncio
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from swarmstead.gateway.adapters.shared_buckets import LEASE_S, SharedBuckets, chunk_of
from swarmstead.gateway.ports import Buckets
from swarmstead.gateway.traffic.bucket import Claim, MemoryBuckets
from swarmstead.gateway.traffic.tables import traffic_buckets
from swarmstead.storage.database import Database
from swarmstead.storage.errors import DatabaseUnavailable
from tests.clocks import MovableClock
from tests.conftest import OpenDatabase

IDENTITY = Claim("identity", "acme", "key:k_1", 2.0, 4)
TENANT = Claim("tenant", "acme", "", 4.0, 8)
Make = Callable[[], Buckets]


@pytest.fixture(params=["memory", "postgres"])
def make(request: pytest.FixtureRequest, clock: MovableClock) -> Make:
    """Makes the buckets of one more process, on the test's clock."""

    def seconds() -> float:
        return clock.now_ms() / 1000

    if request.param == "memory":
        return lambda: MemoryBuckets(seconds)
    database: Database = request.getfixturevalue("postgres_database")
    return lambda: SharedBuckets(database, clock=seconds, now_ms=lambda _: clock.now_ms())


async def taken(buckets: Buckets, *claims: Claim, tries: int = 50) -> int:
    """How many of so many tries get their tokens."""
    return sum([await buckets.take(claims) == 0.0 for _ in range(tries)])


async def test_a_burst_and_then_the_rate(make: Make, clock: MovableClock) -> None:
    buckets = make()
    assert await taken(buckets, IDENTITY) == 4
    clock.advance(seconds=1)
    assert await taken(buckets, IDENTITY) == 2
    clock.advance(seconds=3600)
    assert await taken(buckets, IDENTITY) == 4


async def test_who_waits_as_long_as_told_gets_a_token(make: Make, clock: MovableClock) -> None:
    buckets = make()
    await taken(buckets, IDENTITY)
    for _ in range(10):
        wait = await buckets.take([IDENTITY])
        assert 0 < wait <= 1.0
        clock.advance(ms=int(wait * 1000) + 1)
        assert await buckets.take([IDENTITY]) == 0.0


async def test_the_narrowest_of_several_claims_decides(make: Make) -> None:
    buckets = make()
    assert await taken(buckets, TENANT, IDENTITY) == 4
    assert await taken(buckets, TENANT, IDENTITY._replace(name="key:k_2")) == 4
    assert await taken(buckets, TENANT, IDENTITY._replace(name="key:k_3")) == 0


async def test_the_bucket_that_stood_in_the_way_is_known(make: Make, clock: MovableClock) -> None:
    buckets, others = make(), [IDENTITY._replace(name=f"key:{n}") for n in range(9)]
    assert await taken(buckets, TENANT, IDENTITY) == 4
    assert buckets.empty([TENANT, IDENTITY]) == [IDENTITY]
    assert [await taken(buckets, TENANT, one, tries=1) for one in others] == [1] * 4 + [0] * 5
    assert buckets.empty([TENANT, others[8]]) == [TENANT]
    clock.advance(seconds=60)
    assert buckets.empty([TENANT, IDENTITY]) == []


async def test_tenants_and_names_do_not_share(make: Make) -> None:
    buckets = make()
    assert await taken(buckets, IDENTITY) == 4
    assert await taken(buckets, IDENTITY._replace(tenant="other")) == 4
    assert await taken(buckets, IDENTITY._replace(name="x" * 5000)) == 4
    assert await taken(buckets, IDENTITY._replace(name="x" * 4999 + "y")) == 4


async def test_no_claims_at_all_are_always_met(make: Make) -> None:
    assert await make().take([]) == 0.0


async def test_a_higher_limit_holds_at_once(make: Make, clock: MovableClock) -> None:
    buckets, higher = make(), IDENTITY._replace(rate=100.0, burst=100)
    await taken(buckets, IDENTITY)
    clock.advance(seconds=10)
    assert await taken(buckets, higher, tries=200) >= 90


# Only where they are shared -------------------------------------------------------------------------------------------


@pytest.fixture
def replica(postgres_database: Database, clock: MovableClock) -> Callable[[], SharedBuckets]:
    """One more process on the same database."""
    return lambda: SharedBuckets(
        postgres_database, clock=lambda: clock.now_ms() / 1000, now_ms=lambda _: clock.now_ms()
    )


async def test_replicas_together_stay_within_the_bound(
    replica: Callable[[], SharedBuckets], clock: MovableClock
) -> None:
    """In t seconds at most rate * (t + LEASE_S) + burst, and from the start at most rate * t + burst."""
    replicas, passed, seconds = [replica() for _ in range(4)], 0, 0.0
    for step in range(40):
        passed += sum([await taken(one, TENANT, IDENTITY, tries=1 + step % 3) for one in replicas])
        assert passed <= IDENTITY.rate * seconds + IDENTITY.burst
        clock.advance(ms=130)
        seconds += 0.13
    assert passed >= IDENTITY.rate * seconds / 2


async def test_what_one_replica_holds_unspent_comes_back_with_time(
    replica: Callable[[], SharedBuckets], clock: MovableClock
) -> None:
    busy, idle = replica(), replica()
    assert await idle.take([IDENTITY]) == 0.0
    assert await taken(busy, IDENTITY) >= IDENTITY.burst - chunk_of(IDENTITY)
    clock.advance(seconds=LEASE_S + IDENTITY.burst / IDENTITY.rate)
    assert await taken(busy, IDENTITY) == IDENTITY.burst


async def test_a_lease_that_is_over_is_not_spent(replica: Callable[[], SharedBuckets], clock: MovableClock) -> None:
    one, slow = replica(), Claim("identity", "acme", "slow", 0.001, 4)
    assert await one.take([slow]) == 0.0
    clock.advance(seconds=LEASE_S * 1.1)
    assert await taken(one, slow) == 4 - chunk_of(slow)


async def test_hits_ask_nobody(replica: Callable[[], SharedBuckets], postgres_database: Database) -> None:
    one, wide = replica(), Claim("tenant", "acme", "", 100.0, 200)
    assert await one.take([wide]) == 0.0
    postgres_database.close()
    assert await taken(one, wide, tries=chunk_of(wide) - 1) == chunk_of(wide) - 1
    with pytest.raises(DatabaseUnavailable):
        await one.take([wide])


async def test_full_buckets_are_swept(
    replica: Callable[[], SharedBuckets], clock: MovableClock, postgres_database: Database
) -> None:
    one = replica()
    for number in range(300):
        await one.take([Claim("identity", "acme", f"agent:a@{number}", 1000.0, 1)])
        clock.advance(ms=10)
    count = sa.select(sa.func.count()).select_from(traffic_buckets)
    assert await postgres_database.read(lambda conn: conn.execute(count).scalar_one()) < 50


async def test_replicas_that_race_lease_each_token_once(postgres_url: str, open_database_at: OpenDatabase) -> None:
    """Several processes, each with connections of its own, and nothing between them but the rows."""
    claims = [Claim("identity", "acme", f"key:{number}", 0.0001, 20) for number in range(3)]
    tenant = Claim("tenant", "acme", "", 0.0001, 50)
    replicas = [SharedBuckets(open_database_at(postgres_url)) for _ in range(3)]
    tries = [one.take([tenant, claim]) for _ in range(40) for one in replicas for claim in claims]
    passed = sum(wait == 0.0 for wait in await asyncio.gather(*tries))
    assert 0 < passed <= 50

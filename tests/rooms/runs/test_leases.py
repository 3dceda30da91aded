"""Workers that share a Postgres: who is alive, and that the loops of one who is not are taken once."""

import asyncio
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from swarmstead.runs.adapters.leases import LEASE_MS, Leases
from swarmstead.runs.tables import workers
from swarmstead.storage.database import Database
from tests.clocks import MovableClock


@pytest.fixture
def new_lease(postgres_database: Database, clock: MovableClock) -> Callable[[], Leases]:
    return lambda: Leases(postgres_database, clock, "1")


def alive(database: Database) -> set[str]:
    return set(database.read_sync(lambda conn: conn.execute(sa.select(workers.c.executor)).scalars().all()))


def nobody(_executor: str) -> int:
    raise AssertionError("nobody is to be taken over from")


async def test_a_lease_is_renewed_and_given_back(new_lease: Callable[[], Leases], postgres_database: Database) -> None:
    one, two = new_lease(), new_lease()
    await one.renew()
    await two.renew()
    await one.renew()
    assert alive(postgres_database) == {one.executor, two.executor}
    await one.give_back()
    assert alive(postgres_database) == {two.executor}


async def test_a_lease_counts_as_lost_before_others_may_take_over(
    new_lease: Callable[[], Leases], clock: MovableClock
) -> None:
    one, two = new_lease(), new_lease()
    assert not one.lost
    await one.renew()
    clock.advance(ms=LEASE_MS - 1)
    assert (one.lost, await two.take(nobody)) == (True, 0)
    await one.renew()
    assert not one.lost


async def test_the_loops_of_a_silent_worker_are_taken_once(
    new_lease: Callable[[], Leases], postgres_database: Database, clock: MovableClock
) -> None:
    silent, others = new_lease(), [new_lease() for _ in range(4)]
    await silent.renew()
    clock.advance(ms=LEASE_MS + 1)
    for other in others:
        await other.renew()
    taken: list[str] = []

    def take(executor: str) -> int:
        taken.append(executor)
        return 3

    assert sorted(await asyncio.gather(*(other.take(take) for other in others))) == [0, 0, 0, 3]
    assert (taken, silent.executor in alive(postgres_database)) == ([silent.executor], False)


async def test_taking_over_that_fails_is_done_by_the_next(new_lease: Callable[[], Leases], clock: MovableClock) -> None:
    silent, other = new_lease(), new_lease()
    await silent.renew()
    clock.advance(ms=LEASE_MS + 1)

    def fails(_executor: str) -> int:
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        await other.take(fails)
    assert await other.take(lambda _executor: 2) == 2


async def test_a_worker_cannot_renew_while_its_loops_are_taken(
    new_lease: Callable[[], Leases], postgres_database: Database, clock: MovableClock
) -> None:
    silent, other = new_lease(), new_lease()
    await silent.renew()
    clock.advance(ms=LEASE_MS + 1)
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def take(_executor: str) -> int:
        loop.call_soon_threadsafe(begun.set)
        assert go.wait(30)
        return 1

    taking = asyncio.create_task(other.take(take))
    await begun.wait()
    renewing = asyncio.create_task(silent.renew())
    done, _ = await asyncio.wait({renewing}, timeout=0.3)
    assert done == set()
    go.set()
    assert await taking == 1
    await renewing  # and is a worker again, that carries nothing
    assert alive(postgres_database) == {silent.executor}


async def test_on_sqlite_there_is_no_lease(sqlite_database: Database, clock: MovableClock) -> None:
    lease = Leases(sqlite_database, clock, "1")
    await lease.renew()
    clock.advance(ms=10 * LEASE_MS)
    assert (lease.executor, lease.lost, await lease.take(nobody), alive(sqlite_database)) == ("local", False, 0, set())
    await lease.give_back()

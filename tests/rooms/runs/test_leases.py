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


class Elapsed:
    """A worker's own measure of time, which a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def elapsed() -> Elapsed:
    return Elapsed()


@pytest.fixture
def new_lease(postgres_database: Database, clock: MovableClock, elapsed: Elapsed) -> Callable[[], Leases]:
    return lambda: Leases(postgres_database, clock, "1", elapsed)


def run_out(database: Database, lease: Leases) -> None:
    """What half a minute of silence does to a lease, by the database's time."""
    mine = workers.c.executor == lease.executor
    late = workers.update().where(mine).values(lease_until=workers.c.lease_until - LEASE_MS - 1)
    database.write_sync(lambda tx: tx.conn.execute(late))


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
    new_lease: Callable[[], Leases], elapsed: Elapsed
) -> None:
    one, two = new_lease(), new_lease()
    assert not one.lost
    await one.renew()
    elapsed.seconds += LEASE_MS / 1000 - 1
    assert (one.lost, await two.take(nobody)) == (True, 0)
    await one.renew()
    assert not one.lost


@pytest.mark.parametrize("skew_s", [-86_400, 86_400])
async def test_machines_whose_clocks_disagree_take_nothing_from_each_other(
    postgres_database: Database, clock: MovableClock, skew_s: int
) -> None:
    one, two = Leases(postgres_database, clock, "1"), Leases(postgres_database, MovableClock(), "1")
    await one.renew()
    clock.advance(seconds=skew_s)
    await two.renew()
    assert (await one.take(nobody), await two.take(nobody), one.lost, two.lost) == (0, 0, False, False)


async def test_the_loops_of_a_silent_worker_are_taken_once(
    new_lease: Callable[[], Leases], postgres_database: Database
) -> None:
    silent, others = new_lease(), [new_lease() for _ in range(4)]
    await silent.renew()
    run_out(postgres_database, silent)
    for other in others:
        await other.renew()
    taken: list[str] = []

    def take(executor: str) -> int:
        taken.append(executor)
        return 3

    assert sorted(await asyncio.gather(*(other.take(take) for other in others))) == [0, 0, 0, 3]
    assert (taken, silent.executor in alive(postgres_database)) == ([silent.executor], False)


async def test_taking_over_that_fails_is_done_by_the_next(
    new_lease: Callable[[], Leases], postgres_database: Database
) -> None:
    silent, other = new_lease(), new_lease()
    await silent.renew()
    run_out(postgres_database, silent)

    def fails(_executor: str) -> int:
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        await other.take(fails)
    assert await other.take(lambda _executor: 2) == 2


async def test_a_worker_cannot_renew_while_its_loops_are_taken(
    new_lease: Callable[[], Leases], postgres_database: Database
) -> None:
    silent, other = new_lease(), new_lease()
    await silent.renew()
    run_out(postgres_database, silent)
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


async def test_on_sqlite_there_is_no_lease(sqlite_database: Database, clock: MovableClock, elapsed: Elapsed) -> None:
    lease = Leases(sqlite_database, clock, "1", elapsed)
    await lease.renew()
    elapsed.seconds += LEASE_MS / 100
    assert (lease.executor, lease.lost, await lease.take(nobody), alive(sqlite_database)) == ("local", False, 0, set())
    await lease.give_back()

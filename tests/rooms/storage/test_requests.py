"""A claim is one server's at a time, on both databases: whoever lost it can do nothing to it."""

import asyncio

import pytest

from swarmstead.kernel.scope import system_scope
from swarmstead.storage import requests
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.requests import Answer, Claim, TakenOver
from tests.clocks import MovableClock
from tests.databases import aged
from tests.rooms.storage.helpers import insert, names


def taking(clock: MovableClock, tx: Tx) -> tuple[Claim, bool]:
    """A server that is asked the one request of these tests."""
    return requests.claim(tx, system_scope("a"), clock, "POST /x", "key", "asked", requests.STALE_MS)


async def later(database: Database, clock: MovableClock) -> None:
    """After so long that a claim is stale."""
    clock.advance(ms=requests.STALE_MS)
    await database.write(lambda tx: aged(tx, requests.STALE_MS, requests.requests.c.created_at))


@pytest.mark.parametrize("off_s", [-600, 600])
async def test_servers_whose_clocks_disagree_take_nothing_from_each_other(
    postgres_database: Database, clock: MovableClock, off_s: int
) -> None:
    other = MovableClock()
    other.advance(seconds=off_s)
    assert (await postgres_database.write(lambda tx: taking(clock, tx)))[1] is True
    assert (await postgres_database.write(lambda tx: taking(other, tx)))[1] is False
    await later(postgres_database, clock)
    assert (await postgres_database.write(lambda tx: taking(other, tx)))[1] is True
    assert (await postgres_database.write(lambda tx: taking(clock, tx)))[1] is False


async def test_of_many_servers_one_takes_a_stale_claim_over(database: Database) -> None:
    clock = MovableClock()
    first, mine = await database.write(lambda tx: taking(clock, tx))
    assert mine
    assert (await database.write(lambda tx: taking(clock, tx)))[1] is False
    await later(database, clock)
    found = await asyncio.gather(*(database.write(lambda tx: taking(clock, tx)) for _ in range(8)))
    assert [mine for _, mine in found].count(True) == 1
    assert {claimed.id for claimed, _ in found} == {first.id}


async def test_who_was_taken_over_neither_answers_nor_releases_and_its_work_is_undone(database: Database) -> None:
    clock = MovableClock()
    slow, _ = await database.write(lambda tx: taking(clock, tx))
    await later(database, clock)
    heir, mine = await database.write(lambda tx: taking(clock, tx))
    assert mine

    def late(tx: Tx) -> None:
        insert("twice")(tx)
        requests.answer(tx, slow, Answer(200, "", "late"))

    with pytest.raises(TakenOver):
        await database.write(late)
    await database.write(lambda tx: requests.release(tx, slow))
    await database.write(lambda tx: requests.abandon(tx, slow))
    await database.write(lambda tx: requests.answer(tx, heir, Answer(200, "", "first")))
    with pytest.raises(TakenOver):
        await database.write(late)
    assert names(database) == []
    kept = await database.read(lambda conn: requests.now(conn, slow))
    assert kept.answer == Answer(200, "", "first")

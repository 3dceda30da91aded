"""A launch runs what was previewed, once per idempotency key, and survives a crash between its halves."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.kernel.errors import Conflict, NotPermitted
from swarmstead.kernel.scope import Actor, Scope, system_scope
from swarmstead.runs.contract import Overrides, Plan
from swarmstead.runs.errors import PlanChanged
from swarmstead.runs.plans import load_plan
from swarmstead.runs.tables import runs
from tests.rooms.runs.house import ADA, House
from tests.rooms.runs.swarms import agent, manifests, swarm

SCRIPT = {"boss": ["done"]}


async def count(house: House) -> int:
    return await house.db.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one())


async def test_what_was_previewed_is_launched(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    plan = await house.preview()
    run = await house.launch(plan_hash=plan.hash)
    row = await house.status(run, "succeeded")
    assert (row["plan_hash"], row["launched_by"], row["result"]) == (plan.hash, ADA.actor.id, "done")


async def test_another_plan_than_the_previewed_one_is_refused_and_shown(any_house: House) -> None:
    await any_house.declare(manifests(SCRIPT))
    plan = await any_house.preview()
    await any_house.declare(manifests(SCRIPT, agent("boss", instructions="You are someone else.")))
    with pytest.raises(PlanChanged) as refused:
        await any_house.launch(plan_hash=plan.hash)
    now = refused.value.plan
    assert isinstance(now, Plan)
    assert (now.hash != plan.hash, refused.value.extra) == (True, {"plan_hash": now.hash})
    assert await any_house.db.read(lambda conn: load_plan(conn, "acme", now.hash)) == now
    assert await count(any_house) == 0
    await any_house.status(await any_house.launch(plan_hash=now.hash), "succeeded")


async def test_a_run_runs_what_it_was_launched_with(house: House) -> None:
    house.engine.stalled = True
    run = await house.launch(SCRIPT)
    await house.declare(manifests({"boss": ["something else"]}))
    house.engine.stalled = False
    await house.resume()
    assert (await house.status(run, "succeeded"))["result"] == "done"


async def test_one_key_is_one_run(any_house: House) -> None:
    await any_house.declare(manifests(SCRIPT))
    launches = [any_house.launch(idempotency_key="k") for _ in range(5)]
    first, *others = await asyncio.gather(*launches)
    assert (set(others), await count(any_house)) == ({first}, 1)
    await any_house.status(first, "succeeded")
    assert await any_house.launch(idempotency_key="k") == first


async def test_a_repeat_is_a_repeat_whatever_has_changed_since(house: House) -> None:
    run = await house.launch(SCRIPT, idempotency_key="k")
    await house.declare(manifests({"boss": ["something else"]}))
    assert await house.launch(idempotency_key="k") == run


@pytest.mark.parametrize(
    "other",
    [
        {"environment": "prod"},
        {"overrides": Overrides(budget_usd="0.20")},
        {"plan_hash": "sha256:0"},
        {"swarm": "other"},
        {"input": "other"},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_a_key_is_not_good_for_another_wish(house: House, other: dict[str, Any]) -> None:
    counted = swarm(inputs={"repo": {"type": "repository"}, "n": {"type": "number", "default": 1}})
    namesake = swarm() | {"metadata": {"name": "other"}}
    await house.declare(manifests(SCRIPT, counted, namesake))
    run = await house.launch(idempotency_key="k")
    if "input" in other:
        other = {"input": {"repo": str(house.repository), "n": 2}}
    with pytest.raises(Conflict, match="was used for another launch") as refused:
        await house.launch(idempotency_key="k", **other)
    assert (refused.value.code, await count(house)) == ("idempotency_key_reused", 1)
    await house.status(run, "succeeded")


async def test_a_key_is_a_tenants_own(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    eve = system_scope("evil", "eve")
    await house.declare(manifests(SCRIPT), eve)
    mine = await house.launch(idempotency_key="k")
    hers = await house.runs.launch(eve, house.wish(idempotency_key="k"))
    assert mine != hers


async def test_an_approver_cannot_launch(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    approver = Scope("acme", Actor("key:p", "user", "Pat", frozenset({"approver"})))
    with pytest.raises(NotPermitted):
        await house.runs.launch(approver, house.wish())
    assert await count(house) == 0


async def test_a_crash_between_the_commit_and_the_start_is_mended(any_house: House) -> None:
    any_house.engine.stalled = True
    run = await any_house.launch(SCRIPT)
    assert (await any_house.run(run))["status"] == "queued"
    any_house.engine.stalled = False
    assert await any_house.runs.mend() == 0  # somebody else may be about to start it
    any_house.clock.advance(seconds=6)
    assert await any_house.runs.mend() == 1
    await any_house.status(run, "succeeded")


async def test_the_only_process_mends_at_once_when_it_starts(house: House) -> None:
    house.engine.stalled = True
    run = await house.launch(SCRIPT)
    house.engine.stalled = False
    house.clock.advance(ms=1)
    assert await house.runs.mend(all_queued=True) == 1
    await house.status(run, "succeeded")

"""A launch runs what was previewed, once per idempotency key, and survives a crash between its halves."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.kernel.errors import Conflict, NotPermitted
from swarmstead.kernel.scope import Actor, Scope, system_scope
from swarmstead.runs.contract import Overrides, Plan
from swarmstead.runs.errors import InputRefused, PlanChanged
from swarmstead.runs.plans import load_plan
from swarmstead.runs.tables import runs
from swarmstead.storage.errors import DatabaseUnavailable
from swarmstead.telemetry.contract import span_id_of
from tests.rooms.runs.house import ADA, House
from tests.rooms.runs.swarms import agent, call, manifests, swarm

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


async def test_a_repeat_is_a_repeat_whatever_has_changed_since(any_house: House) -> None:
    run = await any_house.launch(SCRIPT, idempotency_key="k")
    await any_house.declare(manifests({"boss": ["something else"]}))
    assert await any_house.launch(idempotency_key="k") == run
    demanding = {"repo": {"type": "repository"}, "ticket": {"type": "text"}}
    await any_house.declare(manifests(SCRIPT, swarm(inputs=demanding)))
    assert await any_house.launch(idempotency_key="k") == run
    any_house.repository.rename(any_house.repository.with_name("moved"))
    assert await any_house.launch(idempotency_key="k") == run


async def test_a_repeat_of_a_launch_from_before_wishes_were_kept_is_known(house: House) -> None:
    run = await house.launch(SCRIPT, idempotency_key="k")
    await house.write(lambda tx: tx.conn.execute(runs.update().values(wish_hash=None)))
    assert await house.launch(idempotency_key="k") == run
    with pytest.raises(Conflict):
        await house.launch(idempotency_key="k", environment="prod")


@pytest.mark.parametrize("value", ["half \ud83d", float("nan")])
async def test_an_input_that_cannot_be_kept_is_refused(house: House, value: Any) -> None:
    await house.declare(manifests(SCRIPT))
    with pytest.raises(InputRefused) as refused:
        await house.launch(idempotency_key="k", input={"repo": value})
    assert (refused.value.field, await count(house)) == ("input", 0)


async def test_a_launch_whose_start_fails_is_launched_and_starts_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_agent_run: str) -> None:
        raise DatabaseUnavailable("The database does not answer.")

    monkeypatch.setattr(house.engine, "start", away)
    run = await house.launch(SCRIPT)
    monkeypatch.undo()
    house.clock.advance(seconds=6)
    assert await house.runs.mend() == 1
    await house.status(run, "succeeded")


async def test_an_environment_that_does_not_exist_is_refused(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    with pytest.raises(InputRefused, match="There is no environment 'produktion'") as refused:
        await house.launch(environment="produktion")
    assert (refused.value.field, refused.value.way_out) == ("environment", "Choose one of dev, prod.")
    assert await count(house) == 0


async def test_only_an_admin_gives_a_run_more_than_its_swarm_is_declared_with(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    operator = Scope("acme", Actor("key:o", "user", "Olga", frozenset({"operator"})))
    admin = Scope("acme", Actor("key:a", "user", "Abe", frozenset({"admin"})))
    more, less = (house.wish(overrides=Overrides(budget_usd=usd)) for usd in ("1.01", "0.99"))
    with pytest.raises(NotPermitted, match=r"at most \$1\.00") as refused:
        await house.runs.launch(operator, more)
    assert refused.value.field == "overrides.budget_usd"
    assert (await house.run(await house.runs.launch(operator, less)))["budget_micros"] == 990_000
    assert (await house.run(await house.runs.launch(admin, more)))["budget_micros"] == 1_010_000


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
    await any_house.later(6)
    assert await any_house.runs.mend() == 1
    await any_house.status(run, "succeeded")


@pytest.mark.parametrize("off_s", [-600, 600])
async def test_a_worker_whose_clock_is_off_mends_neither_early_nor_late(postgres_house: House, off_s: int) -> None:
    postgres_house.engine.stalled = True
    run = await postgres_house.launch(SCRIPT)
    postgres_house.engine.stalled = False
    postgres_house.clock.advance(seconds=off_s)  # it is another worker from here on
    assert await postgres_house.runs.mend() == 0
    await postgres_house.later(6)
    assert await postgres_house.runs.mend() == 1
    await postgres_house.status(run, "succeeded")


async def test_the_only_process_mends_at_once_when_it_starts(house: House) -> None:
    house.engine.stalled = True
    run = await house.launch(SCRIPT)
    house.engine.stalled = False
    house.clock.advance(ms=1)
    assert await house.runs.mend(all_queued=True) == 1
    await house.status(run, "succeeded")


async def test_tool_servers_are_told_which_trace_a_call_is_part_of(house: House) -> None:
    run = await house.launch({"boss": [call("read", name="x"), "It said: {{ last[0].text }}"]})
    row = await house.status(run, "succeeded")
    (step,) = (step["key"] for step in (await house.steps(run)).values() if step["kind"] == "tool")
    told = house.upstream.calls[-1].traceparent
    assert told == f"00-{row['trace_id']}-{span_id_of(step)}-01"

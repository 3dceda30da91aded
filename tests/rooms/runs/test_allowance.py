"""What a user and a tenant may spend in a day: who has used it up is told before a run starts, and what helps."""

from dataclasses import asdict, replace
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.budgets import handlers as ledger
from swarmstead.budgets.contract import Account
from swarmstead.runs.allowance import of_day
from swarmstead.runs.errors import PlanIncomplete
from swarmstead.runs.plans import load_plan
from swarmstead.runs.tables import plans
from tests.rooms.runs.house import ADA, House
from tests.rooms.runs.swarms import agent, delegate, manifests, model, swarm

SCRIPT = {"boss": [delegate("ann"), "done"], "ann": ["a word"]}
FREE: dict[str, Any] = {"price": {"input_per_million_usd": "0", "output_per_million_usd": "0"}}


async def spend(house: House, micros: int, which: int = 0) -> Account:
    """So much was billed to Ada, and to her tenant, today."""
    account = of_day(house.hands, ADA.actor.id)[which]

    def write(tx: Any) -> None:
        ledger.reserve(tx, ADA.tenant, house.clock, f"earlier/{micros}", [account], 1, 60_000)
        ledger.settle(tx, f"earlier/{micros}", micros)

    await house.db.write(write)
    return account


async def test_a_model_that_costs_nothing_is_asked_whatever_the_day_has_cost(any_house: House) -> None:
    await any_house.declare(manifests(SCRIPT, model(SCRIPT, **FREE)))
    for which in (0, 1):
        await spend(any_house, 3_000_000_000_000 + which, which)
    plan = await any_house.preview()
    assert (plan.missing, plan.notes) == ((), ())
    assert (await any_house.status(await any_house.launch(), "succeeded", "failed"))["result"] == "done"


@pytest.mark.parametrize(
    ("which", "whose", "setting"),
    [(0, "user's", "STEAD_USER_DAY_USD"), (1, "tenant's", "STEAD_TENANT_DAY_USD")],
)
async def test_where_every_model_costs_a_day_that_is_used_up_is_told_before_the_start(
    house: House, which: int, whose: str, setting: str
) -> None:
    await house.declare(manifests(SCRIPT))
    account = await spend(house, 600_000_000, which)
    (missing,) = (await house.preview()).missing
    assert f"Of the {whose} daily budget of" in missing.what
    assert missing.way_out.startswith(f"Raise {setting} of the server to $601.00 or more.")
    assert f"It starts anew at {account.ends}." in missing.way_out
    with pytest.raises(PlanIncomplete, match="Nothing is left"):
        await house.launch()
    house.clock.advance(seconds=86_400)
    assert (await house.preview()).missing == ()
    await house.status(await house.launch(), "succeeded")


async def test_where_some_models_cost_nothing_it_is_a_warning_that_names_the_others(house: House) -> None:
    await house.declare(manifests(SCRIPT, model(SCRIPT, "free", **FREE), agent("boss", model="free")))
    await spend(house, 60_000_000)
    plan = await house.preview()
    (note,) = plan.notes
    assert (plan.missing, "the models of ann, bob are not asked" in note) == ((), True)
    run = await house.launch()
    assert (await house.status(run, "succeeded", "failed"))["result"] == "done"
    failed = (await house.agents(run))["ann"]["error"]
    assert failed["code"] == "budget_reached"
    assert "STEAD_USER_DAY_USD" in failed["way_out"]


async def test_a_day_that_may_not_do_is_a_warning_and_changes_no_plan(house: House) -> None:
    await house.declare(manifests(SCRIPT, swarm(limits={"budget_usd": "1.00"})))
    before = await house.preview()
    await spend(house, 49_500_000)
    plan = await house.preview()
    (note,) = plan.notes
    assert "$0.5000 is left, and this run may need" in note
    assert "may fit into what is left" in note
    assert (plan.hash, plan.missing) == (before.hash, ())
    assert replace(plan, notes=(), created_at=0) == replace(before, created_at=0)


async def test_what_was_said_at_a_preview_does_not_stand_beside_later_runs_of_the_plan(any_house: House) -> None:
    """It is what somebody had spent at that moment; the next to launch the same plan may be another, on another day."""
    await any_house.declare(manifests(SCRIPT))
    await spend(any_house, 600_000_000)
    poor = await any_house.preview()
    assert poor.missing
    any_house.clock.advance(seconds=86_400)
    await spend(any_house, 49_500_000)
    noted = await any_house.preview()
    assert (len(noted.notes), noted.missing, noted.hash) == (1, (), poor.hash)
    await any_house.status(await any_house.launch(), "succeeded")
    stored = await any_house.db.read(lambda conn: conn.execute(sa.select(plans.c.content)).scalar_one())
    assert "daily budget" not in str(stored)
    # As an earlier version stored it.
    said = {"missing": [asdict(one) for one in poor.missing], "notes": list(noted.notes)}
    await any_house.db.write(lambda tx: tx.conn.execute(plans.update().values(content=stored | said)))
    kept = await any_house.db.read(lambda conn: load_plan(conn, "acme", poor.hash))
    assert (kept.missing, kept.notes, kept.agents) == ((), (), noted.agents)


async def test_earlier_runs_that_cost_nothing_do_not_hide_what_a_dear_model_needs(house: House) -> None:
    await house.declare(manifests(SCRIPT, model(SCRIPT, **FREE)))
    for _ in range(3):
        await house.status(await house.launch(), "succeeded")
    dear = {"price": {"input_per_million_usd": "0", "output_per_million_usd": "9000"}}
    limits = {"budget_usd": "90.00", "wall_clock_s": 600}
    await house.declare(manifests(SCRIPT, swarm(limits=limits), model(SCRIPT, **dear)))
    plan = await house.preview()
    assert plan.cost_high_micros == 0
    assert "this run may need $90.00" in plan.notes[0]

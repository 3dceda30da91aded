"""What happens while a run waits for people: what they say reaches the model, and what they cost is not counted."""

import pytest

from tests.rooms.runs.house import PLAN_LIFE_S, House
from tests.rooms.runs.swarms import call, delegate, manifests, swarm

APPENDS = {"boss": [call("append", line="one"), "It said: {{ last[0].text }}"]}


async def test_an_approved_call_is_made_once(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    await any_house.decide(await any_house.question(run))
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["result"], any_house.upstream.lines, row["pending"]) == ("It said: append one", ["one"], 0)

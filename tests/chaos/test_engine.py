"""The durable engine's duties beside kills: orderly stops, loops that get lost, and those that are given up."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import NewCase
from tests.chaos.kills import Kill
from tests.chaos.life import Life
from tests.chaos.nursery import Nursery
from tests.chaos.verdict import faults

_LOOPS = "SELECT agent, w.status, recovery_attempts FROM workflow_status w JOIN agent_runs a ON a.id = w.workflow_uuid"


def workflows(folder: Path) -> dict[str, tuple[str, int]]:
    """Agent -> (what the engine says of its loop, how often it was taken up)."""
    with sqlite3.connect(folder / "data" / "stead.db") as connection:
        rows = connection.execute(_LOOPS).fetchall()
    connection.close()
    return {agent: (status, attempts) for agent, status, attempts in rows}


def wear_out(folder: Path, agent: str) -> None:
    """Have the engine think that it took an agent's loop up a hundred times."""
    with sqlite3.connect(folder / "data" / "stead.db") as connection:
        (loop,) = connection.execute("SELECT id FROM agent_runs WHERE agent = ?", [agent]).fetchone()
        connection.execute("UPDATE workflow_status SET recovery_attempts = 100 WHERE workflow_uuid = ?", [loop])
    connection.close()


def test_an_orderly_stop_is_no_crash(nursery: Nursery, new_case: NewCase, undisturbed: dict[str, Any]) -> None:
    folder = new_case("orderly")
    assert nursery.live(Life(str(folder), stops_at="approval.asked")) == {}
    assert {state for state in workflows(folder).values() if state[0] != "SUCCESS"} == {("ENQUEUED", 0)}
    outcome = nursery.live(Life(str(folder)))
    assert outcome is not None
    assert faults(folder, outcome, undisturbed) == []


@pytest.mark.parametrize(
    ("agent", "status", "code", "result"),
    [
        (
            "writer",
            "succeeded",
            None,
            "Done: I read the text of a and the text of b. writer failed: The server ended again",
        ),
        ("boss", "failed", "given_up", None),
    ],
)
def test_a_loop_that_is_taken_up_too_often_is_given_up_and_nobody_waits_for_it(
    nursery: Nursery, new_case: NewCase, agent: str, status: str, code: str | None, result: str | None
) -> None:
    folder = new_case(f"given-up-{agent}")
    assert nursery.live(Life(str(folder), kill=Kill(1, label="approval.asked"))) is None
    wear_out(folder, agent)
    outcome = nursery.live(Life(str(folder)))
    assert outcome is not None
    error: dict[str, Any] = outcome["error"] or {}
    assert (outcome["status"], error.get("code")) == (status, code)
    assert (outcome["result"] or "").startswith(result or "")
    assert (outcome["pending"], outcome["open questions"], outcome["audit"], outcome["gapless"]) == (0, 0, True, True)


def test_loops_that_nobody_carries_are_taken_up_again(
    nursery: Nursery, new_case: NewCase, undisturbed: dict[str, Any]
) -> None:
    folder = new_case("lost")
    outcome = nursery.play("loops_lost", folder)
    assert outcome.pop("carried") == 0
    assert faults(folder, outcome, undisturbed) == []


def test_a_worker_that_cannot_renew_its_lease_carries_nothing_until_it_can(
    nursery: Nursery, bare_case: NewCase, undisturbed: dict[str, Any], postgres_url: str
) -> None:
    folder = bare_case("lease")
    outcome = nursery.play("lease_lost", folder, postgres_url)
    assert outcome.pop("carried") > 0
    assert outcome.pop("meanwhile") == [0, 0, False]
    assert faults(folder, outcome, undisturbed) == []


def test_a_loop_that_begins_again_is_told_who_carries_it_now(
    nursery: Nursery, bare_case: NewCase, postgres_url: str
) -> None:
    assert nursery.play("asked_from_within", bare_case("within"), postgres_url) == {"told": [True, False]}

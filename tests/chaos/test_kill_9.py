"""A server is killed with -9 wherever that is possible, started again, and must come to what it would have come to."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import NewCase
from tests.chaos.kills import Kill
from tests.chaos.life import Life
from tests.chaos.nursery import Nursery
from tests.chaos.verdict import faults

_AT_A_TIME = 4
_WHEN = pytest.mark.parametrize("when", ["before", "after"])


def all_of(case: Callable[[int], list[str]], numbers: Iterable[int]) -> list[str]:
    """What went wrong in any of these cases; a few run at a time."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return [fault for found in pool.map(case, numbers) for fault in found]


def end_of(nursery: Nursery, folder: Path) -> dict[str, Any]:
    """Start the server on what a killed one left; what came of it."""
    outcome = nursery.live(Life(str(folder)))
    assert outcome is not None
    return outcome


def test_undisturbed_it_comes_to_a_good_end(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["status"] == "succeeded"
    assert undisturbed["result"] == "Done: I read the text of a and the text of b. I wrote it down."
    assert undisturbed["questions"] == [["plan", "append", "approved"], ["plan", "put", "approved"]]
    assert (undisturbed["audit"], undisturbed["gapless"], undisturbed["open leases"]) == (True, True, False)
    assert len(undisturbed["commits"]) > 25


@_WHEN
def test_killed_at_every_commit(nursery: Nursery, new_case: NewCase, undisturbed: dict[str, Any], when: str) -> None:
    def case(nth: int) -> list[str]:
        folder = new_case(f"{when}-{nth}")
        outcome = nursery.live(Life(str(folder), kill=Kill(nth, when))) or end_of(nursery, folder)
        return [f"{when} commit {nth}: {fault}" for fault in faults(folder, outcome, undisturbed)]

    assert all_of(case, range(1, len(undisturbed["commits"]) + 1)) == []


@_WHEN
def test_killed_at_every_commit_of_its_very_first_start(
    nursery: Nursery, bare_case: NewCase, undisturbed: dict[str, Any], when: str
) -> None:
    start = 9  # schema, first key, samples, the engine's tables and version, the swarm; and the launch

    def case(nth: int) -> list[str]:
        folder = bare_case(f"first-{when}-{nth}")
        assert nursery.live(Life(str(folder), kill_at_start=Kill(nth, when))) is None
        return [f"{when} commit {nth}: {fault}" for fault in faults(folder, end_of(nursery, folder), undisturbed)]

    assert all_of(case, range(1, start + 1)) == []


def test_killed_again_while_it_takes_up_what_was_left(
    nursery: Nursery, new_case: NewCase, undisturbed: dict[str, Any]
) -> None:
    def case(nth: int) -> list[str]:
        folder = new_case(f"again-{nth}")
        assert nursery.live(Life(str(folder), kill=Kill(1, label="approval.decided"))) is None
        outcome = nursery.live(Life(str(folder), kill_at_start=Kill(nth))) or end_of(nursery, folder)
        return [f"commit {nth} of the second life: {fault}" for fault in faults(folder, outcome, undisturbed)]

    assert all_of(case, range(1, 16)) == []


@pytest.mark.parametrize("every", [9, 14])
def test_killed_again_and_again(nursery: Nursery, new_case: NewCase, undisturbed: dict[str, Any], every: int) -> None:
    """Lives become longer in time: nine commits may get nowhere, life after life.

    To take up three loops costs five, and two model calls that were lost together cost six before either is through.
    """
    folder, outcome, lives = new_case(f"every-{every}"), None, 0
    while outcome is None:
        lives += 1
        assert lives < 40
        outcome = nursery.live(Life(str(folder), kill=Kill(every + lives // 8)))
    assert lives > 2
    assert faults(folder, outcome, undisturbed) == []


@pytest.mark.parametrize(
    ("kill", "allows"),
    [
        pytest.param(Kill(1, "after", "run.queued"), False, id="between the launch and the loop"),
        pytest.param(Kill(1, "before", "model.called"), False, id="in a model call"),
        pytest.param(Kill(1, "after", "agent.delegated"), False, id="between a child's row and its loop"),
        pytest.param(Kill(1, "after", "approval.asked"), False, id="while a question waits"),
        pytest.param(Kill(2, "after", "approval.asked"), True, id="while the next question waits"),
        pytest.param(Kill(1, "after", "approval.decided"), True, id="between a decision and its execution"),
        pytest.param(Kill(1, "after", "agent.finished"), False, id="between a child's end and its parent's turn"),
        pytest.param(Kill(1, "after", "run.finished"), True, id="after the end"),
    ],
)
def test_killed_where_it_matters(
    nursery: Nursery, new_case: NewCase, undisturbed: dict[str, Any], kill: Kill, allows: bool
) -> None:
    folder = new_case(f"{kill.label}-{kill.nth}-{kill.when}")
    assert nursery.live(Life(str(folder), kill=kill, allows=allows)) is None
    outcome = end_of(nursery, folder)
    assert faults(folder, outcome, undisturbed) == []
    assert outcome["questions"] == undisturbed["questions"]  # nothing was in flight, so nobody is asked anything more


@pytest.mark.parametrize("takes_tools_along", [False, True], ids=["the tool lives on", "the tool dies too"])
@pytest.mark.parametrize(
    "gate", ["before read", "after read", "before put", "after put", "before append", "after append"]
)
def test_killed_with_a_call_in_flight(
    nursery: Nursery, new_case: NewCase, undisturbed: dict[str, Any], gate: str, takes_tools_along: bool
) -> None:
    folder = new_case(f"{gate.replace(' ', '-')}-{takes_tools_along}")
    life = Life(str(folder), kill_in_call=gate, takes_tools_along=takes_tools_along, allows="read" not in gate)
    assert nursery.live(life) is None
    outcome = end_of(nursery, folder)
    assert faults(folder, outcome, undisturbed) == []
    asked = [question[1:] for question in outcome["questions"] if question[0] == "outcome"]
    # Only what cannot be repeated is asked about. It did not happen if its program died before it could act.
    never = gate == "before append" and takes_tools_along
    assert asked == ([["append", "approved" if never else "denied"]] if gate.endswith("append") else [])

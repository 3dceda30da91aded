"""Two workers on one Postgres, one of them drained: the other gets the work, while the first still lives."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.conftest import NewCase
from tests.chaos.life import Life
from tests.chaos.nursery import Nursery
from tests.chaos.verdict import faults

_CARRIERS = """
    SELECT agent, executor_id, recovery_attempts FROM dbos.workflow_status JOIN agent_runs ON id = workflow_uuid
"""


def carriers(url: str) -> dict[str, tuple[str, int]]:
    """Agent -> (who carried its loop last, how often it was claimed since it was queued last)."""
    with psycopg.connect(url) as connection:
        return {agent: (executor, claims) for agent, executor, claims in connection.execute(_CARRIERS)}


def beside(nursery: Nursery, folder: Path, url: str, scenario: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Play a scenario; once its worker rests, another lives beside it. What came of both."""
    os.mkfifo(folder / "rests")
    with ThreadPoolExecutor() as pool:
        drained = pool.submit(nursery.play, scenario, folder, url)
        (folder / "rests").read_bytes()  # ends when it rests
        other = nursery.live(Life(str(folder), url, launches=False))
        assert other is not None
        return drained.result(), other


@pytest.mark.parametrize(("scenario", "busy"), [("drained_while_work_is_queued", 0), ("drained_in_a_call", 1)])
def test_the_other_worker_gets_all_of_it_once(
    nursery: Nursery,
    bare_case: NewCase,
    undisturbed: dict[str, Any],
    postgres_url: str,
    scenario: str,
    busy: int,
) -> None:
    folder = bare_case(scenario)
    drained, outcome = beside(nursery, folder, postgres_url, scenario)
    by = carriers(postgres_url)
    assert drained["claimed"] == []
    assert {agent for agent, (executor, _) in by.items() if executor == drained["me"]} <= {
        "reader"
    }  # it may have ended
    assert {agent: claims for agent, (_, claims) in by.items()} == {"boss": 1, "reader": 1, "writer": 1}
    assert (drained["busy"], drained["carried"]) == (busy, 0)
    assert faults(folder, outcome, undisturbed) == []
    calls = (folder / "repo" / "chaos" / "calls").read_text().splitlines()
    assert sorted(line.split()[0] for line in calls) == ["append", "put", "read", "read"]

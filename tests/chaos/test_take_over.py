"""Several servers on one Postgres: one is killed with -9, and another takes over what it carried."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.conftest import NewCase
from tests.chaos.life import Life
from tests.chaos.nursery import Nursery
from tests.chaos.verdict import faults

_GATES = ["before read", "after put", "before append", "after append"]


def let_leases_run_out(url: str) -> int:
    """What half a minute does to the leases of those who are dead; how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        executors = [row[0] for row in connection.execute("SELECT executor FROM workers").fetchall()]
        dead = [name for name in executors if _is_dead(int(name.split("-")[-2]))]
        connection.execute("UPDATE workers SET lease_until = 0 WHERE executor = ANY(%s)", [dead])
        return len(dead)


def _is_dead(pid: int) -> bool:
    """Whether that process has ended; one that its parent has not heard of yet is still listed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("gate", _GATES)
def test_a_later_server_takes_over(
    nursery: Nursery, bare_case: NewCase, undisturbed: dict[str, Any], postgres_url: str, gate: str
) -> None:
    folder = bare_case(f"later-{gate.replace(' ', '-')}")
    assert nursery.live(Life(str(folder), postgres_url, kill_in_call=gate)) is None
    assert let_leases_run_out(postgres_url) == 1
    outcome = nursery.live(Life(str(folder), postgres_url))
    assert outcome is not None
    assert faults(folder, outcome, undisturbed) == []


@pytest.mark.parametrize("gate", _GATES)
def test_a_server_beside_it_takes_over(
    nursery: Nursery, bare_case: NewCase, undisturbed: dict[str, Any], postgres_url: str, gate: str
) -> None:
    folder = bare_case(f"beside-{gate.replace(' ', '-')}")
    nursery.prepare(folder, postgres_url)
    with ThreadPoolExecutor() as pool:
        doomed = pool.submit(nursery.live, Life(str(folder), postgres_url, kill_in_call=gate))
        other = pool.submit(nursery.live, Life(str(folder), postgres_url, launches=False))
        assert doomed.result() is None
        assert let_leases_run_out(postgres_url) == 1
        outcome = other.result()
    assert outcome is not None
    assert faults(folder, outcome, undisturbed) == []


def test_a_server_that_stops_in_good_order_hands_over(
    nursery: Nursery, bare_case: NewCase, undisturbed: dict[str, Any], postgres_url: str
) -> None:
    folder = bare_case("good-order")
    assert nursery.live(Life(str(folder), postgres_url, stops_at="approval.asked")) == {}
    assert let_leases_run_out(postgres_url) == 0  # its lease is given back; nobody has to wait for it to run out
    outcome = nursery.live(Life(str(folder), postgres_url))
    assert outcome is not None
    assert faults(folder, outcome, undisturbed) == []

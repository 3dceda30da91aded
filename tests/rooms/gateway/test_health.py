"""What is told of a server's health and of a tool's calls."""

from dataclasses import replace

import pytest

from swarmstead.gateway.health import SessionState, health_of
from swarmstead.gateway.traffic.tally import Tally

UP = SessionState("kit", "t/1", up=True, protocol="2025-11-25", trouble="", since_s=60.0, resting_s=0.0)
DOWN = SessionState("kit", "t/1", up=False, protocol="", trouble="it is gone", since_s=5.0, resting_s=0.0, ago_s=4.2)
RESTING = SessionState("kit", "t/1", up=False, protocol="", trouble="it is gone", since_s=9.0, resting_s=4.0, ago_s=9.0)
SILENT = replace(UP, trouble="it took too long", since_s=1.0, ago_s=1.0)


def test_nothing_is_said_of_a_server_that_was_not_asked() -> None:
    assert health_of([]).state == "idle"


def test_the_worst_session_is_told_of_with_how_many_share_its_fate() -> None:
    assert (health_of([UP]).state, health_of([UP]).since_s, health_of([UP]).protocols) == ("up", 60.0, ("2025-11-25",))
    mixed = health_of([UP, DOWN, UP])
    assert (mixed.state, mixed.trouble, mixed.failing, mixed.sessions, mixed.since_s) == (
        "problem",
        "one of its sessions has ended; 4 s ago: it is gone",
        1,
        2,
        5.0,
    )
    assert (health_of([UP, DOWN, RESTING]).state, health_of([RESTING]).resting_s) == ("resting", 4.0)


def test_what_a_session_said_before_it_ended_is_told_as_the_past() -> None:
    assert health_of([RESTING, DOWN]).trouble == "it has no session now; 4 s ago: it is gone"
    assert health_of([replace(DOWN, ago_s=185.0)]).trouble == "it has no session now; 3 m ago: it is gone"
    assert health_of([DOWN, UP, SILENT]).trouble == "it took too long"  # as it is now, and that first


def test_a_breaker_that_is_open_is_a_rest_even_while_sessions_are_up() -> None:
    found = health_of([UP], 7.5)
    assert (found.state, found.resting_s) == ("resting", 7.5)
    assert "failed" in found.trouble
    assert health_of([], 0.0).state == "resting"


def test_quantiles_are_of_the_last_answers_and_counts_of_all_calls() -> None:
    tally = Tally()
    assert tally.look(1.0).p50_ms is None
    for n in range(1, 501):
        tally.note(10.0, float(n), good=n % 10 != 0)
    tally.note(20.0, None, good=False)
    found = tally.look(25.0)
    assert (found.calls, found.failures, found.ago_s) == (501, 51, 5.0)
    assert found.p50_ms == pytest.approx(400.0)
    assert found.p95_ms == pytest.approx(490.0)

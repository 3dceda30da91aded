"""The breaker: each transition of its table, one probe at a time, and late answers that are not listened to."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.traffic.breaker import Breaker, BreakerRules, Ending, State
from swarmstead.gateway.traffic.retries import RetryBudget, pause_s

RULES = BreakerRules(ratio=0.5, calls=4, window_s=10, rest_s=5, rest_max_s=20)


def breaker(chance: float = 0.0) -> Breaker:
    return Breaker(RULES, lambda: chance)


def call(one: Breaker, ending: Ending, now: float) -> None:
    assert one.ask(now) == 0.0
    one.tell(one.turn, ending, now)


def opened(now: float = 0.0, chance: float = 0.0) -> Breaker:
    one = breaker(chance)
    for _ in range(4):
        call(one, "failed", now)
    assert one.state is State.OPEN
    return one


def test_it_opens_at_the_share_of_failures_and_not_before_enough_calls() -> None:
    one = breaker()
    for ending in ("succeeded", "failed", "failed"):
        call(one, ending, 1.0)
        assert one.state is State.CLOSED
    call(one, "failed", 1.0)
    assert one.state is State.OPEN


def test_failures_that_are_long_ago_do_not_count() -> None:
    one = breaker()
    for now in (0.0, 11.0, 22.0, 33.0, 44.0):
        call(one, "failed", now)
    assert one.state is State.CLOSED


def test_what_says_nothing_does_not_count() -> None:
    one = breaker()
    for _ in range(50):
        call(one, "forgotten", 0.0)
    assert one.state is State.CLOSED


def test_while_it_rests_everything_is_refused_and_told_for_how_long() -> None:
    one = opened(now=100.0)
    assert (one.ask(100.0), one.ask(104.0)) == (5.0, 1.0)
    assert one.resting(104.0) == 1.0


def test_one_probe_at_a_time_closes_it() -> None:
    one = opened()
    assert one.ask(5.0) == 0.0
    turn = one.turn
    assert [one.ask(5.0) > 0 for _ in range(3)] == [True] * 3
    one.tell(turn, "succeeded", 6.0)
    assert one.state is State.CLOSED
    assert [one.ask(6.0) for _ in range(3)] == [0.0] * 3


def test_a_probe_that_fails_doubles_the_rest_up_to_its_most() -> None:
    one, now, rests = opened(), 0.0, list[float]()
    for _ in range(5):
        rests.append(one.ask(now))
        now += rests[-1]
        call(one, "failed", now)
    assert rests == [5.0, 10.0, 20.0, 20.0, 20.0]


def test_a_success_makes_the_next_rest_short_again() -> None:
    one = opened()
    call(one, "failed", 5.0)
    call(one, "succeeded", 15.0)
    for _ in range(4):
        call(one, "failed", 15.0)
    assert one.ask(15.0) == 5.0


def test_a_probe_whose_caller_went_away_leaves_room_for_the_next() -> None:
    one = opened()
    call(one, "forgotten", 5.0)
    assert one.state is State.HALF_OPEN
    assert one.ask(5.0) == 0.0


def test_answers_from_before_it_opened_change_nothing() -> None:
    one = breaker()
    turn = one.turn
    for _ in range(4):
        call(one, "failed", 0.0)
    one.tell(turn, "succeeded", 1.0)
    assert one.ask(5.0) == 0.0
    one.tell(turn, "succeeded", 5.0)
    assert one.state is State.PROBING


@pytest.mark.parametrize(("chance", "rest"), [(0.0, 5.0), (0.5, 5.5), (1.0, 6.0)])
def test_the_rest_is_longer_by_chance(chance: float, rest: float) -> None:
    assert opened(chance=chance).ask(0.0) == rest


@given(st.lists(st.tuples(st.floats(0, 8), st.sampled_from(["ask", "succeeded", "failed", "forgotten"])), max_size=200))
def test_any_history_leaves_it_in_a_state_it_can_leave(steps: list[tuple[float, str]]) -> None:
    one, now, out = breaker(0.5), 0.0, list[int]()
    for pause, what in steps:
        now += pause
        if what == "ask":
            state = one.state
            if one.ask(now) == 0.0:
                out.append(one.turn)
                assert one.state in (State.CLOSED, State.PROBING)
            else:
                assert state in (State.OPEN, State.PROBING)
        elif out:
            one.tell(out.pop(), cast("Ending", what), now)
        assert out.count(one.turn) <= 1 or one.state is State.CLOSED, "more than one probe"
    for turn in reversed(out):
        one.tell(turn, "forgotten", now)
    now += 1000
    assert one.ask(now) == 0.0


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 1), st.integers(0, 20))
def test_retries_stay_within_their_share(history: list[bool], share: float, most: int) -> None:
    budget, calls, retries = RetryBudget(share, most), 0, 0
    for again in history:
        if again:
            retries += budget.spend()
        else:
            budget.earn()
            calls += 1
        assert retries <= most + share * calls + 1e-6


@given(st.integers(1, 40), st.floats(0, 1))
def test_pauses_are_bounded(attempt: int, chance: float) -> None:
    assert 0 <= pause_s(attempt, 0.1, 2.0, chance) <= 2.0

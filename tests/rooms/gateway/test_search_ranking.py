"""One order from many signals: steps share the top, and traits move only what fits about as well."""

from dataclasses import replace

import pytest

from swarmstead.gateway.search.contract import Permitted, ToolDocument
from swarmstead.gateway.search.experience import Experience
from swarmstead.gateway.search.memory import MemoryIndex
from swarmstead.gateway.search.ports import Matches, Traits
from swarmstead.gateway.search.ranking import prior, scored, search
from swarmstead.gateway.search.weights import shipped

WEIGHTS = shipped()
READ = Traits("read")


def ranked(matches: Matches) -> list[int]:
    scores = scored(matches, WEIGHTS)
    return [matches.keys[at] for at in sorted(range(len(scores)), key=lambda at: -scores[at])]


def test_the_best_tool_of_every_step_is_on_top_however_well_others_fit_one_step() -> None:
    whole, first, second = [0.9, 0.7, 0.6, 0.6], [1.9, 1.4, 1.2, 0.1], [0.1, 0.2, 0.1, 0.8]
    found = ranked(Matches([1, 2, 3, 4], [READ] * 4, [whole, first, second]))
    assert set(found[:2]) == {1, 4}


def test_a_task_of_one_step_is_ranked_as_it_is() -> None:
    assert ranked(Matches([1, 2, 3], [READ] * 3, [[0.2, 0.9, 0.5]])) == [2, 3, 1]


def test_nothing_found_is_nothing_ranked() -> None:
    assert scored(Matches([], [], [[]]), WEIGHTS) == []


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Traits("read"), Traits("write")),
        (Traits("write"), Traits("danger")),
        (Traits("read", quality=0.9), Traits("read", quality=0.2)),
        (Traits("read", cost_micros=10), Traits("read", cost_micros=100_000)),
        (Traits("read", latency_ms=20), Traits("read", latency_ms=20_000)),
        (Traits("read", quality=0.9), Traits("read")),
    ],
)
def test_of_two_that_fit_alike_the_safer_better_cheaper_and_faster_comes_first(better: Traits, worse: Traits) -> None:
    assert ranked(Matches([1, 2], [worse, better], [[0.7, 0.7]])) == [2, 1]


def test_no_trait_outweighs_a_clearly_better_fit() -> None:
    best = prior(Traits("read", 1.0, 0, 0), WEIGHTS)
    worst = prior(Traits("danger", 0.0, 1_000_000, 60_000), WEIGHTS)
    assert 0 < best - worst < 0.1
    bad = Traits("danger", 0.0, 1_000_000, 60_000)
    assert ranked(Matches([1, 2], [bad, Traits("read", 1.0, 0, 0)], [[1.2, 0.9]])) == [1, 2]


def test_unknown_traits_say_nothing() -> None:
    assert prior(READ, WEIGHTS) == 0


def test_equal_tools_come_in_the_same_order_every_time() -> None:
    index = MemoryIndex(WEIGHTS)
    tools = [ToolDocument("s", f"restart_{n}", "Restart it.", risk="read") for n in range(9)]
    index.refresh(tools)
    first = [one.document.name for one in search(index, WEIGHTS, "restart it", None)]
    index.refresh(reversed(tools))
    assert [one.document.name for one in search(index, WEIGHTS, "restart it", None)] == first


def test_experience_counts_good_calls_and_fades() -> None:
    experience = Experience()
    assert experience.of("acme", "kit", "read") is None
    for _ in range(50):
        experience.note("acme", "kit", "read", good=False, ms=100)
    bad = experience.of("acme", "kit", "read")
    assert bad is not None
    assert bad.quality < 0.2
    assert bad.latency_ms == pytest.approx(100)
    for _ in range(200):
        experience.note("acme", "kit", "read", good=True, ms=10)
    good = experience.of("acme", "kit", "read")
    assert good is not None
    assert good.quality > 0.9
    assert good.latency_ms < 20
    assert experience.of("evil", "kit", "read") is None


def test_a_tool_that_nobody_may_find_is_not_ranked_at_all() -> None:
    index = MemoryIndex(WEIGHTS)
    tool = ToolDocument("s", "restart", "Restart it.", risk="read")
    index.refresh([tool, replace(tool, name="restart_all")])
    found = search(index, WEIGHTS, "restart", Permitted({"s": frozenset({"restart_all"})}))
    assert [one.document.name for one in found] == ["restart_all"]

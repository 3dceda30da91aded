"""How often rules have decided."""

from swarmstead.permits.policies import hits
from swarmstead.permits.policies.hits import Hits


def test_rules_count_in_their_own_tenant() -> None:
    seen = Hits()
    seen.note("a", {"one", "two"}, 5)
    seen.note("a", {"one"}, 9)
    assert (seen.of("a", "one").times, seen.of("a", "one").last_ms) == (2, 9)
    assert seen.of("a", "two").times == 1
    assert seen.of("b", "one").times == 0


def test_of_too_many_rules_the_oldest_are_forgotten() -> None:
    seen = Hits()
    for n in range(hits.MOST + 5):
        seen.note("a", {str(n)}, n)
    assert seen.of("a", "0").times == 0
    assert seen.of("a", str(hits.MOST + 4)).times == 1

"""Token buckets and keyed maps: what they let through, whatever is asked of them, and how much they keep."""

from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.traffic.bucket import Claim, MemoryBuckets, TokenBucket
from swarmstead.gateway.traffic.keyed import Keyed

RATES = st.floats(0.01, 1000, allow_nan=False)
STEPS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 3)), min_size=1, max_size=80)


@given(RATES, st.integers(1, 50), STEPS)
def test_no_span_of_time_sees_more_than_rate_and_burst_allow(
    rate: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    now, taken = 0.0, list[tuple[float, int]]()
    bucket = TokenBucket(rate, burst, now)
    for pause, tokens in steps:
        now += pause
        if bucket.wait(now, tokens) == 0.0:
            bucket.take(tokens)
            taken.append((now, tokens))
    for n, (start, _) in enumerate(taken):
        for m in range(n, len(taken)):
            span = taken[m][0] - start
            assert sum(tokens for _, tokens in taken[n : m + 1]) <= rate * span + burst + 1e-6


@given(RATES, st.integers(1, 50), st.integers(0, 200))
def test_who_waits_as_long_as_told_is_let_through(rate: float, burst: int, before: int) -> None:
    bucket, now = TokenBucket(rate, burst, 0.0), 0.0
    for _ in range(before + 1):
        now += bucket.wait(now)
        assert bucket.wait(now) == 0.0
        bucket.take()


@given(RATES, st.integers(1, 50), st.lists(st.tuples(st.floats(0, 5), st.integers(1, 60)), max_size=40))
def test_leases_hand_out_no_more_than_a_call_at_a_time_would(
    rate: float, burst: int, asked: list[tuple[float, int]]
) -> None:
    bucket, now, leased = TokenBucket(rate, burst, 0.0), 0.0, 0
    for pause, most in asked:
        now += pause
        got = bucket.lease(now, most)
        assert 0 <= got <= most
        leased += got
        assert leased <= rate * now + burst + 1e-6


def test_a_clock_that_goes_back_gains_nothing() -> None:
    bucket = TokenBucket(1, 1, 100.0)
    bucket.take()
    assert bucket.wait(50.0) == 1.0
    assert bucket.wait(100.0) == 1.0
    assert bucket.wait(101.0) == 0.0


async def test_all_claims_are_met_or_none_is_spent() -> None:
    buckets = MemoryBuckets(lambda: 7.0)
    rich, poor = Claim("tenant", "acme", "", 1.0, 5), Claim("identity", "acme", "ada", 1.0, 1)
    assert await buckets.take([rich, poor]) == 0.0
    assert [await buckets.take([rich, poor]) for _ in range(9)] == [1.0] * 9
    assert [await buckets.take([rich]) for _ in range(5)] == [0.0] * 4 + [1.0]


async def test_invented_identities_do_not_make_the_map_grow_nor_take_the_tenants_bucket() -> None:
    buckets = MemoryBuckets(lambda: 7.0, room=10)
    tenant = Claim("tenant", "acme", "", 1.0, 30)
    passed = sum([await buckets.take([tenant, Claim("identity", "acme", f"x{n}", 1.0, 1)]) == 0.0 for n in range(500)])
    assert (passed, len(buckets)) == (30, 10)


@given(st.integers(1, 8), st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=100))
def test_a_keyed_map_keeps_what_is_held_and_little_else(room: int, used: list[tuple[int, bool]]) -> None:
    held: set[int] = set()
    kept: Keyed[int, list[int]] = Keyed(room, lambda key: [key], lambda value: value[0] in held)
    for key, hold in used:
        assert kept[key] == [key]
        if hold:
            held.add(key)
        assert all(kept.look(one) is not None for one in held)
        assert len(kept) <= max(room, len(held) + room)
    before = len(held)
    held.clear()
    for key in range(100, 100 + 9 * (before + room)):
        assert kept[key] == [key]
    assert len(kept) <= before + room

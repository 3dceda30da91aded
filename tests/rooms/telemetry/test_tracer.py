"""What is looked at, and what of it is told."""

from collections.abc import Callable, Iterator

import pytest

from swarmstead.telemetry.contract import TraceParent, trace_id_of
from swarmstead.telemetry.spans import Sampling, Span, Tracer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = TraceParent(TRACE, SPAN, sampled=True), TraceParent(TRACE, SPAN, sampled=False)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tracer(sampling: Sampling, *, chance: Callable[[], float] = lambda: 0.5, clock: Clock | None = None) -> Tracer:
    told: list[Span] = []
    return Tracer(told.append, sampling, chance, clock or Clock())


@pytest.mark.parametrize(("share", "looked_at"), [(0.0, 0), (0.25, 25), (1.0, 100)])
def test_of_calls_without_a_trace_a_share_is_looked_at(share: float, looked_at: int) -> None:
    chances: Iterator[float] = iter(number / 100 for number in range(100))
    one = tracer(Sampling(calls=share, followed_per_s=0), chance=lambda: next(chances))
    found = [one.of_client(None, "acme") for _ in range(100)]
    begun = [trace for trace in found if trace is not None]
    assert len(begun) == looked_at
    assert len({trace for trace, _ in begun}) == looked_at, "each is a trace of its own"
    assert {parent for _, parent in begun} <= {""}


def test_a_client_that_does_not_keep_its_trace_is_not_looked_at() -> None:
    assert tracer(Sampling(calls=1, followed_per_s=100)).of_client(UNSAMPLED, "acme") is None


def test_a_client_that_keeps_its_trace_is_followed_by_the_share() -> None:
    assert tracer(Sampling(calls=1, followed_per_s=0)).of_client(SAMPLED, "acme") == (TRACE, SPAN)


def test_a_flood_of_sampled_flags_is_followed_as_often_as_allowed() -> None:
    clock = Clock()
    one = tracer(Sampling(calls=0, followed_per_s=5), clock=clock)

    def flood(tenant: str) -> int:
        return sum(one.of_client(SAMPLED, tenant) is not None for _ in range(1000))

    assert flood("acme") == 5
    assert flood("acme") == 0
    assert flood("evil") == 5, "tenants have an allowance each"
    clock.now += 0.4
    assert flood("acme") == 2
    clock.now += 3600
    assert flood("acme") == 5, "what was not used is not saved up"


def test_followed_by_none_is_none() -> None:
    one = tracer(Sampling(calls=0, followed_per_s=0), clock=(clock := Clock()))
    clock.now += 3600
    assert one.of_client(SAMPLED, "acme") is None


def test_seldom_is_not_never() -> None:
    one = tracer(Sampling(calls=0, followed_per_s=0.1), clock=(clock := Clock()))
    assert [one.of_client(SAMPLED, "acme") is not None for _ in range(2)] == [True, False]
    clock.now += 10
    assert one.of_client(SAMPLED, "acme") is not None


def test_of_runs_a_share_is_looked_at_the_same_in_every_process() -> None:
    traces = [trace_id_of(f"r_{number}") for number in range(1000)]
    half = [[tracer(Sampling(runs=0.5)).of_run(trace) for trace in traces] for _ in range(2)]
    assert half[0] == half[1]
    assert 400 < sum(half[0]) < 600
    assert not any(tracer(Sampling(runs=0)).of_run(trace) for trace in traces)
    assert all(tracer(Sampling(runs=1)).of_run(trace) for trace in traces)
    assert not tracer(Sampling(runs=1)).of_run("")


def test_a_child_is_told_under_its_parent() -> None:
    told: list[Span] = []
    above = Tracer(told.append).begin("tool.call", TRACE, SPAN, "server")
    below = above.child("policy.check")
    below.end()
    above.end("policy_denied")
    assert [(one.name, one.parent, one.trace_id, one.error) for one in told] == [
        ("policy.check", above.span_id, TRACE, ""),
        ("tool.call", SPAN, TRACE, "policy_denied"),
    ]
    assert told[1].span_id == above.span_id
    assert told[0].start_ns <= told[0].end_ns
    assert above.traceparent == f"00-{TRACE}-{above.span_id}-01"


def test_what_is_told_is_cut_and_redacted() -> None:
    told: list[Span] = []
    one = Tracer(told.append)
    span = one.begin("tool.call", TRACE, "")
    secret = "ghp_" + "a" * 36
    span.put("long", "x" * 10_000)
    span.put("secret", f"a {secret}")
    span.put("many", tuple(f"{number} {secret}" for number in range(1000)))
    span.put("empty", "")
    span.put("count", 0)
    span.end()
    one.tell(Span("agent.run", "internal", TRACE, SPAN, "", 1, 2, {"secret": secret}))
    found = told[0].attributes
    assert len(str(found["long"])) == 256
    assert isinstance(found["many"], tuple)
    assert len(found["many"]) == 32
    assert secret not in str(told)
    assert "empty" not in found
    assert found["count"] == 0

"""Counters and histograms add up, from any number of threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from swarmstead.telemetry import contract
from swarmstead.telemetry.contract import span_id_of, trace_id_of
from swarmstead.telemetry.meter import Meter


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """In place of the process's own."""
    fresh = Meter()
    monkeypatch.setattr(contract, "METER", fresh)
    return fresh


def test_counts_are_kept_by_name_and_labels_in_any_order() -> None:
    meter = Meter()
    meter.count("calls", tool="a", verdict="ok")
    meter.count("calls", 2, verdict="ok", tool="a")
    meter.count("calls", tool="b", verdict="ok")
    assert meter.counts() == {
        ("calls", (("tool", "a"), ("verdict", "ok"))): 3,
        ("calls", (("tool", "b"), ("verdict", "ok"))): 1,
    }


def test_buckets_are_cumulative_and_their_bounds_belong_to_them() -> None:
    meter = Meter()
    for seconds in (0.0, 0.005, 0.006, 120.0, 500.0):
        meter.observe("seconds", seconds)
    ((buckets, total),) = meter.times().values()
    as_map = dict(buckets)
    assert total == pytest.approx(620.011)
    assert (as_map["0.005"], as_map["0.01"], as_map["60.0"], as_map["120.0"], as_map["+Inf"]) == (2, 3, 3, 4, 5)
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert [bound for bound, _ in buckets][-1] == "+Inf"


def test_what_was_read_does_not_change_afterwards() -> None:
    meter = Meter()
    meter.count("calls")
    meter.observe("seconds", 1)
    counts, times = meter.counts(), meter.times()
    meter.count("calls")
    meter.observe("seconds", 1)
    assert counts == {("calls", ()): 1}
    assert times[("seconds", ())][1] == 1


def test_no_count_is_lost_between_threads() -> None:
    meter = Meter()

    def work(_number: int) -> None:
        for _ in range(1000):
            meter.count("calls", label="x")
            meter.observe("seconds", 0.1, label="x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert meter.counts()[("calls", (("label", "x"),))] == 8000
    assert dict(meter.times()[("seconds", (("label", "x"),))][0])["+Inf"] == 8000


def test_events_of_the_product_become_its_metrics(meter: Meter) -> None:
    contract.tool_called("ok", "direct", 0.2)
    contract.model_called("hosted", "ok", 1500, 10, 20)
    contract.run_finished("succeeded")
    contract.request_served("GET", 404, 0.01)
    counts = {(name, *dict(labels).values()): value for (name, labels), value in meter.counts().items()}
    assert counts == {
        ("stead_tool_calls_total", "direct", "ok"): 1,
        ("stead_model_calls_total", "hosted", "ok"): 1,
        ("stead_spend_micros_total", "hosted"): 1500,
        ("stead_tokens_total", "input", "hosted"): 10,
        ("stead_tokens_total", "output", "hosted"): 20,
        ("stead_runs_finished_total", "succeeded"): 1,
        ("stead_http_requests_total", "GET", "4xx"): 1,
    }


def test_every_process_gives_a_run_the_same_trace() -> None:
    assert trace_id_of("r_1") == trace_id_of("r_1") != trace_id_of("r_2")
    assert (len(trace_id_of("r_1")), len(span_id_of("r_1/a/1"))) == (32, 16)
    assert int(trace_id_of("r_1"), 16) > 0

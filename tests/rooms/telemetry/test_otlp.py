"""Spans reach a collector over real HTTP; one that is away, slow or elsewhere holds up nobody."""

import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest

from swarmstead.telemetry import names
from swarmstead.telemetry.adapters.otlp import OtlpSpans
from swarmstead.telemetry.meter import METER
from swarmstead.telemetry.spans import Span
from tests.fakes.collector import Collector, collecting

TRACE = "0af7651916cd43dd8448eb211c80319c"
SERVICE = {"service.name": "swarmstead", "service.version": "1.2.3"}
Opening = Callable[..., OtlpSpans]


@pytest.fixture
def collector() -> Generator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def opening() -> Generator[Opening]:
    opened: list[OtlpSpans] = []

    def make(endpoint: str, **more: Any) -> OtlpSpans:
        values: dict[str, Any] = {"every_s": 0.01, "timeout_s": 5.0}
        opened.append(OtlpSpans(endpoint, more.pop("headers", {}), SERVICE, **(values | more)))
        return opened[-1]

    yield make
    for one in opened:
        one.close(0)


def span(number: int = 1, **more: Any) -> Span:
    values: dict[str, Any] = {"name": "tool.call", "kind": "server", "trace_id": TRACE, "span_id": f"{number:016x}"}
    values |= {"parent": "b7ad6b7169203331", "start_ns": 1_000_000, "end_ns": 3_500_000, "attributes": {}}
    return Span(**(values | more))


def counted(name: str, **labels: str) -> float:
    return METER.counts().get((name, tuple(sorted(labels.items()))), 0)


def dropped() -> dict[str, float]:
    return {why: counted("stead_spans_dropped_total", why=why) for why in ("queue", "collector", "closing")}


def more_than(before: dict[str, float]) -> dict[str, float]:
    return {why: count - before[why] for why, count in dropped().items() if count > before[why]}


def test_a_span_arrives_as_it_was(collector: Collector, opening: Opening) -> None:
    told = {names.TOOL_NAME: "read", names.INPUT_TOKENS: 7, names.POLICY_RULES: ("a", "b"), "flag": True}
    before = counted("stead_spans_exported_total")
    spans = opening(collector.address, headers={"authorization": "Bearer t"})
    spans.keep(span(attributes=told, error="policy_denied"))
    spans.keep(span(2, name="agent.run", kind="internal", parent=""))
    collector.until(lambda: len(collector.spans) == 2)
    spans.close(30)
    first, second = collector.spans
    assert (first.name, first.kind, first.trace, first.id) == ("tool.call", "server", TRACE, f"{1:016x}")
    assert (first.parent, first.ms, first.error) == ("b7ad6b7169203331", 2.5, True)
    assert first.attributes == told | {names.POLICY_RULES: ["a", "b"], names.ERROR_TYPE: "policy_denied"}
    assert (second.kind, second.parent, second.error, second.attributes) == ("internal", "", False, {})
    assert {name: first.resource[name] for name in SERVICE} == SERVICE
    assert first.schema == names.SCHEMA_URL
    path, headers = collector.requests[0]
    assert path == "/v1/traces"
    assert (headers["authorization"], headers["content-type"]) == ("Bearer t", "application/x-protobuf")
    assert counted("stead_spans_exported_total") == before + 2


def test_the_whole_address_may_be_named(collector: Collector, opening: Opening) -> None:
    opening(f"{collector.address}/in/v1/traces/").keep(span())
    collector.until(lambda: bool(collector.spans))
    assert collector.requests[0][0] == "/in/v1/traces"


def test_what_the_environment_says_of_the_service_counts(
    collector: Collector, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    opening(collector.address).keep(span())
    collector.until(lambda: bool(collector.spans))
    found = collector.spans[0].resource
    assert (found["service.name"], found["deployment.environment.name"]) == ("ours", "prod")


def test_a_proxy_of_the_environment_is_not_used(
    collector: Collector, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    opening(collector.address).keep(span())
    collector.until(lambda: bool(collector.spans))


def test_a_slow_collector_holds_up_nobody_and_what_waits_is_bounded(collector: Collector, opening: Opening) -> None:
    collector.open.clear()
    before = dropped()
    spans = opening(collector.address, most=100, timeout_s=30.0)
    spans.keep(span())
    collector.until(lambda: bool(collector.bodies))
    for number in range(2, 1002):
        spans.keep(span(number))
    assert more_than(before) == {"queue": 900}
    collector.open.set()
    collector.until(lambda: len(collector.spans) == 101)


@pytest.mark.parametrize("status", [400, 401, 500, 302], ids=str)
def test_what_a_collector_does_not_take_is_counted(collector: Collector, opening: Opening, status: int) -> None:
    collector.status = status
    before, taken = dropped(), counted("stead_spans_exported_total")
    spans = opening(collector.address)
    spans.keep(span())
    collector.until(lambda: bool(collector.bodies))
    spans.close(30)
    assert more_than(before) == {"collector": 1}
    assert counted("stead_spans_exported_total") == taken
    assert {path for path, _ in collector.requests} == {"/v1/traces"}, "it went where it was sent to"


def test_a_collector_that_comes_back_gets_what_comes_then(collector: Collector, opening: Opening) -> None:
    collector.status = 500
    spans = opening(collector.address)
    spans.keep(span(1))
    collector.until(lambda: len(collector.bodies) == 1)
    collector.status = 200
    spans.keep(span(2))
    collector.until(lambda: bool(collector.spans))
    assert collector.spans[0].id == f"{2:016x}"


def test_nobody_listens(opening: Opening, caplog: pytest.LogCaptureFixture) -> None:
    with collecting() as gone:
        address = gone.address
    before = dropped()
    spans = opening(address, timeout_s=0.1)
    for number in range(1, 11):
        spans.keep(span(number))
    spans.close(30)
    assert more_than(before) == {"collector": 10}
    assert [record.message for record in caplog.records if "STEAD_OTLP_ENDPOINT" in record.message] != []
    assert address not in caplog.text


def test_what_waits_is_sent_at_the_end(collector: Collector, opening: Opening) -> None:
    spans = opening(collector.address, every_s=3600.0)
    for number in range(1, 2001):
        spans.keep(span(number))
    spans.close(30)
    assert len(collector.spans) == 2000


class _Held(threading.Event):
    """Whoever waits for it waits until `go_on`, whatever time it was to take."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on, self.waited_for = threading.Event(), threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        """Longer than asked."""
        del timeout
        self.waited_for.set()
        return self.go_on.wait(30)


def test_what_the_thread_holds_when_it_is_given_up_is_counted_too(
    collector: Collector, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, held = dropped(), _Held()
    spans = opening(collector.address)
    monkeypatch.setattr(spans, "_closing", held)
    spans.keep(span())
    assert held.waited_for.wait(30)
    spans.close(0)
    held.go_on.set()
    vars(spans)["_thread"].join(30)
    assert more_than(before) == {"closing": 1}


def test_the_end_is_not_waited_for_longer_than_allowed(collector: Collector, opening: Opening) -> None:
    collector.open.clear()
    before = dropped()
    spans = opening(collector.address, timeout_s=30.0)
    spans.keep(span())
    collector.until(lambda: bool(collector.bodies))
    for number in range(2, 12):
        spans.keep(span(number))
    spans.close(0)
    assert more_than(before) == {"closing": 10}

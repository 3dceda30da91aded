"""`/metrics` in Prometheus' text form. Totals over all tenants, with no names in it, so it asks for no credential."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from swarmstead.gatehouse import Gatehouse
from swarmstead.gateway.traffic.state import Totals
from swarmstead.kernel.errors import SteadError
from swarmstead.permits.queries import count_all_pending
from swarmstead.resources.following import InForce
from swarmstead.telemetry.meter import METER

_HELP = {
    "stead_tool_calls_total": "Tool calls that walked the gateway's chain.",
    "stead_tool_call_seconds": "How long tool calls took, in seconds.",
    "stead_tool_calls_refused_total": "Tool calls that backpressure has refused, by reason.",
    "stead_tool_calls_retried_total": "Tool calls that the gateway has sent once more, by what went wrong before.",
    "stead_tool_call_wait_seconds": "How long tool calls that waited for a token or for room did so, in seconds.",
    "stead_model_calls_total": "Model steps that have ended.",
    "stead_spend_micros_total": "Money spent on models since the start, in micro-dollars.",
    "stead_tokens_total": "Tokens used since the start.",
    "stead_policy_checks_total": "Calls that policies were asked about, by what they said.",
    "stead_grants_monitored_total": "Calls that only monitored bindings let through: they would have been denied.",
    "stead_policy_monitored_total": "Calls that policies in monitor mode were asked about too, by what they would say.",
    "stead_runs_finished_total": "Runs that have ended since the start.",
    "stead_credentials_refused_total": "Requests whose credential was missing or not accepted, by why.",
    "stead_spans_exported_total": "Spans that the collector has taken.",
    "stead_spans_dropped_total": "Spans that were given up, by why: nobody waits for a collector.",
    "stead_config_reads_total": "How often the operator's files were read, by what came of it.",
    "stead_connections_let_go_total": "Connections closed because there were too many: new ones, and idle ones.",
    "stead_http_requests_total": "HTTP requests answered.",
    "stead_http_request_seconds": "How long HTTP requests took, in seconds.",
}


async def exposition(app: Gatehouse) -> Response:
    """What a scrape gets. The library is imported at the first one, not at start."""
    from prometheus_client import CollectorRegistry, generate_latest

    checks = {"database": await _is_well(app), app.takes: not app.resting}
    runs, pending = None, None
    with suppress(SteadError):  # a database that is away must not take the other numbers with it
        runs, pending = await app.db.read(app.count_runs), await app.db.read(count_all_pending)
    registry = CollectorRegistry()
    registry.register(_Collector(runs, pending, app.gateway.traffic.totals(), app.config and app.config.state, checks))  # pyright: ignore[reportArgumentType] - duck-typed by the library
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def metrics_app(app: Gatehouse) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint as a route."""

    async def metrics(_request: Request) -> Response:
        return await exposition(app)

    return metrics


async def _is_well(app: Gatehouse) -> bool:
    """Whether the database can be read and written: a full disk shows here before anybody asks for a run."""
    try:
        await app.probe.check()
    except SteadError:
        return False
    return True


class _Collector:
    def __init__(
        self,
        runs: Mapping[str, int] | None,
        pending: int | None,
        traffic: Totals,
        config: InForce | None,
        checks: Mapping[str, bool],
    ) -> None:
        self._checks = checks
        self._runs = runs
        self._pending = pending
        self._traffic = traffic
        self._config = config

    def collect(self) -> Iterable[Any]:
        """The metric families, as the library asks for them."""
        yield from _counted()
        yield from self._standing()

    def _standing(self) -> Iterable[Any]:
        from prometheus_client.core import GaugeMetricFamily

        if self._runs is not None:
            gauge = GaugeMetricFamily("stead_runs", "Runs that have not ended, by status.", labels=["status"])
            for status, count in self._runs.items():
                gauge.add_metric([status], count)
            yield gauge
        if self._config is not None:
            good = "Whether the operator's files were good when they were last read."
            yield GaugeMetricFamily("stead_config_good", good, value=not self._config.refused)
        gauge = GaugeMetricFamily("stead_ready", "What /readyz looks at: 1 where it is well.", labels=["check"])
        for check, is_well in self._checks.items():
            gauge.add_metric([check], int(is_well))
        yield gauge
        if self._pending is not None:
            yield GaugeMetricFamily("stead_approvals_pending", "Questions that wait for a person.", value=self._pending)
        traffic = self._traffic
        yield GaugeMetricFamily("stead_tool_calls_in_flight", "Tool calls under way.", value=traffic.in_flight)
        asking = "Tool calls that wait for an answer of their client."
        yield GaugeMetricFamily("stead_tool_calls_asking", asking, value=traffic.asking)
        yield GaugeMetricFamily("stead_tool_calls_queued", "Tool calls that wait for room.", value=traffic.queued)
        gauge = GaugeMetricFamily("stead_breakers", "Breakers of tools and tool servers, by state.", labels=["state"])
        for state, count in traffic.breakers.items():
            gauge.add_metric([state.value], count)
        yield gauge


def _counted() -> Iterable[Any]:
    """What was counted since the start."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    families: dict[str, Any] = {}
    for (name, labels), value in METER.counts().items():
        keys = [key for key, _ in labels]
        family = families.setdefault(name, CounterMetricFamily(name.removesuffix("_total"), _HELP[name], labels=keys))
        family.add_metric([text for _, text in labels], value)
    for (name, labels), (buckets, total) in METER.times().items():
        keys = [key for key, _ in labels]
        family = families.setdefault(name, HistogramMetricFamily(name, _HELP[name], labels=keys))
        family.add_metric([text for _, text in labels], buckets, total)
    return families.values()

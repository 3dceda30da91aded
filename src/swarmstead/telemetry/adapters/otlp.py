"""Spans to a collector, by OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/), from a thread of its own.

OpenTelemetry's exporter speaks the protocol and tries again; of the standard's environment variables it reads what we
have no setting for (`OTEL_EXPORTER_OTLP_CERTIFICATE`, `…_COMPRESSION`, `OTEL_RESOURCE_ATTRIBUTES`). Its queue is not
used: it does not say how much it has dropped.

Invariants: whoever has a span to tell never waits, and at most `most` wait here; what is given up is counted. Nothing
goes anywhere but to the endpoint: no redirect is followed, and no proxy or `.netrc` of the environment is used.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from swarmstead.telemetry import names
from swarmstead.telemetry.contract import spans_dropped, spans_exported
from swarmstead.telemetry.spans import Span

log = logging.getLogger(__name__)
_PATH = "/v1/traces"
_MOST = 4096
_TOGETHER = 512
_EVERY_S = 0.5
_TIMEOUT_S = 5.0
_COMPLAIN_EVERY_S = 60.0
_KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_OK, _SAMPLED = Status(StatusCode.UNSET), TraceFlags(TraceFlags.SAMPLED)
# What the library says holds what the collector said, for every batch. We say less, and seldom.
_ITS_LOG = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")


class OtlpSpans:
    """A queue and the thread that empties it every `every_s`.

    Cost: two microseconds for who tells a span; the thread takes about 50 for each (`docs/benchmarks.md`).
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        service: Mapping[str, str],
        *,
        most: int = _MOST,
        every_s: float = _EVERY_S,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        url = endpoint.rstrip("/")
        _ITS_LOG.disabled = True
        logging.getLogger("urllib3").setLevel(
            logging.INFO
        )  # below that it tells the endpoint's path, which may be secret
        self._exporter = OTLPSpanExporter(
            url if url.endswith(_PATH) else url + _PATH,
            headers=dict(headers),
            timeout=timeout_s,
            session=_session(),
        )
        self._resource = Resource(dict(service)).merge(OTELResourceDetector().detect())
        self._scope = InstrumentationScope(names.SCOPE, service.get("service.version"), names.SCHEMA_URL)
        self._waiting: Queue[Span | None] = Queue(most)
        self._every_s = every_s
        self._closing = threading.Event()
        self._given_up = False
        self._complained = -_COMPLAIN_EVERY_S
        self._thread = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    def keep(self, span: Span) -> None:
        """Take a span, or drop it where too many wait. From any thread."""
        try:
            self._waiting.put_nowait(span)
        except Full:
            spans_dropped(1, "queue")

    def close(self, deadline_s: float) -> None:
        """Send what waits, for this many seconds at most; what is left then is dropped."""
        self._closing.set()
        with suppress(Full):
            self._waiting.put_nowait(None)  # wakes the thread; where the queue is full it is awake
        self._thread.join(deadline_s)
        self._given_up = True
        self._exporter.shutdown()
        if left := self._taken(self._waiting.qsize()):
            spans_dropped(len(left), "closing")

    def _work(self) -> None:
        while not self._closing.is_set():
            first = self._waiting.get()
            self._closing.wait(self._every_s)
            self._send_all([] if first is None else [first])
        self._send_all([])

    def _send_all(self, batch: list[Span]) -> None:
        while not self._given_up and (batch := batch + self._taken(_TOGETHER - len(batch))):
            self._send(batch)
            batch = []
        if batch:  # taken from the queue before it was given up
            spans_dropped(len(batch), "closing")

    def _taken(self, most: int) -> list[Span]:
        found: list[Span] = []
        with suppress(Empty):
            while len(found) < most:
                if (span := self._waiting.get_nowait()) is not None:
                    found.append(span)
        return found

    def _send(self, batch: Sequence[Span]) -> None:
        try:
            taken = self._exporter.export([self._encoded(span) for span in batch]) is SpanExportResult.SUCCESS
        except Exception:  # the thread goes on whatever the library, or the collector, does
            log.exception("spans could not be told")
            taken = False
        if taken:
            return spans_exported(len(batch))
        spans_dropped(len(batch), "closing" if self._given_up else "collector")
        return self._complain()

    def _complain(self) -> None:
        if (now := time.monotonic()) - self._complained >= _COMPLAIN_EVERY_S:
            self._complained = now
            log.warning("the collector of traces (STEAD_OTLP_ENDPOINT) does not take them; what it misses is dropped")

    def _encoded(self, span: Span) -> ReadableSpan:
        trace = int(span.trace_id, 16)
        error = {names.ERROR_TYPE: span.error} if span.error else {}
        return ReadableSpan(
            span.name,
            SpanContext(trace, int(span.span_id, 16), is_remote=False, trace_flags=_SAMPLED),
            SpanContext(trace, int(span.parent, 16), span.kind == "server", _SAMPLED) if span.parent else None,
            self._resource,
            {**span.attributes, **error},
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR) if span.error else _OK,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.hooks["response"].append(_refuse_redirect)
    return session


def _refuse_redirect(answer: requests.Response, *_args: Any, **_kwargs: Any) -> None:
    """The library follows none, and takes one for success: what was not taken must not be counted as taken."""
    if answer.is_redirect:
        answer.close()
        raise requests.exceptions.InvalidURL("the collector sends us elsewhere")

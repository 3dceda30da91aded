"""A collector of traces on loopback: OTLP over HTTP, read with the protocol's own messages."""

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_PATIENCE_S = 30
_KINDS = {1: "internal", 2: "server", 3: "client"}


@dataclass(frozen=True)
class Seen:
    """A span as it came."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, Any]
    error: bool
    ms: float
    resource: Mapping[str, Any]
    schema: str


class Collector:
    """What came, and how it is answered: `status`, after `open` is set."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.spans: list[Seen] = []
        self.bodies: list[bytes] = []
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.status = 200
        self.open = threading.Event()
        self.open.set()
        self._news = threading.Condition()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """One request."""
        with self._news:
            self.requests.append((path, headers))
            self.bodies.append(body)
            self._news.notify_all()
        self.open.wait(_PATIENCE_S)
        if self.status == 200:
            with self._news:
                self.spans += _read(body)
                self._news.notify_all()
        return self.status

    def until(self, ready: Callable[[], bool]) -> None:
        """Wait until what came makes it so."""
        with self._news:
            assert self._news.wait_for(ready, _PATIENCE_S), [span.name for span in self.spans]

    def named(self, name: str) -> list[Seen]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]


def _read(body: bytes) -> list[Seen]:
    found: list[Seen] = []
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            found += [
                Seen(
                    span.name,
                    _KINDS[span.kind],
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _attributes(span.attributes),
                    span.status.code == 2,
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
                    resource,
                    scope.schema_url,
                )
                for span in scope.spans
            ]
    return found


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Collector


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - the one below

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.collector.take(self.path, headers, body)
        self.send_response(status)
        if status == 302:
            self.send_header("location", f"{self.server.collector.address}/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it overrides
        """Says nothing."""


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector, while it is there."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.collector = collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.open.set()
            server.shutdown()
            thread.join(_PATIENCE_S)

"""Spans: what is looked at, and how it is told to whoever keeps it.

    who                            is looked at
    a run                          by the share of runs, by its trace id: every process and every replay says the same
    a client that says no trace    by the share of calls
    a client whose trace is not
    sampled (its flag says so)     never: its trace would have a hole anyway
    a client whose trace is        by the share of calls, and else while its tenant's allowance for that lasts: the flag
                                   is a client's word, and must not make us keep everything

Invariants: where nobody keeps spans there is no `Tracer`, and what asks for one finds None. A span holds names, ids,
codes and counts; never an argument, an answer, an address, a header or words of an error. Texts are cut, and redacted
like all that leaves.
"""

import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from swarmstead.telemetry.contract import TraceParent, redact_text

Value = str | int | bool | tuple[str, ...]
Kind = Literal["internal", "server", "client"]
_LONGEST = 256
_MOST = 32
_CHANCE = random.Random().random  # noqa: S311 - whom chance picks is no secret


@dataclass(frozen=True, slots=True)
class Span:
    """Something that is over. Times are nanoseconds since 1970; `error` is a code, '' where there was none."""

    name: str
    kind: Kind
    trace_id: str
    span_id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    error: str = ""


Keep = Callable[[Span], None]
"""Takes a span and returns at once, whatever becomes of it. From any thread."""


class OpenSpan:
    """Something that goes on. It is told when it ends; one that never does is never told."""

    __slots__ = ("_attributes", "_began", "_keep", "_kind", "_name", "_parent", "_start_ns", "span_id", "trace_id")

    def __init__(self, keep: Keep, name: str, trace_id: str, parent: str, kind: Kind) -> None:
        self._keep = keep
        self._name = name
        self._parent = parent
        self._kind: Kind = kind
        self._attributes: dict[str, Value] = {}
        self._start_ns, self._began = time.time_ns(), time.perf_counter_ns()
        self.trace_id = trace_id
        self.span_id = secrets.token_hex(8)

    @property
    def traceparent(self) -> str:
        """What a request under this span says of itself."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    def put(self, name: str, value: Value) -> None:
        """Set an attribute. Empty texts say nothing and are left out."""
        if value not in ("", ()):
            self._attributes[name] = value

    def child(self, name: str, kind: Kind = "internal") -> "OpenSpan":
        """Something that goes on under it."""
        return OpenSpan(self._keep, name, self.trace_id, self.span_id, kind)

    def end(self, error: str = "") -> None:
        """It is over. To be called once."""
        end_ns = self._start_ns + time.perf_counter_ns() - self._began
        found = _safe(self._attributes)
        self._keep(
            Span(
                self._name, self._kind, self.trace_id, self.span_id, self._parent, self._start_ns, end_ns, found, error
            )
        )


@dataclass(frozen=True, slots=True)
class Sampling:
    """`calls`, `runs`: the share that is looked at. `followed_per_s`: traces of clients beyond that, per tenant."""

    calls: float = 0.01
    runs: float = 1.0
    followed_per_s: float = 1.0


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float


@dataclass(slots=True)
class Tracer:
    """Says what is looked at. One for the process.

    Cost: half a microsecond for a call that is not looked at.
    """

    keep: Keep
    sampling: Sampling = field(default_factory=Sampling)
    chance: Callable[[], float] = _CHANCE
    clock: Callable[[], float] = time.monotonic
    _allowances: dict[str, _Allowance] = field(default_factory=dict[str, _Allowance])

    def of_run(self, trace_id: str) -> bool:
        """Whether the run of this trace is looked at; one without a trace is not."""
        return bool(trace_id) and int(trace_id[16:], 16) < self.sampling.runs * 2**64

    def of_client(self, said: TraceParent | None, tenant: str) -> tuple[str, str] | None:
        """The trace and the span that a client's call is part of, a new trace if it says none; None: not looked at."""
        if said is None:
            return (secrets.token_hex(16), "") if self.chance() < self.sampling.calls else None
        if not said.sampled or not (self.chance() < self.sampling.calls or self._allowed(tenant)):
            return None
        return said.trace_id, said.span_id

    def begin(self, name: str, trace_id: str, parent: str, kind: Kind = "internal") -> OpenSpan:
        """Something begins, under a span of whoever has said so ('' for none)."""
        return OpenSpan(self.keep, name, trace_id, parent, kind)

    def tell(self, span: Span) -> None:
        """Something is over that was begun elsewhere, or long ago."""
        self.keep(replace(span, attributes=_safe(span.attributes)))

    def _allowed(self, tenant: str) -> bool:
        rate, now = self.sampling.followed_per_s, self.clock()
        mine = self._allowances.get(tenant)
        if mine is None:
            mine = self._allowances[tenant] = _Allowance(max(1.0, rate) if rate else 0.0, now)  # a second at once
        mine.left, mine.at = min(max(1.0, rate), mine.left + (now - mine.at) * rate), now
        if mine.left < 1:
            return False
        mine.left -= 1
        return True


def _safe(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {name: _cut(value) for name, value in attributes.items()}


def _cut(value: Value) -> Value:
    if isinstance(value, str):
        return redact_text(value)[:_LONGEST]
    if isinstance(value, tuple):
        return tuple(redact_text(one)[:_LONGEST] for one in value[:_MOST])
    return value

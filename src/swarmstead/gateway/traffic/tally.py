"""How the calls of one tool went, for people who look: counts, and the times of the last ones."""

import math
from array import array
from dataclasses import dataclass

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Calls:
    """What a tool's server was asked since the process began, repeats included; what was refused before is not in it.

    `p50_ms` and `p95_ms` are of the last 200 answers, None without one. `ago_s`: since the last call ended.
    """

    calls: int
    failures: int
    p50_ms: float | None
    p95_ms: float | None
    ago_s: float


class Tally:
    """Counts of one tool. Cost: 800 bytes, and one store a call; sorting waits until somebody looks."""

    __slots__ = ("_last", "_oldest", "_times", "calls", "failures")

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self._times = array("f")
        self._last = 0.0
        self._oldest = 0

    def note(self, now: float, ms: float | None, *, good: bool) -> None:
        """A call has ended after `ms`; None for one that never reached the server and so says nothing of its speed."""
        self.calls += 1
        self.failures += not good
        self._last = now
        if ms is None:
            return
        if len(self._times) < _KEPT:
            self._times.append(ms)
        else:
            self._times[self._oldest] = ms
            self._oldest = (self._oldest + 1) % _KEPT

    def look(self, now: float) -> Calls:
        """As it stands."""
        times = sorted(self._times)
        return Calls(self.calls, self.failures, _at(times, 0.5), _at(times, 0.95), max(0.0, now - self._last))


def _at(times: list[float], share: float) -> float | None:
    """The nearest-rank quantile."""
    if not times:
        return None
    return times[math.ceil(len(times) * share) - 1]

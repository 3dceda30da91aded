"""Counting, cheap enough for every call: a dictionary per process, turned into Prometheus' families on scrape."""

import threading
from collections.abc import Mapping

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
Labels = tuple[tuple[str, str], ...]


class Meter:
    """Counters and histograms of one process. Labels hold few values: never ids, tenants or texts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], float] = {}
        self._times: dict[tuple[str, Labels], list[float]] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add one duration to a histogram."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            slots = self._times.setdefault(key, [0.0] * (len(_BUCKETS_S) + 2))
            slots[-1] += seconds
            slots[next((n for n, bound in enumerate(_BUCKETS_S) if seconds <= bound), len(_BUCKETS_S))] += 1

    def counts(self) -> Mapping[tuple[str, Labels], float]:
        """All counters as they stand."""
        with self._lock:
            return dict(self._counts)

    def times(self) -> Mapping[tuple[str, Labels], tuple[list[tuple[str, float]], float]]:
        """All histograms: cumulative buckets (upper bound as text, count) and the sum of seconds."""
        with self._lock:
            kept = {key: list(slots) for key, slots in self._times.items()}
        found: dict[tuple[str, Labels], tuple[list[tuple[str, float]], float]] = {}
        for key, slots in kept.items():
            total, buckets = 0.0, list[tuple[str, float]]()
            for bound, amount in zip((*map(str, _BUCKETS_S), "+Inf"), slots, strict=False):
                total += amount
                buckets.append((bound, total))
            found[key] = (buckets, slots[-1])
        return found


METER = Meter()

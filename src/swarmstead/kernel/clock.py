"""Time as the product sees it: whole milliseconds since 1970, UTC. Handlers take a Clock, never `time.time`."""

import time
from datetime import UTC, datetime
from typing import Protocol

_DAY_MS = 86_400_000


class Clock(Protocol):
    """Where handlers read the time; tests pass one they can move."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000


def elapsed_s() -> float:
    """Seconds on a clock of this machine that nobody sets and that runs while it sleeps; good for differences only."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def rfc3339(ms: int) -> str:
    """`2026-11-22T09:38:35.123Z`, the only form in which times leave the product."""
    seconds, rest = divmod(ms, 1000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)  # exact, which a float is not
    text = at.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def utc_day_end(ms: int) -> str:
    """When that day is over, for people: `2026-11-23 00:00 UTC`."""
    return f"{utc_day(ms + _DAY_MS)} 00:00 UTC"


def utc_day(ms: int) -> str:
    """The UTC calendar day, `2026-11-22`; daily budgets turn over with it."""
    return datetime.fromtimestamp(ms // 1000, UTC).date().isoformat()

"""How tools have done lately: what ranking knows of their quality and latency. In memory, per process."""

import threading
from dataclasses import dataclass

_MOST = 100_000
_FADE = 0.05
_PRIOR_GOOD, _PRIOR_CALLS = 0.9, 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """`quality`: a faded share of good calls, drawn to 0.9 while there are few. `latency_ms`: a faded mean."""

    quality: float = _PRIOR_GOOD
    latency_ms: float = 0.0
    calls: int = 0

    def after(self, *, good: bool, ms: float) -> "Record":
        """With one more call."""
        step = max(_FADE, 1 / (self.calls + 1 + _PRIOR_CALLS))
        mean = ms if not self.calls else self.latency_ms + max(_FADE, 1 / (self.calls + 1)) * (ms - self.latency_ms)
        return Record(self.quality + step * (float(good) - self.quality), mean, self.calls + 1)


class Experience:
    """Records by tenant, server and tool. `note` is cheap enough for every call; the oldest of too many are dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str, str], Record] = {}

    def note(self, tenant: str, server: str, tool: str, *, good: bool, ms: float) -> None:
        """A call has ended. A refusal of ours is no experience with the tool: do not note it."""
        key = (tenant, server, tool)
        with self._lock:
            self._records[key] = self._records.pop(key, Record()).after(good=good, ms=ms)
            if len(self._records) > _MOST:
                del self._records[next(iter(self._records))]

    def of(self, tenant: str, server: str, tool: str) -> Record | None:
        """What is known of a tool, None when it has not been called since the process began."""
        return self._records.get((tenant, server, tool))

"""A clock that stands still until a test moves it."""

START_MS = 1_795_340_315_123  # 2026-11-22T09:38:35.123Z


class MovableClock:
    """A `kernel.clock.Clock` for tests. It never runs by itself."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time it was last set to, in milliseconds since 1970."""
        return self._now_ms

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Move the hands; backwards too."""
        self._now_ms += round(seconds * 1000) + ms

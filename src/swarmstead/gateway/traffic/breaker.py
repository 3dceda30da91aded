"""A circuit breaker: what keeps failing is left alone for a while.

States, events, and what follows:

    state       tripped   rested      asked     succeeded   failed   forgotten
    CLOSED      OPEN      -           CLOSED    CLOSED      CLOSED   CLOSED
    OPEN        -         HALF_OPEN   refused   -           -        -
    HALF_OPEN   -         -           PROBING   -           -        -
    PROBING     -         -           refused   CLOSED      OPEN     HALF_OPEN

`tripped`: of the calls that ended within the last `window_s`, at least `calls` in number, the share that failed is
`ratio` or more. `rested`: the rest is over; it is `rest_s`, doubled for each probe that failed since it was closed, at
most `rest_max_s`, and up to a fifth longer by chance, so that many do not probe at once. `forgotten`: the call ended in
a way that says nothing about the other side, e.g. its caller went away.

Invariants: one probe at a time. What a call tells that was let in before the state changed is not listened to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Ending = Literal["succeeded", "failed", "forgotten"]
SUCCEEDED: Ending = "succeeded"
FAILED: Ending = "failed"
FORGOTTEN: Ending = "forgotten"
_JITTER = 0.2
_PROBE_WAIT_S = 1.0
_PARTS = 10
_MOST_DOUBLINGS = 10


class State(Enum):
    """What the breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    PROBING = "probing"


_NEXT: dict[tuple[State, str], State] = {
    (State.CLOSED, "tripped"): State.OPEN,
    (State.OPEN, "rested"): State.HALF_OPEN,
    (State.HALF_OPEN, "asked"): State.PROBING,
    (State.PROBING, "succeeded"): State.CLOSED,
    (State.PROBING, "failed"): State.OPEN,
    (State.PROBING, "forgotten"): State.HALF_OPEN,
}


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens and how long it rests; seconds and counts."""

    ratio: float = 0.5
    calls: int = 5
    window_s: float = 30.0
    rest_s: float = 10.0
    rest_max_s: float = 120.0


class Window:
    """How the calls of the last `seconds` ended, to a tenth of that; no memory grows with the number of calls."""

    __slots__ = ("_counts", "_part", "_part_s")

    def __init__(self, seconds: float) -> None:
        self._part_s = seconds / _PARTS
        self._part = -1
        self._counts = [[0, 0] for _ in range(_PARTS)]

    def add(self, now: float, *, failed: bool) -> None:
        """One call has ended."""
        part = int(now / self._part_s)
        if part != self._part:
            self._forget(part)
        self._counts[part % _PARTS][failed] += 1

    def totals(self, now: float) -> tuple[int, int]:
        """(calls, failed ones)."""
        self._forget(int(now / self._part_s))
        failed = sum(count[1] for count in self._counts)
        return failed + sum(count[0] for count in self._counts), failed

    def clear(self) -> None:
        """Forget everything."""
        self._counts = [[0, 0] for _ in range(_PARTS)]

    def _forget(self, part: int) -> None:
        for passed in range(max(self._part + 1, part - _PARTS + 1), part + 1):
            self._counts[passed % _PARTS] = [0, 0]
        self._part = max(part, self._part)


class Breaker:
    """One breaker. Who was let in by `ask` tells how it ended, with the `turn` that was then.

    `chance` gives numbers from 0 to 1.
    """

    __slots__ = ("_chance", "_opened", "_rules", "_until", "_window", "state", "turn")

    def __init__(self, rules: BreakerRules, chance: Callable[[], float]) -> None:
        self._rules = rules
        self._chance = chance
        self._window = Window(rules.window_s)
        self._until = 0.0
        self._opened = 0
        self.state = State.CLOSED
        self.turn = 0

    def ask(self, now: float) -> float:
        """0.0: go on. Otherwise the call is refused, and this is after how many seconds to ask again."""
        if self.state is State.CLOSED:
            return 0.0
        if self.state is State.OPEN:
            if now < self._until:
                return self._until - now
            self._move("rested")
        if self.state is State.PROBING:
            return _PROBE_WAIT_S
        self._move("asked")
        return 0.0

    def tell(self, turn: int, ending: Ending, now: float) -> None:
        """How a call ended that was let in at `turn`."""
        if turn != self.turn:
            return
        if self.state is State.CLOSED:
            if ending != "forgotten":
                self._count(now, failed=ending == "failed")
            return
        if self.state is not State.PROBING:
            return  # nobody was let in
        self._move(ending)
        if ending == "failed":
            self._rest(now)
        elif ending == "succeeded":
            self._opened = 0

    def resting(self, now: float) -> float:
        """For how many seconds it will refuse calls; 0.0 when it would let one in."""
        if self.state is State.OPEN:
            return max(0.0, self._until - now)
        return _PROBE_WAIT_S if self.state is State.PROBING else 0.0

    def _count(self, now: float, *, failed: bool) -> None:
        self._window.add(now, failed=failed)
        if failed:
            calls, failures = self._window.totals(now)
            if calls >= self._rules.calls and failures >= self._rules.ratio * calls:
                self._move("tripped")
                self._rest(now)

    def _rest(self, now: float) -> None:
        rest = min(self._rules.rest_max_s, self._rules.rest_s * 2 ** min(self._opened, _MOST_DOUBLINGS))
        self._opened += 1
        self._until = now + rest * (1 + _JITTER * self._chance())

    def _move(self, event: str) -> None:
        self.state = _NEXT[self.state, event]
        self.turn += 1
        self._window.clear()

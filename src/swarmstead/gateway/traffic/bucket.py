"""Token buckets: how often something may happen.

    A bucket holds up to `burst` tokens and gains `rate` a second. A call takes one. Where there is none, it is told how
    long until there is one.

Invariants: in any span of t seconds at most rate * t + burst tokens are taken. Time that goes backwards gains nothing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from swarmstead.gateway.traffic.keyed import Keyed

_ROUNDING = 1e-9
_MOST_BUCKETS = 20_000


class Claim(NamedTuple):
    """One token of one bucket. `rate` is tokens a second, `burst` the most that the bucket holds."""

    kind: str
    tenant: str
    name: str
    rate: float
    burst: int


class TokenBucket:
    """One bucket; full when it is made, unless it is told what it holds. Times are seconds of one clock."""

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: int, now: float, tokens: float | None = None) -> None:
        self.rate = rate
        self.burst = burst
        self._at = now
        self._tokens = float(burst) if tokens is None else min(tokens, float(burst))

    def wait(self, now: float, tokens: int = 1) -> float:
        """Seconds until there are so many tokens, if nobody else takes any; 0.0 when they are there."""
        lacking = tokens - self._filled(now)
        return 0.0 if lacking <= _ROUNDING else lacking / self.rate

    def take(self, tokens: int = 1) -> None:
        """Take tokens that `wait` has just said are there."""
        self._tokens -= tokens

    def lease(self, now: float, most: int) -> int:
        """Take as many whole tokens as there are, up to `most`; how many that were."""
        taken = max(0, min(most, int(self._filled(now) + _ROUNDING)))
        self._tokens -= taken
        return taken

    def holds(self, now: float) -> float:
        """Tokens in it."""
        return self._filled(now)

    def _filled(self, now: float) -> float:
        if now > self._at:
            self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.rate)
            self._at = now
        return self._tokens


class MemoryBuckets:
    """The buckets of one process. Satisfies `gateway.ports.Buckets`.

    Cost: about 1 us for two claims. A changed rate or burst makes a new bucket, since it is part of the claim.
    """

    def __init__(self, clock: Callable[[], float], room: int = _MOST_BUCKETS) -> None:
        self._clock = clock
        self._kept: Keyed[Claim, TokenBucket] = Keyed(room, self._make)

    def __len__(self) -> int:
        return len(self._kept)

    async def take(self, claims: Sequence[Claim]) -> float:
        """Take one token of each, or none and tell how many seconds it takes until all are there."""
        now = self._clock()
        found = [self._kept[claim] for claim in claims]
        longest = 0.0
        for bucket in found:
            if (wait := bucket.wait(now)) > longest:
                longest = wait
        if not longest:
            for bucket in found:
                bucket.take()
        return longest

    def empty(self, claims: Sequence[Claim]) -> list[Claim]:
        """Those whose bucket has no token now."""
        now = self._clock()
        return [claim for claim in claims if self._kept[claim].wait(now)]

    def _make(self, claim: Claim) -> TokenBucket:
        return TokenBucket(claim.rate, claim.burst, self._clock())

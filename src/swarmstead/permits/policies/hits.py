"""How often each rule has decided since the process began: in memory, for people who look at a policy."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 10_000
"""Rules that are remembered, all tenants together."""


@dataclass(frozen=True, slots=True)
class Hit:
    """`times` calls were decided by it, the last of them at `last_ms`."""

    times: int = 0
    last_ms: int | None = None


NEVER = Hit()


class Hits:
    """By tenant and rule id. A rule in monitor mode counts what it would have decided.

    Cost: a look-up per rule and call. Of too many rules the ones that were hit longest ago are forgotten.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], Hit] = {}

    def note(self, tenant: str, rules: Iterable[str], now_ms: int) -> None:
        """These rules have just decided about a call."""
        with self._lock:
            for rule in rules:
                before = self._kept.pop((tenant, rule), NEVER)
                self._kept[tenant, rule] = Hit(before.times + 1, now_ms)
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]

    def of(self, tenant: str, rule: str) -> Hit:
        """What is known of one rule."""
        return self._kept.get((tenant, rule), NEVER)

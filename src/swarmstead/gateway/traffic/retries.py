"""A budget of retries: where everything fails, retries must not multiply the load."""


class RetryBudget:
    """Every call earns `share` of a retry; a retry spends one. At most `most` are saved up, and that many at first.

    Invariants: after n calls at most `most + share * n` retries were allowed.
    """

    __slots__ = ("_most", "_saved", "_share")

    def __init__(self, share: float, most: float) -> None:
        self._share = share
        self._most = most
        self._saved = most

    def earn(self) -> None:
        """A call begins."""
        if self._saved < self._most:
            self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Whether a retry may be made; it is counted."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


def pause_s(attempt: int, base_s: float, longest_s: float, chance: float) -> float:
    """Seconds before the next attempt after `attempt` of them: exponential, with full jitter (`chance` is 0 to 1).

    Source: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015.
    """
    return min(longest_s, base_s * 2 ** (attempt - 1)) * chance

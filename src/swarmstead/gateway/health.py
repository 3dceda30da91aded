"""How a tool server does, as this process sees it: from its sessions and its breaker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_MINUTE = 60
Condition = Literal["up", "resting", "problem", "idle"]


@dataclass(frozen=True, slots=True)
class SessionState:
    """One session with a tool server, or the attempt at one. Seconds.

    `version` names the declaration that it is for; `protocol` is what was agreed, '' while it is not up. `trouble` says
    why the last question was not answered, '' if it was. `since_s`: for how long that has been so, None before the
    first question. `ago_s`: how long ago the last one was. `resting_s`: how long it is still left alone.
    """

    server: str
    version: str
    up: bool
    protocol: str
    trouble: str
    since_s: float | None
    resting_s: float
    ago_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """One server. `idle`: this process has no session with it now, so nothing can be said; that is no fault.

    `since_s` is the longest of the sessions that are in the state shown. `failing` of `sessions` have `trouble`.
    """

    state: Condition
    since_s: float | None = None
    trouble: str = ""
    protocols: tuple[str, ...] = ()
    sessions: int = 0
    failing: int = 0
    resting_s: float = 0.0


def health_of(sessions: Sequence[SessionState], breaker_s: float | None = None) -> Health:
    """The worst that is true: left alone before troubled, troubled before up.

    `breaker_s`: for how long its breaker still keeps calls away; None while it does not.
    """
    protocols = tuple(sorted({one.protocol for one in sessions if one.protocol}))
    failing = [one for one in sessions if one.trouble]
    rest_s = max([0.0 if breaker_s is None else breaker_s, *(one.resting_s for one in failing)])
    shown = failing or [one for one in sessions if one.up]
    state: Condition = "idle"
    if breaker_s is not None or rest_s > 0:
        state = "resting"
    elif failing:
        state = "problem"
    elif shown:
        state = "up"
    since = max((one.since_s for one in shown if one.since_s is not None), default=None)
    trouble = _told(failing, sessions)
    if breaker_s is not None and not trouble:
        trouble = "too many of its calls have failed lately"
    return Health(state, since, trouble, protocols, sum(one.up for one in sessions), len(failing), rest_s)


def _told(failing: Sequence[SessionState], sessions: Sequence[SessionState]) -> str:
    """What troubles a session that is there; else what the one that ended last had to say, and that it has ended."""
    there = next((one for one in failing if one.up), None)
    if there is not None or not failing:
        return there.trouble if there else ""
    last = min(failing, key=lambda one: one.ago_s)
    which = "one of its sessions has ended" if any(one.up for one in sessions) else "it has no session now"
    return f"{which}; {_ago(last.ago_s)} ago: {last.trouble}"


def _ago(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole} s" if whole < _MINUTE else f"{whole // _MINUTE} m"

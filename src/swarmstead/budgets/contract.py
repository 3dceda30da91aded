"""Accounts with caps, and leases on them.

An account is named by what it bounds: `run/ID`, `user/ID/DAY`, `tenant/DAY`. A lease reserves an upper bound on several
accounts at once, all or nothing; settling replaces it by what was really spent. All amounts are micro-dollars.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """An account to reserve on. `cap` is what bounds it from now on; it is opened when it does not exist yet.

    `raised_by` and `ends` are for people: what raises its cap, and when it starts anew ('' where it never does).
    """

    key: str
    cap: int
    label: str
    raised_by: str = "the budget"
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """Where an account stands. `overrun` is the part of `spent` that providers have billed beyond what was reserved."""

    key: str
    cap: int
    spent: int
    reserved: int
    overrun: int = 0


@dataclass(frozen=True, slots=True)
class Charged:
    """A lease that nobody had settled, and what was charged for it."""

    lease: str
    amount: int

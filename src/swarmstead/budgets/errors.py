"""A cap is reached."""

from swarmstead.budgets.contract import Account
from swarmstead.kernel.errors import TooMuch
from swarmstead.kernel.money import MICROS_PER_USD, usd_text

_CENT, _HUNDREDTH_OF_A_CENT = 10_000, 100  # as exact as `usd_text` is, from a dollar on and below


class BudgetReached(TooMuch):
    """The call could cost more than is left. Nothing was reserved and nothing is spent."""

    code = "budget_reached"

    def __init__(self, account: Account, spent: int, reserved: int, wanted: int) -> None:
        left = max(0, account.cap - spent - reserved)
        self.only_reserved = spent + wanted <= account.cap
        super().__init__(
            f"The {account.label} budget of {usd_text(account.cap)} is reached: "
            f"{usd_text(spent)} spent, {usd_text(reserved)} reserved, "
            f"{usd_text(left)} left, and this call may cost {usd_text(wanted)}.",
            way_out=way_out(account, spent + reserved + wanted, left),
        )


def way_out(account: Account, needed: int, left: int) -> str:
    """What helps who needs a cap of `needed` and has `left`."""
    wait = f" It starts anew at {account.ends}." if account.ends else ""
    cheaper = " A cheaper model or a lower max_output_tokens may fit into what is left." if left else ""
    free = " Models that cost nothing are asked all the same."
    return f"Raise {account.raised_by} to {_at_least(needed)} or more.{wait}{cheaper}{free}"


def _at_least(micros: int) -> str:
    step = _CENT if micros >= MICROS_PER_USD else _HUNDREDTH_OF_A_CENT
    return usd_text(-(-micros // step) * step)


class BudgetPassed(TooMuch):
    """An answer was billed beyond what was reserved for it, and a cap with it. It is booked as told."""

    code = "budget_reached"

    def __init__(self, label: str, cap: int, spent: int) -> None:
        super().__init__(
            f"The {label} budget of {usd_text(cap)} is passed: {usd_text(spent)} are spent, since an answer was billed "
            "at more than the most that it could cost. What it called for was not done.",
            way_out="Look at what the provider bills, then raise the budget or choose another model.",
        )

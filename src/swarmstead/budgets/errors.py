"""A cap is reached."""

from swarmstead.kernel.errors import TooMuch
from swarmstead.kernel.money import usd_text


class BudgetReached(TooMuch):
    """The call could cost more than is left. Nothing was reserved and nothing is spent."""

    code = "budget_reached"

    def __init__(self, label: str, cap: int, spent: int, reserved: int, wanted: int) -> None:
        left = max(0, cap - spent - reserved)
        self.only_reserved = spent + wanted <= cap
        super().__init__(
            f"The {label} budget of {usd_text(cap)} is reached: "
            f"{usd_text(spent)} spent, {usd_text(reserved)} reserved, "
            f"{usd_text(left)} left, and this call may cost {usd_text(wanted)}.",
            way_out="Raise the budget, choose a cheaper model, or lower max_output_tokens.",
        )


class BudgetPassed(TooMuch):
    """An answer was billed beyond what was reserved for it, and a cap with it. It is booked as told."""

    code = "budget_reached"

    def __init__(self, label: str, cap: int, spent: int) -> None:
        super().__init__(
            f"The {label} budget of {usd_text(cap)} is passed: {usd_text(spent)} are spent, since an answer was billed "
            "at more than the most that it could cost. What it called for was not done.",
            way_out="Look at what the provider bills, then raise the budget or choose another model.",
        )

"""Which budgets bound a run, and what is left of the day's before it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from swarmstead.budgets.contract import Account
from swarmstead.budgets.errors import way_out
from swarmstead.kernel.clock import utc_day, utc_day_end
from swarmstead.kernel.money import usd_text
from swarmstead.kernel.scope import Scope
from swarmstead.runs.contract import Missing
from swarmstead.runs.steps.context import Hands


@dataclass(frozen=True, slots=True)
class Shortage:
    """What the day's budgets leave a run without: `missing` keeps it from starting, `notes` do not."""

    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()


def of_run(run: str, budget_micros: int) -> Account:
    """The run's own budget."""
    return Account(f"run/{run}", budget_micros, "run", "the run's budget (`stead run start --budget`)")


def of_day(hands: Hands, user: str) -> list[Account]:
    """What a user and the tenant may spend today."""
    now = hands.clock.now_ms()
    day, ends = utc_day(now), utc_day_end(now)
    return [
        Account(f"user/{user}/{day}", hands.user_day_cap, "user's daily", "STEAD_USER_DAY_USD of the server", ends),
        Account(f"tenant/{day}", hands.tenant_day_cap, "tenant's daily", "STEAD_TENANT_DAY_USD of the server", ends),
    ]


def left_today(conn: sa.Connection, hands: Hands, scope: Scope) -> list[tuple[Account, int]]:
    """The day's budgets of who asks, each with what was spent of it."""
    found = [(account, hands.balances.balance(conn, scope, account.key)) for account in of_day(hands, scope.actor.id)]
    return [(account, balance.spent if balance else 0) for account, balance in found]


def shortage(days: Sequence[tuple[Account, int]], costs: Mapping[str, int], needed: int) -> Shortage:
    """What is told of the day's budgets before a run that may need so much. `costs`: what one turn of each agent may.

    Where a budget is used up and every agent costs something, nothing can be done at all; else what is left, and
    those whose models cost nothing, may do.
    """
    missing: list[Missing] = []
    notes: list[str] = []
    paid = [agent for agent, cost in costs.items() if cost]
    for account, spent in days if paid else ():
        left = max(0, account.cap - spent)
        helps = way_out(account, spent + needed, left)
        if left and left < needed:
            said = f"and this run may need {usd_text(needed)}: it fails where the rest does not do."
            notes.append(f"{_stands(account, spent)} {usd_text(left)} is left, {said} {helps}")
        elif not left and len(paid) == len(costs):
            missing.append(Missing(f"{_stands(account, spent)} Nothing is left, and every agent's model costs.", helps))
        elif not left:
            who = ", ".join(paid)
            said = f"Nothing is left, so the models of {who} are not asked, and these agents fail."
            notes.append(f"{_stands(account, spent)} {said} {helps}")
    return Shortage(tuple(missing), tuple(notes))


def _stands(account: Account, spent: int) -> str:
    day = account.key.rpartition("/")[2]
    return f"Of the {account.label} budget of {usd_text(account.cap)}, {usd_text(spent)} is spent on {day}."

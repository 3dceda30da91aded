"""Reads of the budgets room."""

import sqlalchemy as sa

from swarmstead.budgets.contract import Balance
from swarmstead.budgets.tables import budget_accounts
from swarmstead.kernel.scope import Scope


def balance(conn: sa.Connection, scope: Scope, key: str) -> Balance | None:
    """Where an account stands; None when nothing was ever reserved on it."""
    query = sa.select(budget_accounts).where(budget_accounts.c.tenant == scope.tenant, budget_accounts.c.key == key)
    row = conn.execute(query).first()
    if row is None:
        return None
    return Balance(row.key, row.cap, row.spent + row.overrun, row.reserved, row.overrun)

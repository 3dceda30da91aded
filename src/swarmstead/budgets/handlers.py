"""Reserve, settle, and charge what was never settled. Each joins the caller's transaction.

Invariants:
- For every account, at every commit: spent + reserved <= cap.
- A lease is settled once; settling again changes nothing.
- A lease that nobody settles is charged whole when it expires: the provider may have answered.
Source: check-then-record let 2,000 racing calls spend 19.8 times the cap; hence rows are locked, in key order.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from swarmstead.budgets.contract import Account
from swarmstead.budgets.errors import BudgetReached
from swarmstead.budgets.tables import budget_accounts, budget_leases
from swarmstead.kernel.clock import Clock
from swarmstead.storage.database import Tx
from swarmstead.storage.sql import insert_or_ignore

_OF = (budget_accounts.c.tenant == sa.bindparam("t")) & budget_accounts.c.key.in_(sa.bindparam("k", expanding=True))
_LOCK = sa.select(budget_accounts).where(_OF).order_by(budget_accounts.c.key).with_for_update()
_HOLD = budget_accounts.update().where(_OF).values(reserved=budget_accounts.c.reserved + sa.bindparam("amount"))
_SETTLE = (
    budget_accounts.update()
    .where(_OF)
    .values(
        reserved=budget_accounts.c.reserved - sa.bindparam("amount"),
        spent=budget_accounts.c.spent + sa.bindparam("charged"),
        overrun=budget_accounts.c.overrun + sa.bindparam("over"),
    )
)
_LEASE = budget_leases.insert()
_CLOSE = (
    budget_leases.update()
    .where(budget_leases.c.id == sa.bindparam("lease"), budget_leases.c.settled.is_(None))
    .values(settled=sa.bindparam("actual"))
    .returning(budget_leases.c.tenant, budget_leases.c.accounts, budget_leases.c.amount)
)


def reserve(
    tx: Tx, tenant: str, clock: Clock, lease: str, accounts: Sequence[Account], amount: int, life_ms: int
) -> None:
    """Hold `amount` on every account or on none, under a lease id that was never used before.

    Fails: BudgetReached, naming the first account without room (`only_reserved` tells whether waiting may help).
    """
    keys = [account.key for account in accounts]
    found = {row.key: row for row in tx.conn.execute(_LOCK, {"t": tenant, "k": keys})}
    if len(found) < len(keys):
        for account in accounts:
            values = {"tenant": tenant, "key": account.key, "cap": account.cap, "spent": 0, "reserved": 0, "overrun": 0}
            insert_or_ignore(tx.conn, budget_accounts, values)
        found = {row.key: row for row in tx.conn.execute(_LOCK, {"t": tenant, "k": keys})}
    for account in accounts:
        row = found[account.key]
        if row.spent + row.reserved + amount > row.cap:
            raise BudgetReached(account.label, row.cap, row.spent, row.reserved, amount)
    values: dict[str, Any] = {"id": lease, "tenant": tenant, "accounts": keys, "amount": amount, "settled": None}
    tx.conn.execute(_LEASE, values | {"expires_at": clock.now_ms() + life_ms})
    tx.conn.execute(_HOLD, {"t": tenant, "k": keys, "amount": amount})


def settle(tx: Tx, lease: str, actual: int) -> bool:
    """Charge what was really spent and free the rest; False when the lease was settled before.

    What is over the reserved bound (a provider that ignored max tokens) is booked as `overrun`, so that the cap holds
    and the excess is seen.
    """
    row = tx.conn.execute(_CLOSE, {"lease": lease, "actual": actual}).first()
    if row is None:
        return False
    charged = min(actual, row.amount)
    values = {"amount": row.amount, "charged": charged, "over": actual - charged}
    tx.conn.execute(_SETTLE, {"t": row.tenant, "k": row.accounts, **values})
    return True


def charge_expired(tx: Tx, clock: Clock, limit: int = 200) -> int:
    """Charge leases that nobody settled in time, whole; returns how many. Called by the sweeper."""
    due = budget_leases.c.settled.is_(None) & (budget_leases.c.expires_at <= clock.now_ms())
    query = sa.select(budget_leases.c.id, budget_leases.c.amount).where(due).limit(limit)
    return sum(settle(tx, row.id, row.amount) for row in tx.conn.execute(query).all())

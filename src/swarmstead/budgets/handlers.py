"""Reserve, settle, and charge what was never settled. Each joins the caller's transaction.

Invariants:
- For every account, at every commit: spent + reserved <= cap.
- A lease is settled once; settling again changes nothing.
- A lease that nobody settles is charged whole when it expires: the provider may have answered.
Source: check-then-record let 2,000 racing calls spend 19.8 times the cap; hence rows are locked, in key order.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from swarmstead.budgets.contract import Account
from swarmstead.budgets.errors import BudgetReached
from swarmstead.budgets.tables import budget_accounts, budget_leases
from swarmstead.kernel.clock import Clock
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared
from swarmstead.storage.sql import insert_or_ignore

_LEASE = Prepared(budget_leases.insert())
_CLOSE = Prepared(
    budget_leases.update()
    .where(budget_leases.c.id == sa.bindparam("lease"), budget_leases.c.settled.is_(None))
    .values(settled=sa.bindparam("actual"))
    .returning(budget_leases.c.tenant, budget_leases.c.accounts, budget_leases.c.amount)
)


def _of(count: int) -> sa.ColumnElement[bool]:
    keys = [sa.bindparam(f"k{n}", type_=budget_accounts.c.key.type) for n in range(count)]
    return (budget_accounts.c.tenant == sa.bindparam("t")) & budget_accounts.c.key.in_(keys)


def _named(tenant: str, keys: Sequence[str]) -> dict[str, Any]:
    return {"t": tenant} | {f"k{n}": key for n, key in enumerate(keys)}


@cache
def _lock(count: int) -> Prepared:
    of = budget_accounts.c
    query = sa.select(of.key, of.cap, of.spent, of.reserved).where(_of(count)).order_by(of.key)
    return Prepared(query.with_for_update())


@cache
def _hold(count: int) -> Prepared:
    return Prepared(
        budget_accounts.update().where(_of(count)).values(reserved=budget_accounts.c.reserved + sa.bindparam("amount"))
    )


@cache
def _charge(count: int) -> Prepared:
    return Prepared(
        budget_accounts.update()
        .where(_of(count))
        .values(
            reserved=budget_accounts.c.reserved - sa.bindparam("amount"),
            spent=budget_accounts.c.spent + sa.bindparam("charged"),
            overrun=budget_accounts.c.overrun + sa.bindparam("over"),
        )
    )


def reserve(
    tx: Tx, tenant: str, clock: Clock, lease: str, accounts: Sequence[Account], amount: int, life_ms: int
) -> None:
    """Hold `amount` on every account or on none, under a lease id that was never used before.

    Fails: BudgetReached, naming the first account without room (`only_reserved` tells whether waiting may help).
    """
    keys = [account.key for account in accounts]
    named = _named(tenant, keys)
    found = {row[0]: row[1:] for row in _lock(len(keys)).rows(tx.conn, named)}
    if len(found) < len(keys):
        for account in accounts:
            values = {"tenant": tenant, "key": account.key, "cap": account.cap, "spent": 0, "reserved": 0, "overrun": 0}
            insert_or_ignore(tx.conn, budget_accounts, values)
        found = {row[0]: row[1:] for row in _lock(len(keys)).rows(tx.conn, named)}
    for account in accounts:
        cap, spent, reserved = found[account.key]
        if spent + reserved + amount > cap:
            raise BudgetReached(account.label, cap, spent, reserved, amount)
    values: dict[str, Any] = {"id": lease, "tenant": tenant, "accounts": keys, "amount": amount, "settled": None}
    _LEASE.run(tx.conn, values | {"expires_at": clock.now_ms() + life_ms})
    _hold(len(keys)).run(tx.conn, named | {"amount": amount})


def settle(tx: Tx, lease: str, actual: int) -> bool:
    """Charge what was really spent and free the rest; False when the lease was settled before.

    What is over the reserved bound (a provider that ignored max tokens) is booked as `overrun`, so that the cap holds
    and the excess is seen.
    """
    closed = _CLOSE.rows(tx.conn, {"lease": lease, "actual": actual})
    if not closed:
        return False
    tenant, keys, amount = closed[0]
    charged = min(actual, amount)
    values = {"amount": amount, "charged": charged, "over": actual - charged}
    _charge(len(keys)).run(tx.conn, _named(tenant, keys) | values)
    return True


def charge_expired(tx: Tx, clock: Clock, limit: int = 200) -> int:
    """Charge leases that nobody settled in time, whole; returns how many. Called by the sweeper."""
    due = budget_leases.c.settled.is_(None) & (budget_leases.c.expires_at <= clock.now_ms())
    query = sa.select(budget_leases.c.id, budget_leases.c.amount).where(due).limit(limit)
    return sum(settle(tx, row.id, row.amount) for row in tx.conn.execute(query).all())

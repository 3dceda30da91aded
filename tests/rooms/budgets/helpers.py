"""Accounts, leases, and what a database says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from swarmstead.budgets import handlers
from swarmstead.budgets.contract import Account
from swarmstead.budgets.errors import BudgetReached
from swarmstead.budgets.tables import budget_accounts, budget_leases
from swarmstead.storage.database import Database, Tx
from tests.clocks import MovableClock
from tests.databases import aged

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Stand:
    """Where an account stands."""

    cap: int
    spent: int = 0
    reserved: int = 0
    overrun: int = 0


def account(key: str, cap: int) -> Account:
    return Account(key, cap, key.split("/", maxsplit=1)[0])


@dataclass
class Ledger:
    """The room's commands on one database; `attempts` counts how often a handler ran, repeats included."""

    database: Database
    clock: MovableClock
    tenant: str = "acme"
    attempts: int = 0

    def reserve(self, lease: str, accounts: Sequence[Account], amount: int, life_ms: int = MINUTE_MS) -> None:
        self.database.write_sync(lambda tx: self.reserving(tx, lease, accounts, amount, life_ms))

    def reserving(self, tx: Tx, lease: str, accounts: Sequence[Account], amount: int, life_ms: int = MINUTE_MS) -> None:
        self.attempts += 1
        handlers.reserve(tx, self.tenant, self.clock, lease, accounts, amount, life_ms)

    def may_reserve(self, lease: str, accounts: Sequence[Account], amount: int) -> bool:
        """Whether there was room."""
        try:
            self.reserve(lease, accounts, amount)
        except BudgetReached:
            return False
        return True

    def settle(self, lease: str, actual: int) -> bool:
        def handler(tx: Tx) -> bool:
            self.attempts += 1
            return handlers.settle(tx, lease, actual)

        return self.database.write_sync(handler)

    def later(self, ms: int) -> None:
        """Let so much time pass, for this worker and for the database."""
        self.clock.advance(ms=ms)
        self.database.write_sync(lambda tx: aged(tx, ms, budget_leases.c.expires_at))

    def charge_expired(self) -> int:
        def handler(tx: Tx) -> int:
            self.attempts += 1
            return len(handlers.charge_expired(tx, self.clock))

        return self.database.write_sync(handler)

    def stands(self) -> dict[str, Stand]:
        """Every account of the tenant."""
        query = sa.select(budget_accounts).where(budget_accounts.c.tenant == self.tenant)
        rows = self.database.read_sync(lambda conn: conn.execute(query).all())
        return {row.key: Stand(row.cap, row.spent, row.reserved, row.overrun) for row in rows}

    def open_leases(self) -> int:
        """How much is held by leases that nobody has settled."""
        query = sa.select(sa.func.coalesce(sa.func.sum(budget_leases.c.amount), 0))
        query = query.where(budget_leases.c.tenant == self.tenant, budget_leases.c.settled.is_(None))
        return int(self.database.read_sync(lambda conn: conn.execute(query).scalar_one()))

"""Tables of the budgets room. The CHECK is the last line of defence: no bug in Python can pass a cap."""

import sqlalchemy as sa

from swarmstead.storage.tables import Document, Micros, Millis, metadata

budget_accounts = sa.Table(
    "budget_accounts",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("cap", Micros, nullable=False),
    sa.Column("spent", Micros, nullable=False),
    sa.Column("reserved", Micros, nullable=False),
    sa.Column("overrun", Micros, nullable=False),
    sa.CheckConstraint("spent >= 0 AND reserved >= 0 AND spent + reserved <= cap", name="within_cap"),
)

budget_leases = sa.Table(
    "budget_leases",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("tenant", sa.String(63), nullable=False),
    sa.Column("accounts", Document, nullable=False),
    sa.Column("amount", Micros, nullable=False),
    sa.Column("expires_at", Millis, nullable=False),
    sa.Column("settled", Micros),
    sa.Index("ix_budget_leases_open", "settled", "expires_at"),
)

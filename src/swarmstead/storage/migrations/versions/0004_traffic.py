"""Backpressure: shared token buckets, and calls of expensive tools by run."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "traffic_buckets",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("tokens", sa.Float(precision=53), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("full_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "tenant", "name", name=op.f("pk_traffic_buckets")),
    )
    op.create_table(
        "expensive_calls",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("server", sa.String(length=63), nullable=False),
        sa.Column("tool", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "run", "server", "tool", "number", name=op.f("pk_expensive_calls")),
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_table("expensive_calls")
    op.drop_table("traffic_buckets")

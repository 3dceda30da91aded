"""Requests under an idempotency key with their answers, and the row that readiness writes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "probes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probes")),
    )
    op.create_table(
        "requests",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=71), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("asked", sa.String(length=71), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "actor", "name", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_created_at", "requests", ["created_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("probes")
    op.drop_index("ix_requests_created_at", table_name="requests")
    op.drop_table("requests")

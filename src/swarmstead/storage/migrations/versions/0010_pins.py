"""Pins: which definition of a tool is trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of pins."""
    op.create_table(
        "tool_pins",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("server", sa.String(length=63), nullable=False),
        sa.Column("tool", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("schema_hash", sa.String(length=71), nullable=False),
        sa.Column("definition", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("offered_hash", sa.String(length=71), nullable=False),
        sa.Column("offered", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "server", "tool", name=op.f("pk_tool_pins")),
    )
    op.create_index("ix_tool_pins_state", "tool_pins", ["tenant", "state"], unique=False)


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_tool_pins_state", table_name="tool_pins")
    op.drop_table("tool_pins")

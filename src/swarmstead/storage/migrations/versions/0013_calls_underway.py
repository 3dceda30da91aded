"""Side effects of outside clients that are under way, so that one that a crash cuts gets its last audit row."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for them. What was cut before stays without a last row."""
    op.create_table(
        "calls_underway",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=256), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="pk_calls_underway"),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("calls_underway")

"""Steps whose outcome is unknown are counted by an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UNKNOWN = "status = 'unknown'"


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_steps_unknown", "steps", ["run"], sqlite_where=sa.text(_UNKNOWN), postgresql_where=sa.text(_UNKNOWN)
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_steps_unknown", table_name="steps")

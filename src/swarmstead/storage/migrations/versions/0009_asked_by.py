"""Questions name who asked; denied steps are counted by an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DENIED = "status = 'denied'"


def upgrade() -> None:
    """Add the columns, empty for what was asked before, and the index."""
    for name, length in (("asked_by", 128), ("asked_by_name", 200)):
        op.add_column("approvals", sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    op.create_index(
        "ix_steps_denied", "steps", ["run"], sqlite_where=sa.text(_DENIED), postgresql_where=sa.text(_DENIED)
    )


def downgrade() -> None:
    """Forget who asked."""
    op.drop_index("ix_steps_denied", table_name="steps")
    for name in ("asked_by", "asked_by_name"):
        op.drop_column("approvals", name)

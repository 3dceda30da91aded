"""What was wished for when a run was launched, so that a repeat is known without planning it again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs launched before have none."""
    op.add_column("runs", sa.Column("wish_hash", sa.String(length=71), nullable=True))


def downgrade() -> None:
    """Forget them."""
    op.drop_column("runs", "wish_hash")

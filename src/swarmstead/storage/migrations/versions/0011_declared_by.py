"""Who has declared what stands: so that files which no longer declare something take back nobody else's."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what stands already, nobody's files know."""
    op.add_column("resources", sa.Column("declared_by", sa.String(length=128), nullable=False, server_default=""))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("resources", "declared_by")

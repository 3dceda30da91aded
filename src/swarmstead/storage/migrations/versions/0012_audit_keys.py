"""The public keys of the hosts that sign checkpoints, so that each can check what another has signed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for them; every host adds its own at its next start."""
    op.create_table(
        "audit_keys",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_audit_keys"),
    )


def downgrade() -> None:
    """Forget the keys: a checkpoint is good where it was signed."""
    op.drop_table("audit_keys")

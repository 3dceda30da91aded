"""Short-lived tokens, and client certificates that stand for a key."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("roles", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["api_keys.id"], name=op.f("fk_tokens_key")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tokens")),
        sa.UniqueConstraint("id", name=op.f("uq_tokens_id")),
    )
    op.create_index(op.f("ix_tokens_key"), "tokens", ["key"], unique=False)
    op.create_table(
        "certificates",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["api_keys.id"], name=op.f("fk_certificates_key")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_certificates")),
    )
    op.create_index(op.f("ix_certificates_key"), "certificates", ["key"], unique=False)


def downgrade() -> None:
    """Drop the tables: tokens and certificates are no longer known."""
    op.drop_index(op.f("ix_certificates_key"), table_name="certificates")
    op.drop_table("certificates")
    op.drop_index(op.f("ix_tokens_key"), table_name="tokens")
    op.drop_table("tokens")

"""Tables of the audit room."""

import sqlalchemy as sa

from swarmstead.storage.tables import Document, Millis, metadata

audit_rows = sa.Table(
    "audit_rows",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Millis, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("actor_kind", sa.String(16), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("target", sa.String(512), nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("step", sa.String(256), nullable=False),
    sa.Column("trace_id", sa.String(32), nullable=False),
    sa.Column("data", Document, nullable=False),
    sa.Column("prev_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("ix_audit_rows_run", "tenant", "run", "seq"),
)

# One row per tenant: the end of its chain. Locked by every append, so rows get their numbers in commit order.
audit_heads = sa.Table(
    "audit_heads",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

# The keys that sign checkpoints, one per data directory, in all tenants: any host can check what another has signed.
audit_keys = sa.Table(
    "audit_keys",
    metadata,
    sa.Column("key_id", sa.String(16), primary_key=True),
    sa.Column("public_key", sa.String(64), nullable=False),
    sa.Column("since", Millis, nullable=False),
)

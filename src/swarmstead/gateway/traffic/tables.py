"""Rows of backpressure: buckets that several processes share, and calls of expensive tools by run."""

import sqlalchemy as sa

from swarmstead.storage.tables import Millis, metadata

# Postgres only: one process keeps its buckets in memory.
traffic_buckets = sa.Table(
    "traffic_buckets",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(300), primary_key=True),
    sa.Column("tokens", sa.Float(53), nullable=False),
    sa.Column("at", Millis, nullable=False),
    sa.Column("full_at", Millis, nullable=False),
)

expensive_calls = sa.Table(
    "expensive_calls",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("run", sa.String(32), primary_key=True),
    sa.Column("server", sa.String(63), primary_key=True),
    sa.Column("tool", sa.String(200), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(160), nullable=False),
    sa.Column("at", Millis, nullable=False),
)

"""The table of pins."""

import sqlalchemy as sa

from swarmstead.storage.tables import Document, Millis, metadata

tool_pins = sa.Table(
    "tool_pins",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("server", sa.String(63), primary_key=True),
    sa.Column("tool", sa.String(200), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("why", sa.String(16), nullable=False),
    sa.Column("schema_hash", sa.String(71), nullable=False),  # '' until a person has accepted a new tool
    sa.Column("definition", Document),
    sa.Column("offered_hash", sa.String(71), nullable=False),  # '' while the server offers what is accepted
    sa.Column("offered", Document),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("first_seen", Millis, nullable=False),
    sa.Column("changed_at", Millis, nullable=False),
    sa.Column("decided_at", Millis),
    sa.Column("decided_by", sa.String(128), nullable=False),
    sa.Index("ix_tool_pins_state", "tenant", "state"),
)

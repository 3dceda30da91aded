"""Tables of the gateway room; those of its parts are beside them."""

import sqlalchemy as sa

from swarmstead.storage.tables import Document, Millis, metadata

# Side effects of outside clients that have begun and not ended; those of a process that is gone were cut by its end.
calls_underway = sa.Table(
    "calls_underway",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("key", sa.String(256), primary_key=True),
    sa.Column("since", Millis, nullable=False),
    sa.Column("entry", Document, nullable=False),
)

"""Tables of the resources room: which version is current, and every version there ever was."""

import sqlalchemy as sa

from swarmstead.storage.tables import Document, Millis, metadata

DELETED = ""
"""In place of a digest: no version is current."""

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("labels", Document, nullable=False),
    sa.Column("owner", sa.String(120), nullable=False),
    sa.Column("versions", sa.Integer, nullable=False),
    sa.Column("updated_at", Millis, nullable=False),
    sa.Column("declared_by", sa.String(128), nullable=False, server_default=""),
)

resource_versions = sa.Table(
    "resource_versions",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("content", Document, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
)

"""Tables of the people room. Secrets are stored as SHA-256 only: all that we make carry 256 bits of chance.

A bootstrap key is the one that somebody else makes; how well a plain hash keeps it depends on how it was made.
"""

import sqlalchemy as sa

from swarmstead.storage.tables import Document, Millis, metadata

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("created_at", Millis, nullable=False),
)

environments = sa.Table(
    "environments",
    metadata,
    sa.Column("tenant", sa.String(63), sa.ForeignKey("tenants.name"), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("production", sa.Boolean, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.String(63), sa.ForeignKey("tenants.name"), nullable=False, index=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("prefix", sa.String(24), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("roles", Document, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("expires_at", Millis),
    sa.Column("revoked_at", Millis),
)

# A one-time link signs a browser in as the key that it was made for.
sign_in_links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(32), sa.ForeignKey("api_keys.id"), nullable=False),
    sa.Column("expires_at", Millis, nullable=False),
    sa.Column("used_at", Millis),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(32), sa.ForeignKey("api_keys.id"), nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("expires_at", Millis, nullable=False),
)

# A short-lived credential made from a key. It may do no more than the key does, and not for longer.
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("key", sa.String(32), sa.ForeignKey("api_keys.id"), nullable=False, index=True),
    sa.Column("roles", Document, nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("expires_at", Millis, nullable=False),
)

# What a client certificate says of its holder, and the key that it stands for. One identity belongs to one key only,
# whichever tenant that is in. `hash` is of `identity`, which may be long.
certificates = sa.Table(
    "certificates",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("key", sa.String(32), sa.ForeignKey("api_keys.id"), nullable=False, index=True),
)

"""Reads of the people room: who a credential belongs to, and what there is."""

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people.contract import EnvironmentView, KeyView, require
from swarmstead.people.errors import CredentialRefused
from swarmstead.people.handlers import secret_hash
from swarmstead.people.tables import api_keys, environments, sessions

_BY_KEY = sa.select(api_keys).where(api_keys.c.hash == sa.bindparam("h"))
_BY_SESSION = (
    sa.select(api_keys, sessions.c.expires_at.label("session_expires_at"))
    .join(sessions, sessions.c.key == api_keys.c.id)
    .where(sessions.c.hash == sa.bindparam("h"))
)


def scope_of_key(conn: sa.Connection, clock: Clock, secret: str) -> Scope:
    """Whose key this is. Looked up by its hash, so a comparison in time tells nothing about stored secrets.

    Fails: CredentialRefused.
    """
    return _scope(conn.execute(_BY_KEY, {"h": secret_hash(secret)}).first(), clock, "API key")


def scope_of_session(conn: sa.Connection, clock: Clock, secret: str) -> Scope:
    """Whose browser session this is. Fails: CredentialRefused."""
    row = conn.execute(_BY_SESSION, {"h": secret_hash(secret)}).first()
    if row is not None and row.session_expires_at <= clock.now_ms():
        row = None
    return _scope(row, clock, "session")


def list_keys(conn: sa.Connection, scope: Scope) -> list[KeyView]:
    """All keys of the tenant, newest first. Fails: NotPermitted."""
    require(scope, "key.manage")
    query = sa.select(api_keys).where(api_keys.c.tenant == scope.tenant).order_by(api_keys.c.created_at.desc())
    return [
        KeyView(row.id, row.name, row.prefix, tuple(row.roles), row.created_at, row.expires_at, row.revoked_at)
        for row in conn.execute(query)
    ]


def list_environments(conn: sa.Connection, scope: Scope) -> list[EnvironmentView]:
    """The tenant's environments by name."""
    query = sa.select(environments).where(environments.c.tenant == scope.tenant).order_by(environments.c.name)
    return [EnvironmentView(row.name, row.production) for row in conn.execute(query)]


def admin_key_id(conn: sa.Connection, tenant: str, clock: Clock) -> str | None:
    """The newest usable admin key, for the one-time link that `stead up` prints."""
    usable = api_keys.c.revoked_at.is_(None) & (
        api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > clock.now_ms())
    )
    query = (
        sa.select(api_keys.c.id, api_keys.c.roles)
        .where(api_keys.c.tenant == tenant, usable)
        .order_by(api_keys.c.id.desc())
    )
    return next((row.id for row in conn.execute(query) if "admin" in row.roles), None)


def _scope(row: sa.Row[tuple[object, ...]] | None, clock: Clock, what: str) -> Scope:
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= clock.now_ms()):
        raise CredentialRefused(what, "Use another key, or ask an admin for a new one.")
    return Scope(row.tenant, Actor(f"key:{row.id}", "user", row.name, frozenset(row.roles)))

"""Reads of the people room: who a credential belongs to, and what there is."""

from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.hashing import sha256_hex
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people.contract import EnvironmentView, Identity, KeyView, PeerCertificate, require, roles_within
from swarmstead.people.errors import CredentialRefused
from swarmstead.people.handlers import secret_hash
from swarmstead.people.tables import api_keys, certificates, environments, sessions, tenants, tokens

_BY_KEY = sa.select(api_keys).where(api_keys.c.hash == sa.bindparam("h"))
_BY_SESSION = (
    sa.select(api_keys, sessions.c.expires_at.label("own_end"))
    .join(sessions, sessions.c.key == api_keys.c.id)
    .where(sessions.c.hash == sa.bindparam("h"))
)
_BY_TOKEN = (
    sa.select(api_keys, tokens.c.expires_at.label("own_end"), tokens.c.roles.label("own_roles"), tokens.c.environment)
    .join(tokens, tokens.c.key == api_keys.c.id)
    .where(tokens.c.hash == sa.bindparam("h"))
)
_BY_CERTIFICATE = (
    sa.select(api_keys, certificates.c.identity)
    .join(certificates, certificates.c.key == api_keys.c.id)
    .where(certificates.c.hash.in_(sa.bindparam("hashes", expanding=True)))
)
_ANOTHER = "Use another key, or ask an admin for a new one."


def scope_of_key(conn: sa.Connection, clock: Clock, secret: str) -> Scope:
    """Whose key this is. Looked up by its hash, so a comparison in time tells nothing about stored secrets.

    Fails: CredentialRefused.
    """
    return identity_of_key(conn, clock, secret).scope


def scope_of_session(conn: sa.Connection, clock: Clock, secret: str) -> Scope:
    """Whose browser session this is. Fails: CredentialRefused."""
    return identity_of_session(conn, clock, secret).scope


def identity_of_key(conn: sa.Connection, clock: Clock, secret: str) -> Identity:
    """As `scope_of_key`, and when the key ends. Fails: CredentialRefused."""
    row = _usable(conn.execute(_BY_KEY, {"h": secret_hash(secret)}).first(), clock, "API key")
    return Identity(_scope(row), "key", row.expires_at)


def identity_of_session(conn: sa.Connection, clock: Clock, secret: str) -> Identity:
    """As `scope_of_session`, and when it ends. Fails: CredentialRefused."""
    row = _usable(conn.execute(_BY_SESSION, {"h": secret_hash(secret)}).first(), clock, "session")
    return Identity(_scope(row), "session", _end(row))


def identity_of_token(conn: sa.Connection, clock: Clock, secret: str) -> Identity:
    """Whose short-lived token this is: its key's actor, with the roles that the token and the key both have.

    Fails: CredentialRefused, also when the key has ended.
    """
    row = _usable(conn.execute(_BY_TOKEN, {"h": secret_hash(secret)}).first(), clock, "token")
    roles = frozenset(row.own_roles) & roles_within(row.roles)
    actor = Actor(f"key:{row.id}", "user", row.name, roles)
    return Identity(Scope(row.tenant, actor, row.environment, derived=True), "token", _end(row))


def identity_of_certificate(conn: sa.Connection, clock: Clock, peer: PeerCertificate) -> Identity:
    """Whose client certificate this is. The most exact identity that is registered decides, even if it is revoked.

    Fails: CredentialRefused.
    """
    hashes = [sha256_hex(identity.encode()) for identity in peer.identities]
    found = {row.identity: row for row in conn.execute(_BY_CERTIFICATE, {"hashes": hashes})}
    first = next((found[identity] for identity in peer.identities if identity in found), None)
    row = _usable(first, clock, "client certificate")
    end = min(peer.not_after, row.expires_at or peer.not_after)
    return Identity(_scope(row), "certificate", end)


def any_key(conn: sa.Connection) -> bool:
    """Whether a key was ever made, in whichever tenant: after that there is no first one."""
    return conn.execute(sa.select(api_keys.c.id).limit(1)).first() is not None


def first_key(conn: sa.Connection, scope: Scope) -> str:
    """The id of the first key that was ever made in the tenant; '' when none was."""
    query = sa.select(api_keys.c.id).where(api_keys.c.tenant == scope.tenant)
    return conn.execute(query.order_by(api_keys.c.created_at, api_keys.c.id).limit(1)).scalar() or ""


def knows(conn: sa.Connection, secret: str) -> bool:
    """Whether it is the secret of a key that was made here, in whichever tenant, ended ones included."""
    known = sa.select(api_keys.c.id).where(api_keys.c.hash == secret_hash(secret))
    return conn.execute(known).first() is not None


def environments_of(conn: sa.Connection, tenant: str) -> frozenset[str] | None:
    """The names of a tenant's environments; None when there is no such tenant."""
    if conn.execute(sa.select(tenants.c.name).where(tenants.c.name == tenant)).first() is None:
        return None
    return frozenset(conn.execute(sa.select(environments.c.name).where(environments.c.tenant == tenant)).scalars())


def list_keys(conn: sa.Connection, scope: Scope) -> list[KeyView]:
    """All keys of the tenant, newest first. Fails: NotPermitted."""
    require(scope, "key.manage")
    query = (
        sa.select(api_keys, certificates.c.identity)
        .outerjoin(certificates, certificates.c.key == api_keys.c.id)
        .where(api_keys.c.tenant == scope.tenant)
        .order_by(api_keys.c.created_at.desc())
    )
    return [
        KeyView(
            row.id,
            row.name,
            row.prefix,
            tuple(row.roles),
            row.created_at,
            row.expires_at,
            row.revoked_at,
            row.identity or "",
        )
        for row in conn.execute(query)
    ]


def list_environments(conn: sa.Connection, scope: Scope) -> list[EnvironmentView]:
    """The tenant's environments by name."""
    query = sa.select(environments).where(environments.c.tenant == scope.tenant).order_by(environments.c.name)
    return [EnvironmentView(row.name, row.production) for row in conn.execute(query)]


def production(conn: sa.Connection, scope: Scope) -> list[str]:
    """The names of those that count as production: what waits there comes first."""
    return [one.name for one in list_environments(conn, scope) if one.production]


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


def _usable(row: sa.Row[Any] | None, clock: Clock, what: str) -> sa.Row[Any]:
    """The row of a credential that holds now, and whose key does. Fails: CredentialRefused."""
    if row is not None and row.revoked_at is None:
        end = _end(row)
        if end is None or end > clock.now_ms():
            return row
    raise CredentialRefused(what, _ANOTHER)


def _end(row: sa.Row[Any]) -> int | None:
    """When the credential or its key ends, whichever is first; None for never."""
    ends = [end for end in (row.expires_at, getattr(row, "own_end", None)) if end is not None]
    return min(ends, default=None)


def _scope(row: sa.Row[Any]) -> Scope:
    return Scope(row.tenant, Actor(f"key:{row.id}", "user", row.name, frozenset(row.roles)))

"""Commands of the people room: the first start, keys, one-time links and browser sessions."""

import secrets
from collections.abc import Sequence

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import BadInput, NotFound
from swarmstead.kernel.hashing import sha256_hex
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.people.contract import ROLE_NAMES, KeyView, NewKey, require
from swarmstead.people.errors import CredentialRefused
from swarmstead.people.tables import api_keys, environments, sessions, sign_in_links, tenants
from swarmstead.storage.database import Tx
from swarmstead.storage.sql import insert_or_ignore

DEFAULT_TENANT = "default"
KEY_MARK = "stead_"  # lets secret scanners recognise a leaked key
LINK_LIFE_MS = 15 * 60_000
SESSION_LIFE_MS = 12 * 3_600_000
_MIN_BOOTSTRAP_LENGTH = 16
_MAX_NAME = 120
_LONGEST_LIFE_S = 315_360_000
_SIGN_IN_AGAIN = "Sign in again with an API key, or make a new one-time link with `stead key link`."


def secret_hash(secret: str) -> str:
    """How a key, session or link is stored and looked up. A plain hash is enough for 256 random bits."""
    return sha256_hex(secret.encode())


def bootstrap(tx: Tx, clock: Clock, bootstrap_key: str = "") -> NewKey | None:
    """The first start: tenant `default`, environments `dev` and `prod`, and one admin key.

    Does nothing (and answers None) when there is a key already, unless `bootstrap_key` is given and new: then that key
    is made known, so that automation can rely on it. Fails: BadInput when `bootstrap_key` is shorter than 16.
    """
    if bootstrap_key and len(bootstrap_key) < _MIN_BOOTSTRAP_LENGTH:
        raise BadInput(
            f"The bootstrap key has {len(bootstrap_key)} characters; it needs at least {_MIN_BOOTSTRAP_LENGTH}.",
            field="STEAD_BOOTSTRAP_KEY",
            way_out="Set a longer random one, for example the output of `openssl rand -hex 32`.",
        )
    now = clock.now_ms()
    insert_or_ignore(tx.conn, tenants, {"name": DEFAULT_TENANT, "created_at": now})
    for name, production in (("dev", False), ("prod", True)):
        insert_or_ignore(tx.conn, environments, {"tenant": DEFAULT_TENANT, "name": name, "production": production})
    # Workers that start together ask one after the other.
    tx.conn.execute(sa.select(tenants).where(tenants.c.name == DEFAULT_TENANT).with_for_update())
    known = tx.conn.execute(sa.select(api_keys.c.hash)).scalars().all()
    if bootstrap_key:
        if secret_hash(bootstrap_key) in known:
            return None
        return _make_key(tx, system_scope(DEFAULT_TENANT), clock, "bootstrap", ("admin",), None, bootstrap_key)
    if known:
        return None
    return _make_key(tx, system_scope(DEFAULT_TENANT), clock, "first admin", ("admin",), None, _new_secret())


def create_key(
    tx: Tx, scope: Scope, clock: Clock, name: str, roles: Sequence[str], expires_in_s: int | None = None
) -> NewKey:
    """A new key in the caller's tenant. Fails: NotPermitted, BadInput."""
    require(scope, "key.manage")
    if not 0 < len(name.strip()) <= _MAX_NAME:
        raise BadInput(
            "A key needs a name of 1 to 120 characters.", field="name", way_out="Say who or what will use it."
        )
    unknown = sorted(set(roles) - set(ROLE_NAMES))
    if unknown or not roles:
        raise BadInput(
            f"Unknown role {unknown[0]!r}." if unknown else "A key needs at least one role.",
            field="roles",
            way_out=f"Choose from {', '.join(ROLE_NAMES)}.",
        )
    if expires_in_s is not None and not 0 < expires_in_s <= _LONGEST_LIFE_S:
        raise BadInput(
            "A key expires after one second at the earliest and ten years at the latest.",
            field="expires_in_s",
            way_out=f"Give a number of seconds from 1 to {_LONGEST_LIFE_S}, or none for a key that does not expire.",
        )
    expires = None if expires_in_s is None else clock.now_ms() + expires_in_s * 1000
    return _make_key(tx, scope, clock, name.strip(), tuple(roles), expires, _new_secret())


def revoke_key(tx: Tx, scope: Scope, clock: Clock, key_id: str) -> None:
    """Make a key, its links and its sessions useless at once.

    Revoking twice is no error. Fails: NotPermitted, NotFound.
    """
    require(scope, "key.manage")
    mine = (api_keys.c.id == key_id) & (api_keys.c.tenant == scope.tenant)
    if tx.conn.execute(sa.select(api_keys.c.id).where(mine)).first() is None:
        raise NotFound(f"There is no key {key_id}.", way_out="List the keys with `stead key list`.")
    changed = tx.conn.execute(
        api_keys.update().where(mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=clock.now_ms())
    )
    tx.conn.execute(sessions.delete().where(sessions.c.key == key_id))
    tx.conn.execute(sign_in_links.delete().where(sign_in_links.c.key == key_id))
    if changed.rowcount:
        record(tx, Entry(scope, "key.revoke", f"key/{key_id}"))


def create_link(tx: Tx, clock: Clock, key_id: str) -> str:
    """The token of a one-time sign-in link for that key; it lives for 15 minutes.

    For the server's own console and its owner.
    """
    token, now = _new_secret(), clock.now_ms()
    tx.conn.execute(sign_in_links.delete().where(sign_in_links.c.expires_at <= now))
    key = tx.conn.execute(sa.select(api_keys.c.tenant, api_keys.c.name).where(api_keys.c.id == key_id)).one()
    record(tx, Entry(system_scope(key.tenant), "session.link", f"key/{key_id}", data={"key_name": key.name}))
    values = {"hash": secret_hash(token), "key": key_id, "expires_at": now + LINK_LIFE_MS, "used_at": None}
    tx.conn.execute(sign_in_links.insert().values(values))
    return token


def redeem_link(tx: Tx, clock: Clock, token: str) -> str:
    """Use a one-time link; answers a new session's secret. Fails: CredentialRefused (also on the second use)."""
    now = clock.now_ms()
    found = tx.conn.execute(
        sign_in_links.update()
        .where(
            sign_in_links.c.hash == secret_hash(token),
            sign_in_links.c.used_at.is_(None),
            sign_in_links.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(sign_in_links.c.key)
    ).scalar()
    if found is None:
        raise CredentialRefused("sign-in link", _SIGN_IN_AGAIN)
    return _open_session(tx, clock, found)


def sign_in(tx: Tx, clock: Clock, key_id: str) -> str:
    """Open a browser session for a key that was just verified; answers the session's secret."""
    return _open_session(tx, clock, key_id)


def sign_out(tx: Tx, session_secret: str) -> None:
    """Forget a session; an unknown one is no error."""
    tx.conn.execute(sessions.delete().where(sessions.c.hash == secret_hash(session_secret)))


def _open_session(tx: Tx, clock: Clock, key_id: str) -> str:
    now, secret = clock.now_ms(), _new_secret()
    tx.conn.execute(sessions.delete().where(sessions.c.expires_at <= now))
    values = {"hash": secret_hash(secret), "key": key_id, "created_at": now, "expires_at": now + SESSION_LIFE_MS}
    tx.conn.execute(sessions.insert().values(values))
    key = tx.conn.execute(sa.select(api_keys.c.tenant, api_keys.c.name).where(api_keys.c.id == key_id)).one()
    record(tx, Entry(system_scope(key.tenant), "session.open", f"key/{key_id}", data={"key_name": key.name}))
    return secret


def _make_key(
    tx: Tx, scope: Scope, clock: Clock, name: str, roles: tuple[str, ...], expires_at: int | None, secret: str
) -> NewKey:
    now = clock.now_ms()
    view = KeyView(
        new_id("k", now), name, f"{secret[:10]}…" if secret.startswith(KEY_MARK) else "…", roles, now, expires_at, None
    )
    tx.conn.execute(
        api_keys.insert().values(
            id=view.id,
            tenant=scope.tenant,
            name=name,
            prefix=view.prefix,
            hash=secret_hash(secret),
            roles=list(roles),
            created_at=now,
            expires_at=expires_at,
            revoked_at=None,
        )
    )
    record(tx, Entry(scope, "key.create", f"key/{view.id}", data={"name": name, "roles": list(roles)}))
    return NewKey(view, secret)


def _new_secret() -> str:
    return KEY_MARK + secrets.token_urlsafe(32)

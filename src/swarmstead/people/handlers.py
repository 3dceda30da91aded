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
from swarmstead.people.certificates import normalised
from swarmstead.people.contract import ROLE_NAMES, KeyView, NewKey, credentials_topic, require
from swarmstead.people.errors import CannotDerive, CertificateTaken, CredentialRefused, LastAdminKey
from swarmstead.people.tables import api_keys, certificates, environments, sessions, sign_in_links, tenants, tokens
from swarmstead.storage.database import Tx
from swarmstead.storage.signals import wake
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
    """How a key, session or link is stored and looked up.

    A plain hash is enough for the 256 random bits of what we make. A bootstrap key is only as strong as its owner has
    made it.
    """
    return sha256_hex(secret.encode())


def bootstrap(tx: Tx, clock: Clock, bootstrap_key: str = "", kept: str = "") -> NewKey | None:
    """The first start: tenant `default`, environments `dev` and `prod`, and one admin key.

    Does nothing (and answers None) when there is a key already, unless `bootstrap_key` is given and new: then that key
    is made known, so that automation can rely on it. `kept` becomes the secret of the first key. While the caller still
    keeps it, it was not shown: the key is answered again, unless it has ended meanwhile.
    Fails: BadInput when `bootstrap_key` is shorter than 16.
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
    known = {row.hash: row for row in tx.conn.execute(sa.select(api_keys))}
    if bootstrap_key:
        if secret_hash(bootstrap_key) in known:
            return None
        return _make_key(tx, system_scope(DEFAULT_TENANT), clock, "bootstrap", ("admin",), None, bootstrap_key)
    if not known:
        return _make_key(tx, system_scope(DEFAULT_TENANT), clock, "first admin", ("admin",), None, kept or new_secret())
    row = known.get(secret_hash(kept)) if kept else None
    if row is None or row.revoked_at is not None:
        return None
    return NewKey(KeyView(row.id, row.name, row.prefix, tuple(row.roles), row.created_at, row.expires_at, None), kept)


def create_key(
    tx: Tx,
    scope: Scope,
    clock: Clock,
    name: str,
    roles: Sequence[str],
    expires_in_s: int | None = None,
    certificate: str = "",
) -> NewKey:
    """A new key in the caller's tenant. With `certificate`, an identity of client certificates stands for its secret.

    Fails: NotPermitted, BadInput, CertificateTaken.
    """
    require(scope, "key.manage")
    if not 0 < len(name.strip()) <= _MAX_NAME or not name.isprintable():
        raise BadInput(
            "A key needs a name of 1 to 120 characters that can be seen.",
            field="name",
            way_out="Say who or what will use it.",
        )
    check_roles(roles)
    if expires_in_s is not None and not 0 < expires_in_s <= _LONGEST_LIFE_S:
        raise BadInput(
            "A key expires after one second at the earliest and ten years at the latest.",
            field="expires_in_s",
            way_out=f"Give a number of seconds from 1 to {_LONGEST_LIFE_S}, or none for a key that does not expire.",
        )
    expires = None if expires_in_s is None else clock.now_ms() + expires_in_s * 1000
    identity = normalised(certificate) if certificate else ""
    # A certificate's key has a secret too, so that its row is like any other; nobody is ever told it.
    made = _make_key(tx, scope, clock, name.strip(), tuple(roles), expires, new_secret(), identity=identity)
    if not identity:
        return made
    _register(tx, scope, made.view.id, identity)
    return NewKey(made.view, "")


def check_roles(roles: Sequence[str]) -> None:
    """Fails: BadInput for no role, or one that does not exist."""
    unknown = sorted(set(roles) - set(ROLE_NAMES))
    if unknown or not roles:
        raise BadInput(
            f"Unknown role {unknown[0]!r}." if unknown else "At least one role is needed.",
            field="roles",
            way_out=f"Choose from {', '.join(ROLE_NAMES)}.",
        )


def revoke_key(tx: Tx, scope: Scope, clock: Clock, key_id: str, *, force: bool = False) -> None:
    """Make a key, its tokens, its links and its sessions useless at once.

    Revoking twice is no error. `force`: also the caller's own key, when no other admin key is left.
    Fails: NotPermitted, NotFound, LastAdminKey.
    """
    require(scope, "key.manage")
    mine = (api_keys.c.id == key_id) & (api_keys.c.tenant == scope.tenant)
    if tx.conn.execute(sa.select(api_keys.c.id).where(mine)).first() is None:
        raise NotFound(f"There is no key {key_id}.", way_out="List the keys with `stead key list`.")
    if not force and scope.actor.id == f"key:{key_id}" and not _other_admins(tx, scope, clock, key_id):
        raise LastAdminKey(
            "This is the last admin key, and your own: without it nobody can sign in as admin any more.",
            way_out="Make another first: `stead key create NAME --role admin`. Or revoke it all the same: "
            f"`stead key revoke {key_id} --force`; the way back is then to start the server with a new "
            "STEAD_BOOTSTRAP_KEY.",
        )
    changed = tx.conn.execute(
        api_keys.update().where(mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=clock.now_ms())
    )
    tx.conn.execute(sessions.delete().where(sessions.c.key == key_id))
    tx.conn.execute(sign_in_links.delete().where(sign_in_links.c.key == key_id))
    tx.conn.execute(tokens.delete().where(tokens.c.key == key_id))
    wake(tx, credentials_topic(scope.tenant))
    if changed.rowcount:
        record(tx, Entry(scope, "key.revoke", f"key/{key_id}"))


def create_link(tx: Tx, clock: Clock, key_id: str) -> str:
    """The token of a one-time sign-in link for that key; it lives for 15 minutes.

    For the server's own console and its owner.
    """
    token, now = new_secret(), clock.now_ms()
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
    mine = sessions.c.hash == secret_hash(session_secret)
    whose = sa.select(api_keys.c.tenant).join(sessions, sessions.c.key == api_keys.c.id).where(mine)
    tenant = tx.conn.execute(whose).scalar()
    if tenant is not None:
        tx.conn.execute(sessions.delete().where(mine))
        wake(tx, credentials_topic(tenant))


def key_of(scope: Scope) -> str:
    """The id of the caller's own key. Fails: CannotDerive, when the caller has none to make credentials from."""
    kind, _, key_id = scope.actor.id.partition(":")
    if kind == "key" and not scope.derived:
        return key_id
    raise CannotDerive(
        "A short-lived token makes no other credential."
        if kind == "key"
        else "Credentials are made from a key, and this caller has none.",
        way_out="Use the key itself." if kind == "key" else "Ask an admin for a key: `stead key create`.",
    )


def _other_admins(tx: Tx, scope: Scope, clock: Clock, key_id: str) -> bool:
    tx.conn.execute(sa.select(tenants).where(tenants.c.name == scope.tenant).with_for_update())  # of two only one goes
    lasting = api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > clock.now_ms())
    others = (api_keys.c.tenant == scope.tenant) & (api_keys.c.id != key_id) & api_keys.c.revoked_at.is_(None) & lasting
    return any("admin" in row.roles for row in tx.conn.execute(sa.select(api_keys.c.roles).where(others)))


def _register(tx: Tx, scope: Scope, key_id: str, identity: str) -> None:
    """Have a certificate's identity stand for a key. It is taken over only from a revoked key of the same tenant."""
    values = {"hash": sha256_hex(identity.encode()), "identity": identity, "key": key_id}
    if not insert_or_ignore(tx.conn, certificates, values):
        revoked = sa.select(api_keys.c.id).where(api_keys.c.tenant == scope.tenant, api_keys.c.revoked_at.is_not(None))
        mine = (certificates.c.hash == values["hash"]) & certificates.c.key.in_(revoked)
        if not tx.conn.execute(certificates.update().where(mine).values(key=key_id)).rowcount:
            raise CertificateTaken(
                f"Another key stands for {identity} already.",
                way_out="Revoke that key first, or register another identity of the certificate.",
                field="certificate",
            )
    wake(tx, credentials_topic(scope.tenant))  # whoever was refused a moment ago is let in now


def _open_session(tx: Tx, clock: Clock, key_id: str) -> str:
    now, secret = clock.now_ms(), new_secret()
    tx.conn.execute(sessions.delete().where(sessions.c.expires_at <= now))
    values = {"hash": secret_hash(secret), "key": key_id, "created_at": now, "expires_at": now + SESSION_LIFE_MS}
    tx.conn.execute(sessions.insert().values(values))
    key = tx.conn.execute(sa.select(api_keys.c.tenant, api_keys.c.name).where(api_keys.c.id == key_id)).one()
    record(tx, Entry(system_scope(key.tenant), "session.open", f"key/{key_id}", data={"key_name": key.name}))
    return secret


def _make_key(
    tx: Tx,
    scope: Scope,
    clock: Clock,
    name: str,
    roles: tuple[str, ...],
    expires_at: int | None,
    secret: str,
    *,
    identity: str = "",
) -> NewKey:
    now = clock.now_ms()
    prefix = f"{secret[:10]}…" if secret.startswith(KEY_MARK) and not identity else "…"
    view = KeyView(new_id("k", now), name, prefix, roles, now, expires_at, None, identity)
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
    data = {"name": name, "roles": list(roles)} | ({"certificate": identity} if identity else {})
    record(tx, Entry(scope, "key.create", f"key/{view.id}", data=data))
    return NewKey(view, secret)


def new_secret(mark: str = KEY_MARK) -> str:
    """A new credential: its mark, and 256 bits of chance."""
    return mark + secrets.token_urlsafe(32)

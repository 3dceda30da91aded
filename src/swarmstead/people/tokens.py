"""Short-lived tokens: made from a key, narrower than it, and gone with it.

A token acts as its key: the same actor, so the same day's budget and the same lines in the audit trail. It can do no
more than the key may at the moment of use, makes no credentials itself, and lives for twelve hours at most.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import BadInput, NotPermitted
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import NewToken, require_environment, roles_within
from swarmstead.people.errors import CredentialRefused
from swarmstead.people.handlers import check_roles, key_of, new_secret, secret_hash
from swarmstead.people.tables import api_keys, environments, tokens
from swarmstead.storage.database import Tx

TOKEN_MARK = "stead_tok_"  # noqa: S105 - what tokens begin with, so that secret scanners know a leaked one
DEFAULT_LIFE_S = 3_600
LONGEST_LIFE_S = 12 * 3_600


def mint_token(
    tx: Tx, scope: Scope, clock: Clock, roles: Sequence[str] = (), environment: str = "", life_s: int = DEFAULT_LIFE_S
) -> NewToken:
    """A token of the caller's key, with roles within its own (all, when none are named), for one environment or all.

    It ends with its key, if that is sooner. Fails: CannotDerive, NotPermitted (more than the key has), BadInput.
    """
    key_id = key_of(scope)
    wanted = tuple(sorted(set(roles) or scope.actor.roles))
    _check(tx, scope, wanted, environment, life_s)
    now = clock.now_ms()
    key = tx.conn.execute(sa.select(api_keys).where(api_keys.c.id == key_id).with_for_update()).one()
    if key.revoked_at is not None:  # between the check at the door and this transaction
        raise CredentialRefused("API key", "Use another key, or ask an admin for a new one.")
    expires = min(now + life_s * 1000, key.expires_at or now + life_s * 1000)
    secret, limit = new_secret(TOKEN_MARK), environment or scope.environment
    token = NewToken(new_id("t", now), secret, wanted, limit, expires)
    tx.conn.execute(tokens.delete().where(tokens.c.expires_at <= now))
    tx.conn.execute(
        tokens.insert().values(
            hash=secret_hash(secret),
            id=token.id,
            key=key_id,
            roles=list(wanted),
            environment=limit,
            created_at=now,
            expires_at=expires,
        )
    )
    data = {"key": key_id, "roles": list(wanted), "environment": limit, "expires_at": expires}
    record(tx, Entry(scope, "token.create", f"token/{token.id}", data=data))
    return token


def _check(tx: Tx, scope: Scope, roles: Sequence[str], environment: str, life_s: int) -> None:
    check_roles(roles)
    possible = roles_within(scope.actor.roles)
    if more := sorted(set(roles) - possible):
        raise NotPermitted(
            f"A token may do no more than its key: {more[0]} is more.",
            way_out=f"Choose from {', '.join(sorted(possible))}.",
            extra={"roles": more},
        )
    if not 0 < life_s <= LONGEST_LIFE_S:
        raise BadInput(
            "A token lives for one second at least and twelve hours at most.",
            field="expires_in_s",
            way_out=f"Give a number of seconds from 1 to {LONGEST_LIFE_S}; for longer, make a key.",
        )
    if not environment:
        return
    known = sa.select(environments.c.name).where(environments.c.tenant == scope.tenant)
    names = sorted(tx.conn.execute(known).scalars())
    if environment not in names:
        raise unknown_environment(environment, names, "environment")
    require_environment(scope, environment)


def unknown_environment(name: str, known: Sequence[str], field: str) -> BadInput:
    """The error for an environment that the tenant does not have."""
    shown = f" {name!r}" if name.isprintable() and len(name) <= 63 else ""  # noqa: PLR2004 - as long as names are
    return BadInput(f"There is no environment{shown}.", field=field, way_out=f"Choose from {', '.join(known)}.")

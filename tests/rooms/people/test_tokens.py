"""Short-lived tokens: narrower than their key, gone with it, and good for making nothing else."""

from typing import Any

import pytest

from swarmstead.audit import queries as audit
from swarmstead.kernel.errors import BadInput, NotPermitted
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people import handlers, queries, tokens
from swarmstead.people.contract import Identity, NewKey, NewToken, permissions_of, require, require_environment
from swarmstead.people.errors import CannotDerive, CredentialRefused
from swarmstead.people.tokens import LONGEST_LIFE_S, mint_token
from swarmstead.storage.database import Database
from tests.clocks import START_MS, MovableClock


class Desk:
    """Keys and tokens of one database."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database = database
        self.clock = clock
        made = database.write_sync(lambda tx: handlers.bootstrap(tx, clock))
        assert made is not None
        self.admin = self.scope(made)

    def scope(self, key: NewKey) -> Scope:
        return self.database.read_sync(lambda conn: queries.scope_of_key(conn, self.clock, key.secret))

    def key(self, *roles: str, life_s: int | None = None) -> NewKey:
        return self.database.write_sync(
            lambda tx: handlers.create_key(tx, self.admin, self.clock, "test", roles, life_s)
        )

    def mint(self, scope: Scope, *roles: str, **more: Any) -> NewToken:
        return self.database.write_sync(lambda tx: mint_token(tx, scope, self.clock, roles, **more))

    def show(self, token: NewToken) -> Identity:
        return self.database.read_sync(lambda conn: queries.identity_of_token(conn, self.clock, token.secret))

    def refused(self, token: NewToken) -> bool:
        with pytest.raises(CredentialRefused):
            self.show(token)
        return True


@pytest.fixture
def desk(database: Database, clock: MovableClock) -> Desk:
    return Desk(database, clock)


def test_a_token_acts_as_its_key_for_an_hour(desk: Desk, clock: MovableClock) -> None:
    key = desk.key("operator", "approver")
    token = desk.mint(desk.scope(key))
    found = desk.show(token)
    assert found.scope.actor == desk.scope(key).actor  # and so it spends the key's daily budget
    assert (found.means, found.expires_at, found.scope.derived) == ("token", START_MS + 3_600_000, True)
    clock.advance(seconds=3599)
    desk.show(token)
    clock.advance(seconds=1)
    assert desk.refused(token)


def test_it_may_narrow_roles_and_environment_and_never_widen(desk: Desk) -> None:
    scope = desk.scope(desk.key("operator", "approver"))
    found = desk.show(desk.mint(scope, "operator", environment="dev")).scope
    assert (found.actor.roles, found.environment) == ({"operator"}, "dev")
    with pytest.raises(NotPermitted, match="admin is more"):
        desk.mint(scope, "operator", "admin")
    viewer = desk.show(desk.mint(scope, "viewer")).scope
    assert permissions_of(viewer) == {"read"}
    with pytest.raises(BadInput, match="no environment 'moon'") as caught:
        desk.mint(scope, environment="moon")
    assert "dev, prod" in caught.value.way_out
    with pytest.raises(BadInput, match="Unknown role"):
        desk.mint(scope, "root")
    narrow = Scope(scope.tenant, scope.actor, "dev")
    assert desk.show(desk.mint(narrow)).scope.environment == "dev"
    with pytest.raises(NotPermitted, match="dev only"):
        desk.mint(narrow, environment="prod")


@pytest.mark.parametrize("life_s", [0, -1, LONGEST_LIFE_S + 1])
def test_it_lives_for_twelve_hours_at_most(desk: Desk, life_s: int) -> None:
    with pytest.raises(BadInput, match="twelve hours"):
        desk.mint(desk.admin, life_s=life_s)
    assert desk.mint(desk.admin, life_s=LONGEST_LIFE_S).expires_at == START_MS + LONGEST_LIFE_S * 1000


def test_it_ends_with_its_key(desk: Desk, clock: MovableClock) -> None:
    key = desk.key("viewer", life_s=60)
    token = desk.mint(desk.scope(key))
    assert token.expires_at == START_MS + 60_000
    lasting = desk.key("viewer")
    other = desk.mint(desk.scope(lasting))
    desk.database.write_sync(lambda tx: handlers.revoke_key(tx, desk.admin, clock, lasting.view.id))
    assert desk.refused(other)
    clock.advance(seconds=60)
    assert desk.refused(token)
    with pytest.raises(CredentialRefused):  # revoked between the door and the transaction
        desk.mint(Scope("default", Actor(f"key:{lasting.view.id}", "user", "x", frozenset({"viewer"}))))


def test_it_makes_no_other_credential(desk: Desk, clock: MovableClock) -> None:
    scope = desk.show(desk.mint(desk.admin)).scope
    with pytest.raises(CannotDerive, match="makes no other"):
        desk.mint(scope)
    with pytest.raises(CannotDerive):
        handlers.key_of(scope)
    assert "key.manage" not in permissions_of(scope)
    with pytest.raises(NotPermitted, match="short-lived"):
        desk.database.write_sync(lambda tx: handlers.create_key(tx, scope, clock, "escape", ["admin"]))
    with pytest.raises(NotPermitted):
        desk.database.write_sync(lambda tx: handlers.revoke_key(tx, scope, clock, handlers.key_of(desk.admin)))


def test_who_has_no_key_has_no_tokens(desk: Desk) -> None:
    person = Scope("default", Actor("oidc:idp:ada", "user", "Ada", frozenset({"admin"})))
    with pytest.raises(CannotDerive, match="has none"):
        desk.mint(person)


def test_its_secret_is_stored_nowhere_and_its_making_is_in_the_trail(desk: Desk) -> None:
    token = desk.mint(desk.admin, "viewer", environment="prod")
    rows = desk.database.read_sync(lambda conn: audit.page(conn, desk.admin, action="token.create"))
    assert [(row.target, row.actor) for row in rows] == [(f"token/{token.id}", desk.admin.actor.id)]
    assert token.secret not in str(rows)
    stored = desk.database.read_sync(lambda conn: str(conn.execute(tokens.tokens.select()).all()))
    assert token.id in stored
    assert token.secret not in stored


def test_a_limit_to_one_environment_takes_away_what_concerns_the_whole_tenant() -> None:
    whole = Scope("acme", Actor("key:k", "user", "Ada", frozenset({"admin"})))
    narrow = Scope("acme", whole.actor, "dev")
    lost = permissions_of(whole) - permissions_of(narrow)
    assert lost == {"resource.apply", "audit.read", "audit.checkpoint", "key.manage"}
    with pytest.raises(NotPermitted, match="limited to the environment dev"):
        require(narrow, "resource.apply")
    require_environment(narrow, "dev")
    require_environment(whole, "prod")
    with pytest.raises(NotPermitted, match="dev only"):
        require_environment(narrow, "prod")

"""Who is let in: keys, one-time links and sessions, from the first start to their end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from swarmstead.audit import queries as audit
from swarmstead.kernel.errors import BadInput, NotFound, NotPermitted
from swarmstead.kernel.scope import Actor, Scope, system_scope
from swarmstead.people import handlers, queries
from swarmstead.people.contract import NewKey
from swarmstead.people.errors import CredentialRefused, LastAdminKey
from swarmstead.people.tables import sign_in_links, tenants
from swarmstead.storage.database import Database, Tx
from tests.clocks import MovableClock

OTHER = Scope("other", Actor("key:k_other", "user", "Mallory", frozenset({"admin"})))


@pytest.fixture
def first(database: Database, clock: MovableClock) -> NewKey:
    """The key of the first start."""
    made = database.write_sync(lambda tx: handlers.bootstrap(tx, clock))
    assert made is not None
    return made


@pytest.fixture
def admin(database: Database, clock: MovableClock, first: NewKey) -> Scope:
    return whose_key(database, clock, first.secret)


@pytest.fixture
def other(database: Database) -> Scope:
    """An admin of another tenant."""
    database.write_sync(lambda tx: tx.conn.execute(tenants.insert().values(name="other", created_at=1)))
    return OTHER


def whose_key(database: Database, clock: MovableClock, secret: str) -> Scope:
    return database.read_sync(lambda conn: queries.scope_of_key(conn, clock, secret))


def whose_session(database: Database, clock: MovableClock, secret: str) -> Scope:
    return database.read_sync(lambda conn: queries.scope_of_session(conn, clock, secret))


def refused(look: Callable[[Database, MovableClock, str], Scope], *given: object) -> bool:
    with pytest.raises(CredentialRefused) as caught:
        look(*given)  # type: ignore[arg-type]
    return str(given[-1]) not in f"{caught.value.problem()}"


def actions(database: Database, tenant: str = "default") -> list[str]:
    scope = Scope(tenant, OTHER.actor)
    return [row.action for row in reversed(database.read_sync(lambda conn: audit.page(conn, scope)))]


# The first start -----------------------------------------------------------------------------------------------------


def test_the_first_start_makes_a_tenant_two_environments_and_one_admin(
    database: Database, clock: MovableClock, first: NewKey
) -> None:
    scope = whose_key(database, clock, first.secret)
    assert (scope.tenant, scope.actor.roles, scope.actor.kind) == ("default", {"admin"}, "user")
    found = database.read_sync(lambda conn: queries.list_environments(conn, scope))
    assert [(one.name, one.production) for one in found] == [("dev", False), ("prod", True)]
    assert actions(database) == ["key.create"]


def test_the_next_start_changes_nothing(database: Database, clock: MovableClock, first: NewKey) -> None:
    clock.advance(seconds=60)
    assert database.write_sync(lambda tx: handlers.bootstrap(tx, clock)) is None
    scope = whose_key(database, clock, first.secret)
    assert database.read_sync(lambda conn: queries.list_keys(conn, scope)) == [first.view]
    assert actions(database) == ["key.create"]


def test_a_start_after_every_key_was_revoked_opens_no_door(
    database: Database, clock: MovableClock, first: NewKey, admin: Scope
) -> None:
    database.write_sync(lambda tx: handlers.revoke_key(tx, admin, clock, first.view.id, force=True))
    assert database.write_sync(lambda tx: handlers.bootstrap(tx, clock)) is None


def test_the_last_admin_key_is_not_revoked_by_its_owner_in_passing(
    database: Database, clock: MovableClock, first: NewKey
) -> None:
    me = Scope("default", Actor(f"key:{first.view.id}", "user", "first admin", frozenset({"admin"})))

    def revoke(scope: Scope = me, *, force: bool = False) -> None:
        database.write_sync(lambda tx: handlers.revoke_key(tx, scope, clock, first.view.id, force=force))

    for role, life_s in (("viewer", None), ("admin", 60)):
        database.write_sync(
            lambda tx, role=role, life_s=life_s: handlers.create_key(tx, me, clock, role, [role], life_s)
        )
    clock.advance(seconds=60)
    with pytest.raises(LastAdminKey) as refused:
        revoke()
    assert refused.value.code == "last_admin_key"
    assert f"stead key revoke {first.view.id} --force" in refused.value.way_out
    assert "STEAD_BOOTSTRAP_KEY" in refused.value.way_out
    assert database.read_sync(lambda conn: queries.scope_of_key(conn, clock, first.secret)) == me
    revoke(force=True)
    with pytest.raises(CredentialRefused):
        database.read_sync(lambda conn: queries.scope_of_key(conn, clock, first.secret))
    made = database.write_sync(lambda tx: handlers.bootstrap(tx, clock, "automation-key-of-this-cluster"))
    assert made is not None
    assert made.view.roles == ("admin",)  # the way back


def test_an_admin_key_goes_while_another_is_left_or_its_owner_comes_in_otherwise(
    database: Database, clock: MovableClock, first: NewKey
) -> None:
    me = Scope("default", Actor(f"key:{first.view.id}", "user", "first admin", frozenset({"admin"})))
    second = database.write_sync(lambda tx: handlers.create_key(tx, me, clock, "second", ["admin"]))
    database.write_sync(lambda tx: handlers.revoke_key(tx, me, clock, first.view.id))
    person = Scope("default", Actor("oidc:idp:ada", "user", "Ada", frozenset({"admin"})))
    database.write_sync(lambda tx: handlers.revoke_key(tx, person, clock, second.view.id))
    assert actions(database).count("key.revoke") == 2


def test_a_given_bootstrap_key_is_made_known_once(database: Database, clock: MovableClock) -> None:
    key = "automation-key-of-this-cluster"
    made = database.write_sync(lambda tx: handlers.bootstrap(tx, clock, key))
    assert made is not None
    assert made.secret == key
    assert key not in repr(made.view)
    assert whose_key(database, clock, key).actor.roles == {"admin"}
    assert database.write_sync(lambda tx: handlers.bootstrap(tx, clock, key)) is None
    assert database.write_sync(lambda tx: handlers.bootstrap(tx, clock)) is None


def test_a_new_bootstrap_key_is_added_to_the_keys_there_are(
    database: Database, clock: MovableClock, first: NewKey
) -> None:
    assert database.write_sync(lambda tx: handlers.bootstrap(tx, clock, "a-key-that-came-later")) is not None
    assert whose_key(database, clock, "a-key-that-came-later").tenant == "default"
    assert whose_key(database, clock, first.secret).tenant == "default"


@pytest.mark.parametrize("start", ["first", "later"])
def test_workers_that_start_together_make_one_key(postgres_database: Database, clock: MovableClock, start: str) -> None:
    if start == "later":
        postgres_database.write_sync(lambda tx: handlers.bootstrap(tx, clock))
    together = threading.Barrier(4)

    def worker(key: str) -> NewKey | None:
        def handler(tx: Tx) -> NewKey | None:
            tx.conn.execute(sa.text("SELECT 1"))
            together.wait(30)
            return handlers.bootstrap(tx, clock, key)

        return postgres_database.write_sync(handler)

    for number in range(5):
        key = f"automation-key-number-{number}"
        with ThreadPoolExecutor(4) as pool:
            made = [one for one in pool.map(worker, [key] * 4) if one is not None]
        assert [one.secret for one in made] == [key]


def test_a_revoked_bootstrap_key_stays_revoked(database: Database, clock: MovableClock, admin: Scope) -> None:
    key = "automation-key-of-this-cluster"
    made = database.write_sync(lambda tx: handlers.bootstrap(tx, clock, key))
    assert made is not None
    database.write_sync(lambda tx: handlers.revoke_key(tx, admin, clock, made.view.id))
    assert database.write_sync(lambda tx: handlers.bootstrap(tx, clock, key)) is None
    assert refused(whose_key, database, clock, key)


def test_a_short_bootstrap_key_is_refused_before_anything_is_written(database: Database, clock: MovableClock) -> None:
    with pytest.raises(BadInput, match="15 characters") as caught:
        database.write_sync(lambda tx: handlers.bootstrap(tx, clock, "fifteen-letters"))
    assert caught.value.field == "STEAD_BOOTSTRAP_KEY"
    assert "fifteen-letters" not in f"{caught.value.problem()}"
    assert database.read_sync(lambda conn: conn.execute(sa.select(tenants)).all()) == []


# Keys ----------------------------------------------------------------------------------------------------------------


def test_a_key_carries_its_roles_and_its_tenant(database: Database, clock: MovableClock, admin: Scope) -> None:
    made = database.write_sync(lambda tx: handlers.create_key(tx, admin, clock, "  CI  ", ["operator", "viewer"]))
    scope = whose_key(database, clock, made.secret)
    assert (scope.tenant, scope.actor.name, scope.actor.roles) == ("default", "CI", {"operator", "viewer"})
    assert made.secret.startswith(handlers.KEY_MARK)
    assert made.secret.startswith(made.view.prefix.removesuffix("…"))
    assert len(made.view.prefix) < 16


@pytest.mark.parametrize(
    ("name", "roles", "expires_in_s", "field"),
    [
        ("", ["viewer"], None, "name"),
        ("   ", ["viewer"], None, "name"),
        ("x" * 121, ["viewer"], None, "name"),
        ("CI", [], None, "roles"),
        ("CI", ["viewer", "root"], None, "roles"),
        ("CI", ["system"], None, "roles"),
        ("CI", ["viewer"], 0, "expires_in_s"),
        ("CI", ["viewer"], -5, "expires_in_s"),
        ("CI", ["viewer"], 10**30, "expires_in_s"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    sqlite_database: Database, clock: MovableClock, name: str, roles: list[str], expires_in_s: int, field: str
) -> None:
    admin = Scope("default", Actor("key:k", "user", "Ada", frozenset({"admin"})))
    with pytest.raises(BadInput) as caught:
        sqlite_database.write_sync(lambda tx: handlers.create_key(tx, admin, clock, name, roles, expires_in_s))
    assert caught.value.field == field
    assert sqlite_database.read_sync(lambda conn: queries.list_keys(conn, admin)) == []


def test_a_key_expires_at_its_time(database: Database, clock: MovableClock, admin: Scope) -> None:
    made = database.write_sync(lambda tx: handlers.create_key(tx, admin, clock, "CI", ["viewer"], 60))
    session = database.write_sync(lambda tx: handlers.sign_in(tx, clock, made.view.id))
    clock.advance(seconds=60, ms=-1)
    assert whose_key(database, clock, made.secret).actor.id == f"key:{made.view.id}"
    clock.advance(ms=1)
    assert refused(whose_key, database, clock, made.secret)
    assert refused(whose_session, database, clock, session)


def test_a_revoked_key_takes_its_sessions_and_links_with_it(
    database: Database, clock: MovableClock, admin: Scope
) -> None:
    made = database.write_sync(lambda tx: handlers.create_key(tx, admin, clock, "Ada", ["operator"]))
    kept = database.write_sync(lambda tx: handlers.create_key(tx, admin, clock, "Grace", ["operator"]))
    session = database.write_sync(lambda tx: handlers.sign_in(tx, clock, made.view.id))
    others = database.write_sync(lambda tx: handlers.sign_in(tx, clock, kept.view.id))
    link = database.write_sync(lambda tx: handlers.create_link(tx, clock, made.view.id))
    assert whose_session(database, clock, session).actor.name == "Ada"
    database.write_sync(lambda tx: handlers.revoke_key(tx, admin, clock, made.view.id))
    database.write_sync(lambda tx: handlers.revoke_key(tx, admin, clock, made.view.id))
    assert refused(whose_key, database, clock, made.secret)
    assert refused(whose_session, database, clock, session)
    assert refused(redeem, database, clock, link)
    assert whose_session(database, clock, others).actor.name == "Grace"
    assert actions(database).count("key.revoke") == 1
    views = {one.name: one.revoked_at for one in database.read_sync(lambda conn: queries.list_keys(conn, admin))}
    assert views == {"first admin": None, "Ada": clock.now_ms(), "Grace": None}


@pytest.mark.parametrize("secret", ["", "stead_", "stead_" + "A" * 43, "x" * 5000, "nul\0"])
def test_what_is_no_key_is_refused_without_repeating_it(
    database: Database, clock: MovableClock, first: NewKey, secret: str
) -> None:
    assert first.secret != secret
    for look in (whose_key, whose_session, redeem):
        with pytest.raises(CredentialRefused) as caught:
            look(database, clock, secret)
        assert not secret or secret not in caught.value.message


# Links and sessions --------------------------------------------------------------------------------------------------


def redeem(database: Database, clock: MovableClock, token: str) -> Scope:
    session = database.write_sync(lambda tx: handlers.redeem_link(tx, clock, token))
    return whose_session(database, clock, session)


def test_a_link_works_once(database: Database, clock: MovableClock, first: NewKey) -> None:
    link = database.write_sync(lambda tx: handlers.create_link(tx, clock, first.view.id))
    assert redeem(database, clock, link).actor.id == f"key:{first.view.id}"
    assert refused(redeem, database, clock, link)
    assert actions(database) == ["key.create", "session.link", "session.open"]


def test_a_link_lives_for_fifteen_minutes(database: Database, clock: MovableClock, first: NewKey) -> None:
    links = [database.write_sync(lambda tx: handlers.create_link(tx, clock, first.view.id)) for _ in range(2)]
    clock.advance(seconds=15 * 60, ms=-1)
    assert redeem(database, clock, links[0]).tenant == "default"
    clock.advance(ms=1)
    assert refused(redeem, database, clock, links[1])


def test_a_session_ends_with_its_day_or_by_signing_out(database: Database, clock: MovableClock, first: NewKey) -> None:
    sessions = [database.write_sync(lambda tx: handlers.sign_in(tx, clock, first.view.id)) for _ in range(2)]
    database.write_sync(lambda tx: handlers.sign_out(tx, sessions[0]))
    database.write_sync(lambda tx: handlers.sign_out(tx, "unknown"))
    assert refused(whose_session, database, clock, sessions[0])
    clock.advance(seconds=12 * 3600, ms=-1)
    assert whose_session(database, clock, sessions[1]).tenant == "default"
    clock.advance(ms=1)
    assert refused(whose_session, database, clock, sessions[1])


def test_a_credential_of_one_kind_is_none_of_another(database: Database, clock: MovableClock, first: NewKey) -> None:
    link = database.write_sync(lambda tx: handlers.create_link(tx, clock, first.view.id))
    session = database.write_sync(lambda tx: handlers.sign_in(tx, clock, first.view.id))
    assert refused(whose_key, database, clock, session)
    assert refused(whose_key, database, clock, link)
    assert refused(whose_session, database, clock, first.secret)
    assert refused(redeem, database, clock, first.secret)


def test_the_console_link_is_for_the_newest_admin_key_that_still_works(
    database: Database, clock: MovableClock, first: NewKey, admin: Scope
) -> None:
    def newest() -> str | None:
        return database.read_sync(lambda conn: queries.admin_key_id(conn, "default", clock))

    def make(name: str, role: str, life_s: int | None = None) -> str:
        clock.advance(ms=1)
        return database.write_sync(lambda tx: handlers.create_key(tx, admin, clock, name, [role], life_s)).view.id

    second = make("second", "admin")
    make("short", "admin", 60)
    make("viewer", "viewer")
    clock.advance(seconds=60)
    assert newest() == second
    database.write_sync(lambda tx: handlers.revoke_key(tx, admin, clock, second))
    assert newest() == first.view.id
    assert database.read_sync(lambda conn: queries.admin_key_id(conn, "other", clock)) is None


# What lies on the disk -----------------------------------------------------------------------------------------------


def test_no_secret_is_anywhere_in_the_database_files(
    sqlite_database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    bootstrap_key = "canary-of-the-bootstrap-key"

    def everything(tx: Tx) -> list[str]:
        first = handlers.bootstrap(tx, clock, bootstrap_key)
        assert first is not None
        admin = Scope("default", Actor("key:x", "user", "x", frozenset({"admin"})))
        made = handlers.create_key(tx, admin, clock, "CI", ["viewer"])
        link = handlers.create_link(tx, clock, made.view.id)
        sessions = [handlers.redeem_link(tx, clock, link), handlers.sign_in(tx, clock, made.view.id)]
        return [bootstrap_key, made.secret, link, *sessions]

    secrets = sqlite_database.write_sync(everything)
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.name.startswith("stead.db")}
    assert b"CI" in b"".join(files.values())
    for secret in secrets:
        core = secret.removeprefix(handlers.KEY_MARK)[8:].encode()
        assert [name for name, content in files.items() if core in content] == []


# Other tenants -------------------------------------------------------------------------------------------------------


def test_another_tenants_keys_can_neither_be_seen_nor_revoked(
    database: Database, clock: MovableClock, first: NewKey, other: Scope
) -> None:
    theirs = database.write_sync(lambda tx: handlers.create_key(tx, other, clock, "theirs", ["admin"]))
    session = database.write_sync(lambda tx: handlers.sign_in(tx, clock, first.view.id))
    listed = database.read_sync(lambda conn: queries.list_keys(conn, other))
    assert [one.id for one in listed] == [theirs.view.id]
    assert database.read_sync(lambda conn: queries.list_environments(conn, other)) == []
    with pytest.raises(NotFound):
        database.write_sync(lambda tx: handlers.revoke_key(tx, other, clock, first.view.id))
    assert whose_key(database, clock, first.secret).tenant == "default"
    assert whose_session(database, clock, session).tenant == "default"
    assert whose_key(database, clock, theirs.secret).tenant == "other"


@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_only_admins_manage_keys(database: Database, clock: MovableClock, first: NewKey, role: str) -> None:
    scope = Scope("default", Actor("key:k", "user", "Ada", frozenset({role})))
    with pytest.raises(NotPermitted):
        database.write_sync(lambda tx: handlers.create_key(tx, scope, clock, "CI", ["viewer"]))
    with pytest.raises(NotPermitted):
        database.write_sync(lambda tx: handlers.revoke_key(tx, scope, clock, first.view.id))
    with pytest.raises(NotPermitted):
        database.read_sync(lambda conn: queries.list_keys(conn, scope))


def test_a_link_is_written_down_and_old_ones_are_thrown_away(database: Database, clock: MovableClock) -> None:
    key = database.write_sync(lambda tx: handlers.bootstrap(tx, clock))
    assert key is not None
    scope = system_scope(handlers.DEFAULT_TENANT)
    for _ in range(2):
        database.write_sync(lambda tx: handlers.create_link(tx, clock, key.view.id))
        clock.advance(ms=handlers.LINK_LIFE_MS + 1)
    kept = sa.select(sa.func.count()).select_from(sign_in_links)
    assert database.read_sync(lambda conn: conn.execute(kept).scalar()) == 1
    actions = [row.action for row in database.read_sync(lambda conn: audit.page(conn, scope))]
    assert actions.count("session.link") == 2

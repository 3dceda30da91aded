"""The first key between the moment it is made and the moment somebody has seen it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from swarmstead.gatehouse import open_gatehouse
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people import handlers, queries
from swarmstead.people.adapters.unshown import Unshown
from swarmstead.people.contract import NewKey
from swarmstead.people.errors import FirstKeyNotKept
from swarmstead.settings import load
from swarmstead.storage.database import Database
from tests.clocks import MovableClock

_ADMIN = Scope("default", Actor("key:x", "user", "x", frozenset({"admin"})))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "first-admin.key"


def start(database: Database, clock: MovableClock, kept: str, bootstrap_key: str = "") -> NewKey | None:
    return database.write_sync(lambda tx: handlers.bootstrap(tx, clock, bootstrap_key, kept))


def test_it_is_its_owners_and_stays_the_same_until_it_was_shown(path: Path) -> None:
    secret = Unshown(path).keep()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert Unshown(path).keep() == Unshown(path).found() == secret
    Unshown(path).drop()
    assert Unshown(path).found() == ""
    assert Unshown(path).keep() != secret


@pytest.mark.parametrize("half", ["", "stead_", "stead_" + "x" * 42, "stead_" + "x" * 44, "\xff" * 49])
def test_what_is_not_a_whole_secret_was_nobodys(path: Path, half: str) -> None:
    path.parent.mkdir()
    path.write_text(half, encoding="latin-1")
    path.chmod(0o644)
    assert Unshown(path).found() == ""
    secret = Unshown(path).keep()
    assert path.read_text() == secret != half
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_on_one_data_directory_get_the_same(path: Path) -> None:
    together = Barrier(8)

    def one(_number: int) -> str:
        together.wait(30)
        return Unshown(path).keep()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {path.read_text()}


def test_a_folder_in_the_way_is_named_with_a_way_out(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir(parents=True)
    with pytest.raises(FirstKeyNotKept, match="Is a directory") as caught:
        Unshown(path).keep()
    assert "--data" in caught.value.way_out
    assert Unshown(path).found() == ""
    Unshown(path).drop()
    assert [str(path) in one.getMessage() for one in caplog.records] == [True, True]


def test_a_link_that_somebody_laid_there_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FirstKeyNotKept):
        Unshown(path).keep()
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_is_not_read_either_and_what_others_could_read_is_closed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    secret = Unshown(elsewhere).keep()
    path.parent.mkdir()
    path.symlink_to(elsewhere)
    assert Unshown(path).found() == ""
    for look in (Unshown(elsewhere).keep, Unshown(elsewhere).found):
        elsewhere.chmod(0o644)
        assert look() == secret
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o600


async def test_a_start_with_another_database_keeps_the_only_copy(path: Path) -> None:
    app = await open_gatehouse(load({}, data=path.parent))
    await app.close()
    theirs = Unshown(path)
    theirs.drop()
    secret = theirs.keep()  # as a start with another database has left it
    for _ in range(2):
        app = await open_gatehouse(load({}, data=path.parent))
        assert app.first_key is None
        await app.close()
    assert theirs.found() == secret


def test_what_is_kept_becomes_the_first_key_and_is_answered_until_it_is_not(
    database: Database, clock: MovableClock
) -> None:
    secret = handlers.new_secret()
    made = start(database, clock, secret)
    assert made is not None
    assert made.secret == secret
    clock.advance(seconds=60)
    assert start(database, clock, secret) == made
    assert start(database, clock, "") is None
    listed = database.read_sync(lambda conn: queries.list_keys(conn, _ADMIN))
    assert listed == [made.view]


def test_what_another_server_was_faster_with_is_no_key(database: Database, clock: MovableClock) -> None:
    assert start(database, clock, handlers.new_secret()) is not None
    late = handlers.new_secret()
    assert start(database, clock, late) is None
    assert start(database, clock, late, "automation-key-of-this-cluster") is not None
    assert start(database, clock, late, "automation-key-of-this-cluster") is None
    assert len(database.read_sync(lambda conn: queries.list_keys(conn, _ADMIN))) == 2


def test_a_key_that_was_revoked_before_anybody_saw_it_is_not_shown(database: Database, clock: MovableClock) -> None:
    made = start(database, clock, secret := handlers.new_secret())
    assert made is not None
    database.write_sync(lambda tx: handlers.revoke_key(tx, _ADMIN, clock, made.view.id))
    assert start(database, clock, secret) is None

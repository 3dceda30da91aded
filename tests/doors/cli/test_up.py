"""Starting: what a first and a later start say and save, and what each thing in the way of a start looks like."""

import json
import re
import signal
import socket
import sqlite3
import stat
from pathlib import Path

import pytest

from swarmstead.doors.cli.up import exposed
from swarmstead.settings import load
from tests.databases import Postgres
from tests.doors.cli.helpers import Server, stead, up

_KEY = "an-automation-key-of-enough-length"


def _context(home: Path) -> Path:
    return home / ".config" / "swarmstead" / "context.json"


def test_first_start_signs_its_user_in_and_later_ones_give_a_new_link(tmp_path: Path, server: Server) -> None:
    data = tmp_path / "data"
    with up(tmp_path, data) as first:
        assert stat.S_IMODE(_context(tmp_path).stat().st_mode) == 0o600
        assert stat.S_IMODE(_context(tmp_path).parent.stat().st_mode) == 0o700
        link = re.search(r"http://\S+/signin#token=\S+", first.said)
        assert link
        assert first.said.count(first.key) == 1
        session = stead(tmp_path, "key", "list", "-o", "json").json["items"]
        assert [one["name"] for one in session] == ["first admin"]
        key = first.key
        assert first.stop() == 0
    with up(tmp_path, data) as later:  # on another port: the key has moved with the data
        assert later.address != first.address
        assert key not in later.said
        assert link[0].partition("#")[2] not in later.said
        assert "/signin#token=" in later.said
        assert stead(tmp_path, "run", "list").out.startswith("No run yet.")
        saved = json.loads(_context(tmp_path).read_text())
        assert list(saved["servers"]) == [later.address] == [saved["current"]]
        _second_server_on_the_same_data(tmp_path, data)
        done = stead(tmp_path, "run", "list", "--server", server.address)
        done.refused(
            f"There is no key for {server.address}", "if that is lost", "BOOTSTRAP_KEY"
        )  # the key here is not sent there
        assert "first admin" in stead(tmp_path, "key", "list").out


def test_a_start_does_not_claim_that_a_revoked_key_signs_in(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(tmp_path, data):
        (key,) = stead(tmp_path, "key", "list", "-o", "json").json["items"]
        stead(tmp_path, "key", "revoke", key["id"]).refused("last admin key", "--force", "STEAD_BOOTSTRAP_KEY")
        assert stead(tmp_path, "whoami").code == 0
        assert stead(tmp_path, "key", "revoke", key["id"], "--force").code == 0
        stead(tmp_path, "whoami").refused("is not valid", "STEAD_BOOTSTRAP_KEY")
    with up(tmp_path, data) as later:
        assert "signed in" not in later.said
        assert "sign in (once" not in later.said
        assert "the saved key is revoked or has expired" in later.said
        assert "STEAD_BOOTSTRAP_KEY" in later.said
        stead(tmp_path, "whoami").refused("There is no key for", "STEAD_BOOTSTRAP_KEY")
    with up(tmp_path, data, env={"STEAD_BOOTSTRAP_KEY": _KEY}) as again:
        assert stead(tmp_path, "whoami", "--server", again.address, env={"STEAD_KEY": _KEY}).code == 0


def _second_server_on_the_same_data(home: Path, data: Path) -> None:
    before = _context(home).read_text()
    done = stead(home, "up", "--port", "0", "--data", data)
    done.refused("already uses the data", "another --data", "make up DATA=DIR")
    assert _context(home).read_text() == before


def test_a_bootstrap_key_is_neither_printed_nor_saved(tmp_path: Path) -> None:
    with up(tmp_path, tmp_path / "data", env={"STEAD_BOOTSTRAP_KEY": _KEY}) as running:
        assert _KEY not in running.said
        assert not _context(tmp_path).exists()
        done = stead(tmp_path, "key", "list", "--server", running.address, "-o", "json", env={"STEAD_KEY": _KEY})
        assert [one["name"] for one in done.json["items"]] == ["bootstrap"]
        stead(tmp_path, "key", "list", "--server", running.address).refused("There is no key for", "STEAD_KEY")
        running.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert running.process.wait(30) == 0
        assert "Traceback" not in running.said


def test_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = stead(tmp_path, "up", "--port", str(port), "--data", tmp_path / "data")
    done.refused(f"Port {port} on 127.0.0.1 is in use", f"--port {int(port) + 1}", f"make up PORT={int(port) + 1}")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "192.0.2.7"}, True),
        ({"host": "127.0.0.1"}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0", "tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}, False),
    ],
)
def test_whoever_lets_others_in_without_tls_is_told(tmp_path: Path, options: dict[str, object], *, said: bool) -> None:
    lines = " ".join(exposed(load({}, data=tmp_path, **options)))
    assert ("without TLS" in lines and "--tls-cert" in lines) is said


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    done = stead(tmp_path, "up", "--host", "203.0.113.1", "--port", "0", "--data", tmp_path / "data")
    done.refused("203.0.113.1", "--host")


def test_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = stead(tmp_path, "up", "--port", "0", "--data", tmp_path / "file" / "data")
    done.refused("cannot be used", "--data")


def test_database_of_a_newer_version(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "stead.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.close()
    done = stead(tmp_path, "up", "--port", "0", "--data", tmp_path)
    done.refused("schema 9999, which is newer", "Install the version that wrote it")


def test_locked_database(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "stead.db", isolation_level=None)
    holder.execute("PRAGMA journal_mode=WAL")
    holder.execute("BEGIN IMMEDIATE")
    done = stead(tmp_path, "up", "--port", "0", "--data", tmp_path)
    holder.execute("ROLLBACK")
    assert holder.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)  # nothing half written
    holder.close()
    done.refused("locked by another process", "Find the process")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "stead.db").write_text("not a database at all, but long enough to look like one" * 20)
    stead(tmp_path, "up", "--port", "0", "--data", tmp_path).refused("no database at all", "backup")


def test_a_folder_in_place_of_the_database_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "stead.db").mkdir()
    for command in (("up", "--port", "0"), ("doctor",)):
        done = stead(tmp_path, *command, "--data", tmp_path)
        assert "`stead.db` in the data folder is a file and no folder" in done.out + done.err
        assert "host and port" not in done.out + done.err


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("STEAD_PORT", "high", "STEAD_PORT"),
        ("STEAD_BOOTSTRAP_KEY", "short", "bootstrap key has 5 characters"),
        ("STEAD_DATABASE_URL", "mysql://user:hush@127.0.0.1/x", "STEAD_DATABASE_URL"),
        ("STEAD_CALL_TIMEOUT_S", "-1", "STEAD_CALL_TIMEOUT_S"),
        ("STEAD_LOG_LEVEL", "loud", "STEAD_LOG_LEVEL"),
    ],
)
def test_bad_settings_name_the_variable(tmp_path: Path, variable: str, value: str, named: str) -> None:
    done = stead(tmp_path, "up", "--data", tmp_path / "data", env={"STEAD_PORT": "0", variable: value})
    done.refused(named)
    assert value not in done.err or value.isalpha()


def test_a_folder_to_allow_that_is_not_there(tmp_path: Path) -> None:
    stead(tmp_path, "up", "--allow", tmp_path / "nowhere").refused("does not exist", "--help` shows how")


def test_a_folder_to_allow_by_a_variable_that_is_not_there(tmp_path: Path) -> None:
    gone = tmp_path / "nowhere"
    for command in ("up", "worker"):
        done = stead(tmp_path, command, "--data", tmp_path / "data", env={"STEAD_ALLOWED_PATHS": f"{tmp_path}:{gone}"})
        done.refused("STEAD_ALLOWED_PATHS", f"no folder {gone}")
    assert not (tmp_path / "data").exists()


def test_a_setting_that_nobody_reads_is_told(tmp_path: Path) -> None:
    done = stead(tmp_path, "worker", "--data", tmp_path / "data", env={"STEAD_FOO_\u202eX": "1", "STEAD_KEY": "k"})
    assert "there is no setting STEAD_FOO_\\u202eX; it changes nothing" in done.err
    assert "STEAD_KEY" not in done.err


def test_a_worker_needs_postgres(tmp_path: Path) -> None:
    done = stead(tmp_path, "worker", "--data", tmp_path / "data")
    done.refused("cannot work on SQLite", "STEAD_DATABASE_URL")


def test_a_postgres_that_is_not_there(tmp_path: Path) -> None:
    url = "postgresql://user:hush@127.0.0.1:1/x"
    done = stead(tmp_path, "up", "--port", "0", "--data", tmp_path / "data", env={"STEAD_DATABASE_URL": url})
    done.refused("database", "STEAD_DATABASE_URL")
    assert "hush" not in done.err


def test_a_worker_on_an_empty_postgres_shows_the_first_key(tmp_path: Path, postgres: Postgres) -> None:
    (tmp_path / "data").mkdir()
    with (
        postgres.empty() as url,
        up(tmp_path, tmp_path / "data", command="worker", env={"STEAD_DATABASE_URL": url}) as worker,
    ):
        assert worker.key.startswith("stead_")
        assert not _context(tmp_path).exists()
        assert worker.stop() == 0

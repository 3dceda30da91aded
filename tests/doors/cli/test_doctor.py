"""`stead doctor` says of each thing whether it is well, and how to mend it; it changes nothing."""

import shutil
import socket
import sqlite3
from pathlib import Path
from unittest.mock import Mock

import pytest

from swarmstead.doors.cli import checks, stored
from swarmstead.settings import Settings, load
from swarmstead.storage.migrate import HEAD
from tests.databases import Postgres
from tests.doors.cli.conftest import Call
from tests.doors.cli.helpers import Done, Server


def _by_name(done: Done) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in done.json["checks"]}


def test_beside_a_server_that_runs(call: Call, server: Server) -> None:
    port = server.address.rpartition(":")[2]
    done = call("doctor", "--data", server.home / "data", "--port", port, "-o", "json")
    found = _by_name(done)
    assert (done.code, done.json["ok"]) == (0, True)
    assert found["lock"]["detail"] == f"a server runs on this data (process {server.process.pid})"
    assert "Swarmstead" in found["port"]["detail"]
    assert found["server"]["detail"] == f"{server.address} is ok"
    assert found["key"]["detail"] == "signed in as first admin (admin)"
    assert {check["status"] for check in found.values()} <= {"ok", "warn"}
    text = call("doctor", "--data", server.home / "data", "--port", port).out
    assert all(line.startswith(("ok ", "warn ", "fail ", "     ")) for line in text.splitlines())


def test_before_the_first_start_nothing_fails_and_nothing_is_made(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("STEAD_SERVER", "http://127.0.0.1:1")
    done = call("doctor", "--data", tmp_path / "data", "--port", "0", "-o", "json")
    found = _by_name(done)
    assert done.code == 0
    assert found["data"]["detail"].endswith("will be made at the first start")
    assert found["database"]["detail"].startswith("empty")
    assert found["server"]["status"] == "warn"
    assert "stead up" in found["server"]["mend"]
    assert found["models"]["status"] == "warn"  # nobody could be asked, so nobody knows
    assert found["models"]["detail"].startswith("Not known: the server could not be asked")
    assert list(tmp_path.iterdir()) == []


def test_everything_that_is_wrong_is_said_at_once(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.setattr(checks, "_PATIENCE_S", 1.0)  # what listens on the port never answers
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("STEAD_ALLOWED_PATHS", str(tmp_path / "gone"))
    monkeypatch.setenv("STEAD_KEY", "stead_unknown")
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / "stead.db").write_text("no database " * 500)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        taken.listen()
        done = call("doctor", "--data", tmp_path / "data", "--port", port, "--server", server.address, "-o", "json")
    found = _by_name(done)
    assert (done.code, done.json["ok"]) == (1, False)
    assert {name for name, check in found.items() if check["status"] == "fail"} == {"database", "port", "git"}
    assert {name for name, check in found.items() if check["status"] == "warn"} >= {"data", "allowed", "key"}
    assert all(check["mend"] for check in found.values() if check["status"] != "ok")


def test_settings_that_cannot_be_read_do_not_stop_the_rest(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEAD_PORT", "high")
    found = _by_name(call("doctor", "-o", "json"))
    assert found["settings"]["status"] == "fail"
    assert "STEAD_PORT" in found["settings"]["mend"]
    assert found["git"]["status"] == "ok"


def _settings(data: Path, **options: object) -> Settings:
    return load({}, data=data, **options)


def _written_by(data: Path, schema: str) -> Path:
    connection = sqlite3.connect(data / "stead.db")
    connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.execute("INSERT INTO alembic_version VALUES (?)", [schema])
    connection.commit()
    connection.close()
    return data


@pytest.mark.parametrize(("schema", "status"), [(HEAD, "ok"), ("9999", "fail")])
def test_schema_of_the_database(tmp_path: Path, schema: str, status: str) -> None:
    assert checks.database(_settings(_written_by(tmp_path, schema))).status == status


def test_a_schema_from_before_is_migrated_at_the_next_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stored, "revisions", lambda: ("0002", {"0001", "0002"}))
    found = checks.database(_settings(_written_by(tmp_path, "0001")))
    assert (found.status, found.mend) == ("warn", "The next `stead up` migrates it.")


def test_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_PATIENCE_S", 0.0)
    holder = sqlite3.connect(tmp_path / "stead.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    (found,) = [check for check in checks.here(_settings(tmp_path)) if check.name == "database"]
    holder.close()
    assert found.status == "fail"
    assert "locked by another process" in found.detail


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    for free, status in ((1 << 40, "ok"), (1 << 28, "warn"), (1 << 20, "fail")):
        monkeypatch.setattr(shutil, "disk_usage", Mock(return_value=usage._replace(free=free)))
        assert checks.space(_settings(tmp_path / "not" / "there")).status == status


def test_models_of_a_server_that_does_not_run(call: Call, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--provider", "openai", "--model", "gpt-4.1-mini", "--key", "env:SWARMSTEAD_TEST_ABSENT")
    call("model", "add", "absent", *options)
    found = _by_name(call("doctor", "--data", server.home / "data", "--server", "http://127.0.0.1:1", "-o", "json"))
    assert "SWARMSTEAD_TEST_ABSENT" in found["models"]["detail"]
    monkeypatch.setenv("SWARMSTEAD_TEST_ABSENT", "here")
    found = _by_name(call("doctor", "--data", server.home / "data", "--server", "http://127.0.0.1:1", "-o", "json"))
    assert "absent" not in found["models"]["detail"]


def test_where_models_were_looked_for_is_told(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is declared here may be nothing to the server that could not be asked."""
    monkeypatch.setattr(stored, "models", Mock(return_value=(3, {})))
    found = _by_name(call("doctor", "--data", tmp_path, "--server", "http://127.0.0.1:1", "-o", "json"))
    assert found["models"]["detail"] == f"3 declared in the database below {tmp_path}, none lacks anything"


def test_on_postgres(tmp_path: Path, postgres: Postgres) -> None:
    with postgres.fresh() as url:
        settings = _settings(tmp_path, database_url=url)
        assert checks.database(settings).detail == f"schema {HEAD}"
        assert checks.lock(settings).status == "ok"
    gone = _settings(tmp_path, database_url="postgresql://u:hush@127.0.0.1:1/x")
    (found,) = [check for check in checks.here(gone) if check.name == "database"]
    assert found.status == "fail"
    assert "hush" not in str(found)

"""The audit trail, here and without a server; keys; servers that are not there, or not ours."""

import http.client
import http.server
import json
import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from swarmstead.doors.cli import client
from swarmstead.doors.cli.audit import audit
from swarmstead.doors.cli.follow import Follower
from tests.doors.cli.conftest import Call
from tests.doors.cli.helpers import Server, stead, up


@pytest.fixture
def export(call: Call, tmp_path: Path) -> Path:
    """An export of the server's chain."""
    path = tmp_path / "audit.jsonl"
    assert call("audit", "export", "--to", path).code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    return path


@pytest.fixture
def checkpoint(call: Call, tmp_path: Path) -> Path:
    """A checkpoint, signed before the export of the same test is made."""
    path = tmp_path / "checkpoint.json"
    assert call("audit", "checkpoint", "--to", path).code == 0
    return path


def test_the_trail_is_listed_and_verified(call: Call, checkpoint: Path) -> None:
    rows = call("audit", "list", "--action", "key.create", "-o", "json").json["items"]
    assert rows
    assert {row["action"] for row in rows} == {"key.create"}
    assert "resource.apply" in call("audit", "list", "--limit", "100").out
    assert "There are more" in call("audit", "list", "--limit", "1").err
    assert call("audit", "verify").out.startswith("chain    ok")
    answer = call("audit", "verify", "--checkpoint", checkpoint, "-o", "json")
    assert (answer.code, answer.json["ok"]) == (0, True)
    signed = json.loads(checkpoint.read_text())
    checkpoint.write_text(json.dumps(signed | {"seq": signed["seq"] + 1000}))
    answer = call("audit", "verify", "--checkpoint", checkpoint)
    assert answer.code == 1
    assert "chain cut off" in answer.out


def test_an_export_is_verified_without_a_server(checkpoint: Path, export: Path, tmp_path: Path) -> None:
    key = json.loads(checkpoint.read_text())["public_key"]
    away = {"STEAD_SERVER": "http://127.0.0.1:1"}
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    stead(tmp_path, "audit", "verify", "--file", empty, env=away).refused("is empty: there is nothing to verify")
    done = stead(tmp_path, "audit", "verify", "--file", export, "-o", "json", env=away)
    assert (done.code, done.json["ok"]) == (0, True)
    done = stead(
        tmp_path, "audit", "verify", "--file", export, "--checkpoint", checkpoint, "--public-key", key, env=away
    )
    assert done.code == 0, done
    assert "signed by the key that was given" in done.out


def _changed(lines: list[str]) -> list[str]:
    row = json.loads(lines[1])
    return [lines[0], json.dumps(row | {"actor": "somebody else"}), *lines[2:]]


def _removed(lines: list[str]) -> list[str]:
    return [lines[0], *lines[2:]]


def _reordered(lines: list[str]) -> list[str]:
    return [lines[1], lines[0], *lines[2:]]


def _cut_off(lines: list[str]) -> list[str]:
    return lines[:2]


def _doubled(lines: list[str]) -> list[str]:
    """The reader that takes the first of two fields sees somebody else."""
    return [lines[0], f'{{"actor":"key:EVIL",{lines[1][1:]}', *lines[2:]]


def _spaced(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('","', '", "', 1), *lines[2:]]


def _emptied(lines: list[str]) -> list[str]:
    return lines[:0]


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (_changed, "row changed"),
        (_doubled, "line 2 is not written as an export writes this row"),
        (_spaced, "line 2 is not written as an export writes this row"),
        (_removed, "row 2 removed"),
        (_reordered, "out of order"),
        (_cut_off, "chain cut off"),
        (_emptied, "chain cut off"),
    ],
)
def test_a_tampered_export_is_found_out(
    call: Call, checkpoint: Path, export: Path, tamper: Callable[[list[str]], list[str]], problem: str
) -> None:
    export.write_text("\n".join(tamper(export.read_text().splitlines())))
    done = call("audit", "verify", "--file", export, "--checkpoint", checkpoint)
    assert done.code == 1
    assert problem in done.out


def test_a_checkpoint_by_another_key_is_found_out(call: Call, checkpoint: Path, export: Path) -> None:
    other = "A" * 43 + "="
    verify = ("audit", "verify", "--file", export, "--checkpoint", checkpoint)
    done = call(*verify, "--public-key", other)
    assert done.code == 1
    assert "signature is by no key that is known here" in done.out
    signed = json.loads(checkpoint.read_text())
    checkpoint.write_text(json.dumps(signed | {"at": signed["at"] + 1}))
    assert call(*verify, "--public-key", signed["public_key"]).code == 1
    call(*verify, "--public-key", "short").refused("not a public key")
    call("audit", "verify", "--public-key", other).refused("--file and --checkpoint")


def test_a_checkpoint_is_not_written_over_another(call: Call, checkpoint: Path) -> None:
    older = checkpoint.read_text()
    call("audit", "checkpoint", "--to", checkpoint).refused("is there already", "Nothing was signed", "--force")
    assert checkpoint.read_text() == older
    assert call("audit", "checkpoint", "--to", checkpoint, "--force").code == 0
    assert json.loads(checkpoint.read_text())["at"] != json.loads(older)["at"]


def test_a_broken_chain_is_not_signed_unseen(tmp_path: Path) -> None:
    data, to = tmp_path / "data", tmp_path / "checkpoint.json"
    with up(tmp_path, data) as server:
        assert server.stop() == 0
    with closing(sqlite3.connect(data / "stead.db")) as database:
        database.execute("UPDATE audit_rows SET actor = 'key:EVIL' WHERE seq = 2")
        database.commit()
    with up(tmp_path, data):
        broken = stead(tmp_path, "audit", "checkpoint", "--to", to)
        broken.failed("The chain is broken, first at row 2: row changed", "Nothing was signed", "--broken")
        assert not to.exists()
        # Whoever has a file written over each night has not said that any chain will do.
        stead(tmp_path, "audit", "checkpoint", "--to", to, "--force").failed("The chain is broken", "--broken")
        assert not to.exists()
        done = stead(tmp_path, "audit", "checkpoint", "--to", to, "--broken")
        assert done.code == 0
        assert "Signed as it stands. The chain is broken, first at row 2: row changed" in done.err
        assert json.loads(to.read_text())["signature"]
        stead(tmp_path, "audit", "checkpoint", "--to", to, "--broken").refused("is there already", "--force")


@pytest.mark.parametrize("command", ["checkpoint", "verify"])
def test_a_long_chain_has_the_time_to_be_verified(
    server: Server, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: dict[str, float] = {}

    class Noted(http.client.HTTPConnection):
        def request(self, method: str, url: str, *rest: Any, **more: Any) -> None:
            waits[url] = self.timeout or 0.0
            super().request(method, url, *rest, **more)

    monkeypatch.setattr(client, "HTTPConnection", Noted)
    monkeypatch.setenv("STEAD_SERVER", server.address)
    monkeypatch.setenv("STEAD_KEY", server.key)
    assert CliRunner().invoke(audit, [command], catch_exceptions=False).exit_code == 0
    assert waits.pop("/api/v1/audit:verify") >= 600
    assert [wait for wait in waits.values() if wait > 60] == []


def test_a_row_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    data, to = tmp_path / "data", tmp_path / "audit.jsonl"
    with up(tmp_path, data) as server:
        assert server.stop() == 0
    with closing(sqlite3.connect(data / "stead.db")) as database:
        database.execute("UPDATE audit_rows SET data = '{bad' WHERE seq = 2")
        database.commit()
    with up(tmp_path, data):
        found = stead(tmp_path, "audit", "verify", "-o", "json")
        assert (found.code, [one["seq"] for one in found.json["problems"]]) == (1, [2])
        assert "cannot be read" in found.json["problems"][0]["problem"]
        assert "cannot be read: data" in stead(tmp_path, "audit", "list", "--limit", "200").out
        assert stead(tmp_path, "audit", "export", "--to", to).code == 0
    offline = stead(tmp_path, "audit", "verify", "--file", to, "-o", "json")
    assert (offline.code, [one["seq"] for one in offline.json["problems"]]) == (1, [2])
    assert offline.json["checked"] == found.json["checked"]


def test_a_trail_that_was_emptied_is_not_ok(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(tmp_path, data) as server:
        assert server.stop() == 0
    with closing(sqlite3.connect(data / "stead.db")) as database:
        database.executescript("DELETE FROM audit_rows; DELETE FROM audit_heads")
    with up(tmp_path, data):
        found = stead(tmp_path, "audit", "verify")
        assert found.code == 1
        assert "no row tells when this tenant's first key" in found.out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"action"', "[" * 100_000),
        ('"target":"', '"target":"\\ud800'),
        ('"data":{', '"data":{"a":1e400,'),
        ('"seq":1,', '"seq":true,'),
        ('"at":', f'"at":{"9" * 20}'),
    ],
    ids=["deep", "half a pair", "infinity", "no number", "no time"],
)
def test_a_line_that_is_no_row_is_said_to_be_none(call: Call, export: Path, old: str, new: str) -> None:
    lines = export.read_text().splitlines()
    assert old in lines[0]
    export.write_text("\n".join([lines[0].replace(old, new, 1), *lines[1:]]))
    call("audit", "verify", "--file", export).failed(f"{export}:1: this is not a row of an audit export")


@pytest.mark.parametrize(("field", "value"), [("hash", "\ud800"), ("seq", True), ("at", 10**400)])
def test_a_checkpoint_that_is_none_is_said_to_be_none(
    call: Call, checkpoint: Path, export: Path, field: str, value: object
) -> None:
    checkpoint.write_text(json.dumps(json.loads(checkpoint.read_text()) | {field: value}))
    call("audit", "verify", "--file", export, "--checkpoint", checkpoint).refused("is not a checkpoint")
    checkpoint.write_text("[" * 100_000)
    for more in ((), ("--file", export)):
        call("audit", "verify", *more, "--checkpoint", checkpoint).refused("is not a checkpoint")


def test_files_that_are_no_export_and_no_checkpoint(call: Call, export: Path, tmp_path: Path) -> None:
    whole = export.read_text().splitlines()
    export.write_text("\n".join([*whole[:2], whole[2][:40]]))
    call("audit", "verify", "--file", export).failed(f"{export}:3: this is not a row")
    call("audit", "verify", "--file", tmp_path / "nowhere").refused("cannot be read")
    (tmp_path / "other.json").write_text('{"tenant": "default"}')
    call("audit", "verify", "--checkpoint", tmp_path / "other.json").refused("is not a checkpoint")
    call("audit", "export", "--to", tmp_path / "no" / "such").refused("cannot be written")


def test_keys(call: Call, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = call("key", "create", "a viewer", "--role", "viewer", "--expires", "30d", "-o", "json").json
    assert made["roles"] == ["viewer"]
    assert made["key"] not in call("key", "list").out
    (tmp_path / "key").write_text(f"{made['key']}\n")
    as_viewer = ("--key-file", tmp_path / "key")
    assert call("run", "list", *as_viewer).code == 0
    call("apply", "-f", tmp_path / "key", *as_viewer).refused("permission resource.apply", "admin")
    assert call("key", "revoke", made["id"]).out == f"{made['id']} is revoked.\n"
    call("run", "list", *as_viewer).refused("way out", "If none is left", "STEAD_BOOTSTRAP_KEY")
    assert "The key is shown this once" in call("key", "create", "b", "--role", "operator").err
    call("key", "create", "c", "--role", "viewer", "--expires", "soon").refused("is not an age")
    call("key", "revoke", "k_nothing").refused("no key k_nothing")
    assert call("key", "link").out.startswith(f"{server.address}/signin#token=")
    assert call("key", "link", "-o", "json").json["url"].startswith(f"{server.address}/signin#token=")
    brief = call("key", "create", "brief", "--role", "viewer", "-o", "json").json
    assert call("key", "revoke", brief["id"], "-o", "json").json == {"id": brief["id"], "revoked": True}
    monkeypatch.setenv("STEAD_KEY", "stead_unknown")
    call("run", "list").refused("--key-file or STEAD_KEY")


def test_a_long_list_is_read_page_by_page(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAGE", 2)
    found = call("audit", "list", "--limit", "5", "-o", "json").json
    newest = found["items"][0]["seq"]
    assert [row["seq"] for row in found["items"]] == list(range(newest, newest - 5, -1))
    assert found["next"]


@pytest.fixture
def nowhere() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_following_a_run_gives_up_when_the_server_stays_away(nowhere: str) -> None:
    told: list[str] = []
    with pytest.raises(client.ServerAbsent):
        list(Follower(client.Client(nowhere, ""), "r_1", told.append, give_up_s=0).events())
    assert told == ["connection lost; the run goes on, trying again"]


def test_following_a_run_that_is_not_there_is_refused(server: Server) -> None:
    with pytest.raises(client.Refused, match="no run r_1"):
        list(Follower(client.Client(server.address, server.key), "r_1", print).events())


def test_a_server_that_is_not_there_is_said_with_its_address(call: Call, nowhere: str) -> None:
    call("run", "list", "--server", nowhere).failed(f"no server at {nowhere}", "`stead up`")
    call("run", "list", "--server", "http://nowhere.invalid").failed("http://nowhere.invalid", "Check the address")
    call("run", "list", "--server", "what?ever").refused("address must be")


class _Stranger(http.server.BaseHTTPRequestHandler):
    """A web server that is not ours: HTML, a broken answer, no answer."""

    def do_GET(self) -> None:
        if self.path.startswith("/api/v1/agents"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{")
            return
        if self.path.startswith("/api/v1/models"):
            return
        found = self.path.startswith("/api/v1/keys")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class _Older(_Stranger):
    """A server of a version that answers a deletion with nothing."""

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()


def test_a_deletion_that_an_older_server_answers_with_nothing(call: Call) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Older) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        said = call("delete", "binding", "old", "--server", f"http://127.0.0.1:{web.server_port}")
        web.shutdown()
        thread.join()
    assert (said.code, "Deleted Binding old" in said.err) == (0, True)


@pytest.fixture
def stranger() -> Generator[str]:
    """The address of a web server that is not ours."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stranger) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


def test_something_else_answers(call: Call, stranger: str) -> None:
    call("run", "list", "--server", stranger, "--key-file", "/dev/null").refused("holds no key")
    call("run", "show", "r_1", "--server", stranger).refused(f"What answers at {stranger} is not this API")
    call("key", "list", "--server", stranger).refused("is not this API")
    call("agent", "list", "--server", stranger).failed("ended before the answer was here")
    call("model", "list", "--server", stranger).failed("ended before the answer was here", "stead run list")


def test_a_server_elsewhere_does_not_get_the_key_of_this_one(
    call: Call, server: Server, stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(_Stranger, "send_response", _noting(seen, _Stranger.send_response))
    call("key", "list", "--server", stranger)
    assert seen == [None]
    assert server.key not in str(seen)


def _noting(seen: list[str | None], original: Callable[..., None]) -> Callable[..., None]:
    def noting(self: _Stranger, code: int) -> None:
        seen.append(self.headers.get("Authorization"))
        original(self, code)

    return noting


def test_checkpoints_and_exports_are_printed_in_every_form(call: Call) -> None:
    signed = call("audit", "checkpoint").json
    assert signed.keys() == {"tenant", "seq", "hash", "at", "key_id", "signature", "public_key"}
    assert yaml.safe_load(call("audit", "checkpoint", "-o", "yaml").out).keys() == signed.keys()
    table = call("audit", "checkpoint", "-o", "table").out
    assert re.search(rf"^public_key +{re.escape(signed['public_key'])}$", table, re.MULTILINE)
    rows = [json.loads(line) for line in call("audit", "export").out.splitlines()]
    page = call("audit", "export", "-o", "json").json
    assert page["items"][: len(rows)] == rows
    assert page["next"] is None
    assert call("audit", "export", "-o", "table").out.startswith("SEQ")
    assert len(yaml.safe_load(call("audit", "export", "-o", "yaml").out)["items"]) >= len(rows)


def test_a_file_that_could_not_be_verified_is_not_written(call: Call, tmp_path: Path) -> None:
    call("audit", "export", "-o", "yaml", "--to", tmp_path / "x.yaml").refused("JSON lines", "Leave -o out")
    assert not (tmp_path / "x.yaml").exists()

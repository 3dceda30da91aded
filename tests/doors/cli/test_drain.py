"""Draining a server, and what a run of another loop version looks like."""

import sqlite3
from pathlib import Path

import httpx

from tests.databases import Postgres
from tests.doors.cli.helpers import Server, make_repository, stead, up

_WAITS = 3


def waiting(home: Path, repository: Path) -> str:
    """A run that waits for a person; its id."""
    run = stead(home, "run", "start", "repo-review", "--input", f"repo={repository}", "-o", "json").json["id"]
    assert stead(home, "run", "watch", run, "--until-waiting").code == _WAITS
    return run


def approved(home: Path, run: str) -> int:
    """Approve the run's question and watch it to its end; the exit code."""
    (found,) = stead(home, "inbox", "list", "--run", run, "-o", "json").json["items"]
    assert stead(home, "inbox", "approve", found["id"], "--yes", "--hash", found["hash"]).code == 0
    return stead(home, "run", "watch", run).code


def ready(server: Server) -> tuple[int, list[str]]:
    """What readiness says: the status, and the checks that failed."""
    answer = httpx.get(f"{server.address}/readyz", trust_env=False)
    return answer.status_code, [one["name"] for one in answer.json()["checks"] if not one["ok"]]


def test_a_drained_server_takes_no_runs_until_it_goes_on(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    with up(tmp_path, tmp_path / "data", "--allow", str(tmp_path)) as server:
        run = waiting(tmp_path, repository)
        done = stead(tmp_path, "drain", "-o", "json")
        assert (done.code, done.json) == (0, {"draining": True, "carrying": 0})
        assert ready(server) == (503, ["runs"])
        refused = stead(tmp_path, "run", "start", "repo-review", "--input", f"repo={repository}", "--yes")
        refused.failed("takes no new runs", "stead drain --off")
        assert stead(tmp_path, "run", "show", run, "-o", "json").json["status"] == "waiting"
        assert "taking runs" in stead(tmp_path, "drain", "--off").out
        assert ready(server) == (200, [])
        assert approved(tmp_path, run) == 0
        assert "server.drain" in stead(tmp_path, "audit", "list", "--action", "server.drain").out


def test_a_server_that_is_drained_to_stop_ends_and_its_runs_go_on_at_the_next_start(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    with up(tmp_path, tmp_path / "data", "--allow", str(tmp_path)) as first:
        run = waiting(tmp_path, repository)
        assert stead(tmp_path, "drain", "--stop").code == 0
        assert first.process.wait(30) == 0
        assert "Traceback" not in first.said
    with up(tmp_path, tmp_path / "data", "--allow", str(tmp_path)):
        assert approved(tmp_path, run) == 0


def test_only_who_administers_the_installation_may_drain_it(tmp_path: Path) -> None:
    with up(tmp_path, tmp_path / "data") as server:
        made = stead(tmp_path, "key", "create", "op", "--role", "operator", "-o", "json").json
        stead(tmp_path, "drain", env={"STEAD_KEY": made["key"]}).refused("server.drain", "admin")
        assert ready(server) == (200, [])


def test_a_worker_that_is_told_to_stop_ends_when_its_loops_are_at_rest(tmp_path: Path, postgres: Postgres) -> None:
    (tmp_path / "data").mkdir()
    with (
        postgres.empty() as url,
        up(tmp_path, tmp_path / "data", command="worker", env={"STEAD_DATABASE_URL": url}) as worker,
    ):
        assert worker.stop() == 0
        assert "Traceback" not in worker.said


def test_a_run_of_an_older_loop_is_shown_as_such_and_can_be_cancelled(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    data = tmp_path / "data"
    with up(tmp_path, data, "--allow", str(tmp_path)) as first:
        run = waiting(tmp_path, repository)
        assert first.stop() == 0
    with sqlite3.connect(data / "stead.db") as connection:  # as an older program would have left it
        connection.execute("UPDATE runs SET engine_version = '0'")
        connection.execute("UPDATE workflow_status SET application_version = '0'")
    connection.close()
    with up(tmp_path, data, "--allow", str(tmp_path)) as second:
        assert "1 run of another loop version" in second.said
        found = stead(tmp_path, "run", "show", run, "-o", "json").json
        assert (found["status"], "loop version 0" in found["status_reason"]) == ("waiting", True)
        assert "cancel it" in found["status_reason"]
        assert "loop version 0" in stead(tmp_path, "run", "show", run).out
        assert stead(tmp_path, "run", "cancel", run).code == 0
        assert stead(tmp_path, "run", "watch", run).code == 1
        assert stead(tmp_path, "run", "show", run, "-o", "json").json["status"] == "cancelled"

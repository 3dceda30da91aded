"""A disk that takes nothing more, seen from the doors: the kernel refuses what goes past the first bytes of a file."""

import resource
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.doors.cli.helpers import STEAD, Server, environment, make_repository, stead, up

_ENOUGH_FOR_KEYS = 4_096
_AGENT = """
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: late}
spec: {instructions: Do little., model: default}
"""


@contextmanager
def full_disk(server: Server) -> Generator[None]:
    """From now on the server's files cannot be written; afterwards they can."""
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (_ENOUGH_FOR_KEYS, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)


def test_a_start_on_a_full_disk_is_refused_and_the_next_one_works(tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ENOUGH_FOR_KEYS, before[1]))  # the child has it from us
    try:
        done = stead(tmp_path, "up", "--port", "0", "--data", data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    done.refused("cannot grow", "Free space")
    with up(tmp_path, data) as server:
        assert server.key


def test_a_server_on_a_full_disk_says_so_keeps_nothing_half_and_goes_on_afterwards(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    with up(tmp_path, tmp_path / "data", "--allow", str(tmp_path)) as server:
        headers = {"authorization": f"Bearer {server.key}"}
        with httpx.Client(base_url=server.address, headers=headers, trust_env=False, timeout=30) as client:
            wish = {"swarm": "repo-review", "input": {"repo": str(repository)}}
            assert client.get("/readyz").status_code == 200
            with full_disk(server):
                launched = client.post("/api/v1/runs", json=wish)
                applied = client.post("/api/v1/apply", content=_AGENT)
                _named(launched)
                _named(applied)
                assert client.get("/api/v1/runs").json()["items"] == []  # reading goes on
                assert client.get("/healthz").status_code == 200
                ready = _until(client, 503)
                assert 'stead_ready{check="database"} 0.0' in client.get("/metrics").text
                assert [one["name"] for one in ready["checks"] if not one["ok"]] == ["database"]
                assert "cannot grow" in ready["checks"][0]["detail"]
                stead(tmp_path, "apply", "-f", _file(tmp_path)).failed("cannot grow", "Free space")
                _told_by_doctor(tmp_path, server)
            _until(client, 200)
            assert 'stead_ready{check="database"} 1.0' in client.get("/metrics").text
            assert client.get("/api/v1/agents/late").status_code == 404
            assert client.post("/api/v1/runs", json=wish).status_code == 201
            assert client.post("/api/v1/audit:verify").json()["ok"]


def test_whoever_watches_a_run_hears_that_the_disk_is_full(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    with up(tmp_path, tmp_path / "data", "--allow", str(tmp_path)) as server:
        key = {"STEAD_KEY": server.key, "STEAD_SERVER": server.address}
        started = stead(tmp_path, "run", "start", "repo-review", "--input", f"repo={repository}", "-o", "json", env=key)
        run: str = started.json["id"]
        stead(tmp_path, "run", "watch", run, "--until-waiting", env=key)
        command = [str(STEAD), "run", "watch", run]
        env = environment(tmp_path, **key)
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env, text=True
        ) as watching:
            with full_disk(server):
                assert _line(watching).startswith("[the server is not well, and the run may have to wait: The database")
            assert "the server is well again" in _line(watching)
            watching.terminate()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def _named(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "disk_full"), answer.text
    assert answer.json()["way_out"]


def _told_by_doctor(folder: Path, server: Server) -> None:
    """What answers is this very server, and it says what is wrong: it is not taken for something else."""
    port = server.address.rpartition(":")[2]
    done = stead(folder, "doctor", "--data", folder / "data", "--port", port, "-o", "json")
    assert done.code == 1, done
    found = {check["name"]: check for check in done.json["checks"] if check["name"] in ("server", "port", "key")}
    assert found["server"]["status"] == "fail"
    assert "is not ready. database: " in found["server"]["detail"]
    assert "cannot grow" in found["server"]["detail"]
    assert found["server"]["mend"]
    assert found["port"]["status"] == "ok"
    assert found["key"]["status"] == "ok"


def _file(folder: Path) -> Path:
    path = folder / "late.yaml"
    path.write_text(_AGENT)
    return path


def _until(client: httpx.Client, status: int) -> Any:
    """Ask until the answer has that status; what went well is believed for a second."""
    answer = client.get("/readyz")
    for _ in range(10_000):
        if answer.status_code == status:
            break
        answer = client.get("/readyz")
    assert answer.status_code == status, answer.text
    return answer.json()

"""`stead gateway`: the gateway alone, as its operator and its clients meet it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors.cli.helpers import Server, stead, up

CHAOS = Path(__file__).parents[2] / "fakes" / "mcp_chaos.py"
_WITHIN_S = 30.0
_NOT_AT_REST = ("cedarpy", "cryptography", "jsonschema_rs", "psycopg", "pydantic_core", "yaml")
SERVER = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {{name: chaos}}
spec: {{transport: stdio, command: ["{python}", "{program}", "{folder}"]}}
"""
BINDING = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {{name: {name}}}
spec: {{agent: "*", server: chaos, tools: [{tools}]}}
"""


def declare(folder: Path, **files: str) -> Path:
    """A folder of manifests, each file put there at once, as a careful editor does."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    for name, text in files.items():
        made = folder / f"{name}.new"
        made.write_text(text.lstrip())
        made.replace(config / f"{name}.yaml")
    return config


def server_of(folder: Path) -> str:
    return SERVER.format(python=sys.executable, program=CHAOS, folder=folder)


@contextmanager
def gateway(home: Path, *options: str | Path, **env: str) -> Generator[Server]:
    """A gateway in `home` with these manifests, on a free port."""
    arguments = ["--port", "0", *(str(one) for one in options)]
    with up(home, home / "data", *arguments, command="gateway", env=env) as running:
        yield running


def until(found: Callable[[], Any], server: Server) -> Any:
    """What `found` answers, as soon as that is true. Between two looks it waits for the process to end."""
    deadline = time.monotonic() + _WITHIN_S
    while not (answer := found()):
        assert time.monotonic() < deadline, server.said
        try:
            code = server.process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the gateway ended with {code}:\n{server.said}")
    return answer


def get(server: Server, path: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {server.key}"}
    return httpx.get(server.address + path, headers=headers, timeout=30, trust_env=False)


def rpc(server: Server, method: str, **params: Any) -> Any:
    """One request of an MCP client that keeps no session."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"authorization": f"Bearer {server.key}"}
    return httpx.post(f"{server.address}/mcp", json=body, headers=headers, timeout=30, trust_env=False).json()["result"]


def tools(server: Server) -> list[str]:
    """Of tool servers; what is the gateway's own has no server in its name."""
    names = [one["name"] for one in rpc(server, "tools/list")["tools"]]
    return sorted(name.rpartition("__")[2] for name in names if "__" in name)


def read(server: Server, name: str) -> str:
    found = rpc(server, "tools/call", name="chaos__read", arguments={"name": name})
    return found["content"][0]["text"]


def test_what_is_wrong_with_its_files_is_named_by_line_and_nothing_is_made(tmp_path: Path) -> None:
    config = declare(tmp_path, servers=server_of(tmp_path), bindings=BINDING.format(name="one", tools="read, 7"))
    done = stead(tmp_path, "gateway", "--port", "0", "--data", tmp_path / "data", "--config", config)
    done.refused(f"{config}/bindings.yaml:4:", "spec.tools")
    declare(tmp_path, bindings=BINDING.format(name="one", tools="read"), more=BINDING.format(name="one", tools="put"))
    done = stead(tmp_path, "gateway", "--port", "0", "--data", tmp_path / "data", "--config", config)
    done.refused(f"{config}/more.yaml:3:18: metadata.name: Binding 'one' is declared twice")
    done = stead(tmp_path, "gateway", "--port", "0", "--data", tmp_path / "data", "--config", tmp_path / "none.yaml")
    done.refused("none.yaml cannot be read")
    assert not (tmp_path / "data").exists()


def test_it_serves_clients_and_what_operating_it_needs_and_no_more(tmp_path: Path) -> None:
    config = declare(tmp_path, all=server_of(tmp_path) + "---" + BINDING.format(name="one", tools="read"))
    with gateway(tmp_path, "--config", config) as server:
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert [name for name in _NOT_AT_REST if name in maps] == []
        assert tools(server) == ["read"]
        assert read(server, "a") == "the text of a"
        health = get(server, "/healthz").json()
        assert (health["status"], health["role"], health["config"]["refused"]) == ("ok", "gateway", False)
        assert {"2026-07-28", "2025-11-25"} <= set(health["protocol_versions"])
        assert get(server, "/.well-known/oauth-protected-resource/mcp").json()["resource"] == f"{server.address}/mcp"
        assert get(server, "/api/v1/runs").status_code == get(server, "/").status_code == 404
        assert stead(tmp_path, "get", "binding", "-o", "json").json["items"][0]["name"] == "one"
        assert "chaos" in stead(tmp_path, "mcp", "list").out
        shown = stead(tmp_path, "audit", "list", "--action", "tool.call").out
        assert [line.split()[-2:] for line in shown.splitlines()[1:]] == [["effect", "ok"]]
        assert stead(tmp_path, "inbox", "list").code == 0
        doctor = stead(tmp_path, "doctor", "-o", "json").json["checks"]
        assert [one for one in doctor if one["name"] == "models"] == []
        for command in ("run list", "run watch r_1", "run pause r_1", "run start repo-review", "model list", "drain"):
            done = stead(tmp_path, *command.split())
            done.refused("a gateway alone: it has neither runs nor models", "`stead up`", "STEAD_SERVER")
        assert any("2026-07-28" in one["detail"] for one in doctor if one["name"] == "protocol")
        assert server.stop() == 0
        assert "Traceback" not in server.said


def test_files_are_followed_and_a_bad_change_leaves_the_last_good_one(tmp_path: Path) -> None:
    config = declare(tmp_path, servers=server_of(tmp_path), one=BINDING.format(name="one", tools="read"))
    (tmp_path / "own.yaml").write_text(BINDING.format(name="own", tools="look").lstrip())
    with gateway(tmp_path, "--config", config) as server:
        assert stead(tmp_path, "apply", "-f", "own.yaml").code == 0
        declare(tmp_path, two=BINDING.format(name="two", tools="put"))
        until(lambda: tools(server) == ["look", "put", "read"], server)
        (config / "one.yaml").unlink()
        until(lambda: tools(server) == ["look", "put"], server)  # what a person has declared stays

        declare(tmp_path, two=BINDING.format(name="two", tools="read").replace("agent", "agnet"))
        server.process.send_signal(signal.SIGHUP)
        until(lambda: f"{config}/two.yaml:4:" in server.said and "spec.agnet: unknown field" in server.said, server)
        ready = get(server, "/readyz")
        (check,) = [one for one in ready.json()["checks"] if one["name"] == "config"]
        assert (ready.status_code, check["ok"]) == (200, True)
        assert "two.yaml:4:" in check["detail"]
        assert get(server, "/healthz").json()["config"]["refused"] is True
        doctor = stead(tmp_path, "doctor", "-o", "json")
        (found,) = [one for one in doctor.json["checks"] if one["name"] == "config"]
        assert (doctor.code, found["status"]) == (1, "fail")
        assert "two.yaml:4:" in found["detail"]
        metrics = get(server, "/metrics").text
        assert 'stead_config_reads_total{outcome="refused"} 1.0' in metrics
        assert "stead_config_good 0.0" in metrics
        assert tools(server) == ["look", "put"]

        declare(tmp_path, two=BINDING.format(name="two", tools="read"))
        until(lambda: tools(server) == ["look", "read"], server)
        assert "stead_config_good 1.0" in get(server, "/metrics").text
        assert server.stop() == 0
    (config / "two.yaml").unlink()  # while nobody looks
    with gateway(tmp_path, "--config", config) as later:
        names = [one["name"] for one in stead(tmp_path, "get", "binding", "-o", "json").json["items"]]
        assert names == ["own"]
        assert later.stop() == 0


def test_whoever_deletes_what_a_file_declares_is_told_that_it_comes_back(tmp_path: Path) -> None:
    config = declare(tmp_path, servers=server_of(tmp_path), one=BINDING.format(name="one", tools="read"))
    (tmp_path / "own.yaml").write_text(BINDING.format(name="own", tools="look").lstrip())
    with gateway(tmp_path, "--config", config) as server:
        assert stead(tmp_path, "apply", "-f", "own.yaml").code == 0
        own = stead(tmp_path, "delete", "binding", "own")
        assert (own.code, "Warning" in own.err) == (0, False)
        gone = stead(tmp_path, "delete", "binding", "one")
        assert (gone.code, tools(server)) == (0, [])
        assert f"Warning: Binding one: {config}/one.yaml declares it: it comes back" in gone.err
        declare(tmp_path, two=BINDING.format(name="two", tools="put"))
        until(lambda: tools(server) == ["put", "read"], server)
        unbound = stead(tmp_path, "mcp", "unbind", "*", "chaos", "read")
        assert (unbound.code, tools(server)) == (0, ["put"])
        assert f"{config}/one.yaml declares it: it comes back" in unbound.err
        assert server.stop() == 0


def test_a_whole_server_follows_files_of_every_kind(tmp_path: Path) -> None:
    model = "apiVersion: swarmstead.dev/v1alpha1\nkind: Model\nmetadata: {name: fast}\n"
    config = declare(tmp_path, all=f"{model}spec: {{provider: scripted, model: none, script: {{}}}}\n")
    done = stead(tmp_path, "up", "--port", "0", "--data", tmp_path / "data", "--config", config)
    done.refused("all.yaml:4:", "spec.script")
    declare(tmp_path, all=f"{model}spec: {{provider: openai, model: gpt-4.1-mini, api_key: 'env:NO_SUCH_KEY'}}\n")
    with up(tmp_path, tmp_path / "data", "--config", str(config)) as server:
        names = [one["name"] for one in stead(tmp_path, "model", "list", "-o", "json").json["items"]]
        assert {"fast"} < set(names)  # beside those that ship with the product
        assert get(server, "/healthz").json()["role"] == "server"


@contextmanager
def held(folder: Path) -> Generator[Callable[[], socket.socket]]:
    """Holds calls of the chaos server: the answer waits for one that has begun, and gives what lets it go on."""
    (folder / "chaos").mkdir()
    here = os.open(folder / "chaos", os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as gate:
        gate.bind(f"/proc/self/fd/{here}/gate")  # a socket's name may have 107 characters
        gate.listen()
        gate.settimeout(_WITHIN_S)
        yield lambda: gate.accept()[0]
    os.close(here)


def refuses_connections(server: Server) -> bool:
    try:
        get(server, "/healthz")
    except httpx.TransportError:
        return True
    return False


def test_told_to_stop_it_takes_nothing_new_and_lets_calls_end(tmp_path: Path) -> None:
    config = declare(tmp_path, all=server_of(tmp_path) + "---" + BINDING.format(name="one", tools="read"))
    with gateway(tmp_path, "--config", config) as server, held(tmp_path) as began, ThreadPoolExecutor() as clients:
        answer = clients.submit(read, server, "a")
        hold = began()
        server.process.terminate()
        until(lambda: refuses_connections(server), server)
        assert not answer.done()
        hold.close()  # from here on it goes through its gates
        assert answer.result(_WITHIN_S) == "the text of a"
        assert server.process.wait(30) == 0
        assert "Traceback" not in server.said


def cut(answer: Future[str]) -> bool:
    """Whether a client was told that its call did not end, or lost its connection."""
    try:
        told = answer.result(_WITHIN_S)
    except httpx.TransportError:
        return True
    return "we are shutting down" in told or "no usable answer came: it was closed" in told


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_it_waits_for_nobody(tmp_path: Path, again: signal.Signals) -> None:
    config = declare(tmp_path, all=server_of(tmp_path) + "---" + BINDING.format(name="one", tools="read"))
    with (
        gateway(tmp_path, "--config", config, STEAD_DRAIN_S="3600", STEAD_CALL_TIMEOUT_S="3600") as server,
        held(tmp_path) as began,
        ThreadPoolExecutor() as clients,
    ):
        answer = clients.submit(read, server, "a")
        hold = began()
        server.process.terminate()
        until(lambda: refuses_connections(server), server)
        server.process.send_signal(again)
        assert server.process.wait(_WITHIN_S) == 0
        assert cut(answer)
        hold.close()


@pytest.mark.parametrize(("trusted", "slowed"), [("", True), ("10.0.0.0/8", True), ("10.0.0.0/8, 127.0.0.1", False)])
def test_what_a_client_says_of_its_address_counts_only_from_a_trusted_proxy(
    tmp_path: Path, trusted: str, *, slowed: bool
) -> None:
    def guess(number: int) -> int:
        headers = {"authorization": f"Bearer stead_guess-{number}", "x-forwarded-for": f"203.0.113.{number}"}
        return client.get(f"{server.address}/api/v1/session", headers=headers).status_code

    with (
        gateway(tmp_path, STEAD_TRUSTED_PROXIES=trusted) as server,
        httpx.Client(timeout=30, trust_env=False) as client,  # one for all: five a second are let in
    ):
        assert (429 in {guess(number) for number in range(60)}) is slowed


def test_a_trusted_proxy_that_is_no_address_is_refused(tmp_path: Path) -> None:
    done = stead(tmp_path, "gateway", "--port", "0", env={"STEAD_TRUSTED_PROXIES": "*"})
    done.refused("STEAD_TRUSTED_PROXIES", "addresses or networks")

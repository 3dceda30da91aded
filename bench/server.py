"""The product as a person runs it: `stead up` in a process of its own, reached over loopback."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

KEY = "bench-key-that-is-long-enough"
_PATIENCE_S = 60
_LOOK_EVERY_S = 0.002


@dataclass(frozen=True)
class Server:
    """A server that is ready. `ready_s`: from the start of its process to the first 200 of `/readyz`."""

    process: psutil.Process
    port: int
    ready_s: float

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """One request on a connection of its own; the JSON of the answer. Fails: AssertionError for all but a 2xx."""
        return json.loads(self.text(path, method, body, content_type))

    def text(self, path: str, method: str = "GET", body: Any = None, content_type: str = "application/json") -> str:
        """As `call`, for an answer that is no JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        content = body if isinstance(body, str) or body is None else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {KEY}", "Content-Type": content_type})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status < 300, (method, path, answer.status, text[:500])
        return text

    def apply(self, manifests: str) -> None:
        """Declare resources."""
        self.call("POST", "/api/v1/apply", manifests, "application/yaml")

    def memory_mb(self) -> dict[str, float]:
        """Of the server and its children, in megabytes (10^6): PSS counts a shared page once, RSS in every process."""
        tree = [self.process, *self.process.children(recursive=True)]
        full = [process.memory_full_info() for process in tree]
        return {
            "pss": sum(info.pss for info in full) / 1e6,
            "rss": sum(info.rss for info in full) / 1e6,
            "processes": len(tree),
        }

    def cpu_s(self) -> float:
        """Seconds of CPU of the server and its children, those that have ended included."""
        times = [process.cpu_times() for process in [self.process, *self.process.children(recursive=True)]]
        return sum(one.user + one.system + one.children_user + one.children_system for one in times)


@contextmanager
def running(
    data: Path, environment: Mapping[str, str] | None = None, verb: str = "up", options: Sequence[str] = ()
) -> Generator[Server]:
    """Start a server on a free port over `data`, wait until it is ready, and stop it at the end.

    `verb`: `up`, or `gateway` for a gateway alone.
    """
    port = _free_port()
    command = [str(Path(sys.executable).with_name("stead")), verb, "--host", "127.0.0.1", "--port", str(port), *options]
    whole = {name: value for name, value in os.environ.items() if not name.startswith("STEAD_")}
    whole |= {"STEAD_BOOTSTRAP_KEY": KEY, "STEAD_LOG_LEVEL": "warning"} | dict(environment or {})
    started = time.perf_counter()
    with subprocess.Popen([*command, "--data", str(data)], env=whole, stdout=subprocess.DEVNULL) as child:
        try:
            _wait_until_ready(child, port)
            yield Server(psutil.Process(child.pid), port, time.perf_counter() - started)
        finally:
            child.terminate()
            child.wait(_PATIENCE_S)


def _wait_until_ready(child: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < deadline:
        assert child.poll() is None, f"the server ended by itself with {child.returncode}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except (ConnectionError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(_LOOK_EVERY_S)
    raise AssertionError("the server was not ready in time")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

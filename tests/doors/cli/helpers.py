"""Driving `stead` from outside: as a process, and in this process through the same entry."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEAD = Path(sys.executable).with_name("stead")
_READY_WITHIN_S = 60.0


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    def refused(self, *parts: str) -> None:
        """It ended with 2 and one message with a way out, and these parts stand in it; nothing like a traceback."""
        self._said(2, *parts)

    def failed(self, *parts: str) -> None:
        """As `refused`, with 1: not the caller's fault."""
        self._said(1, *parts)

    def _said(self, code: int, *parts: str) -> None:
        assert self.code == code, self
        assert self.err.count("error: ") == 1, self
        assert self.err.count("way out: ") == 1, self
        assert "Traceback" not in self.err
        assert [part for part in parts if part not in self.err] == [], self.err


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of somebody whose home is `home`: nothing of ours leaks in from outside."""
    ours = ("STEAD_", "OTEL_", "XDG_", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "HOME": str(home), "TERM": "xterm", **more}


def stead(home: Path, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
    """Run `stead` as a process of its own, without a terminal and without input."""
    done = subprocess.run(
        [str(part) for part in (STEAD, *arguments)],
        env=environment(home, **(env or {})),
        cwd=cwd or home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass
class Server:
    """A `stead up` that runs: its process, its log, and what it printed at start."""

    process: subprocess.Popen[bytes]
    log: Path
    home: Path

    @property
    def said(self) -> str:
        """Everything it has printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def address(self) -> str:
        """Where it listens."""
        found = re.search(r"ready at (\S+)", self.said)
        assert found
        return found[1]

    @property
    def key(self) -> str:
        """The admin key that it printed."""
        found = re.search(r"admin key \(shown this once\): (\S+)", self.said)
        assert found
        return found[1]

    def stop(self) -> int:
        """End it as an operator would, and wait until it has; answers its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def up(
    home: Path, data: Path, *options: str, command: str = "up", env: Mapping[str, str] | None = None
) -> Generator[Server]:
    """A server (or worker) in the folder `home`, on a free port unless options name one; ended at the end."""
    port = ["--port", "0"] if command == "up" and "--port" not in options else []
    log = data.parent / f"{data.name}-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(STEAD), command, "--data", str(data), *port, *options],
            env=environment(home, **(env or {})),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, log, home)
    try:
        _until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


def _until_ready(server: Server) -> None:
    """Between two looks it waits for the process to end, which would be news."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while "is ready" not in server.said:
        assert time.monotonic() < deadline, server.said
        try:
            code = server.process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"stead ended with {code}:\n{server.said}")


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder` as a test person."""
    person = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    subprocess.run(["git", "-C", str(folder), *person, *arguments], check=True, capture_output=True)


def make_repository(folder: Path) -> Path:
    """A small git repository with one commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "README.md").write_text("# A small project\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder

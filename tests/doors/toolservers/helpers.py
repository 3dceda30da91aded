"""Helpers of the tool servers' tests: a git repository to make, tools called in process, servers driven by lines."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs

from swarmstead.doors.toolservers.tools import Tool


def server_argv(*arguments: str) -> list[str]:
    return [sys.executable, "-I", "-m", "swarmstead.doors.toolservers", *arguments]


def git(repo: Path, *arguments: str, stamp: int = 1_760_000_000, check: bool = True) -> str:
    """Run git in `repo` as an unremarkable person, with nobody's own settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(repo),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "GIT_AUTHOR_DATE": f"{stamp} +0000",
        "GIT_COMMITTER_DATE": f"{stamp} +0000",
    }
    done = subprocess.run(
        ["git", "-C", str(repo), *arguments], env=env, check=check, capture_output=True, text=True, timeout=30
    )
    return done.stdout


def commit(
    repo: Path, message: str, files: dict[str, str | bytes], *, author: str = "Ada", stamp: int = 1_760_000_000
) -> str:
    for name, content in files.items():
        path = repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", message, f"--author={author} <{author.lower()}@example.org>", stamp=stamp)
    return git(repo, "rev-parse", "HEAD").strip()


class Raw:
    """A shipped server driven line by line, for what a well-behaved client never sends."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, line: object) -> None:
        assert self.process.stdin is not None
        data = line if isinstance(line, bytes) else json.dumps(line).encode()
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the server closed its side"
        return json.loads(line)

    def ask(self, line: object) -> Any:
        self.send(line)
        return self.read()

    def start(self, version: str = "2025-11-25") -> Any:
        return self.ask(request("initialize", {"protocolVersion": version, "capabilities": {}}, 0))


def request(method: str, params: dict[str, Any] | None = None, request_id: object = 1) -> dict[str, Any]:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return body if params is None else body | {"params": params}


class Called:
    """Tools of one server in this process; each answer is checked against the schema that the tool declares."""

    def __init__(self, tools: list[Tool]) -> None:
        self.tools = {tool.name: tool for tool in tools}

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        answer = self.tools[name].call(arguments)
        jsonschema_rs.validate(self.tools[name].output, answer)
        return answer

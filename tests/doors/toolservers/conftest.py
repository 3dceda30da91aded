"""A repository to look at, and two ways to talk to a server: the official SDK's client, and raw lines."""

import subprocess
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.doors.toolservers.helpers import Raw, commit, git, server_argv

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Three commits by two people on `main`."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    commit(root, "Begin", {"README.md": "# Shop\n", "src/app.py": "print('hi')\n"}, stamp=1_760_000_000)
    commit(
        root, "Greet\n\nBy name.", {"src/app.py": "print('hi')\nprint('you')\n"}, author="Grace", stamp=1_760_000_100
    )
    commit(root, "Add a logo", {"logo.png": b"\x89PNG\0\1\2", "src/app.py": "print('hello')\n"}, stamp=1_760_000_200)
    return root


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    """A shipped server, named and given its arguments, behind the official client."""

    @asynccontextmanager
    async def connected(*arguments: str, mode: str = "legacy") -> AsyncGenerator[Client]:
        command, *rest = server_argv(*arguments)
        with (tmp_path / "stderr").open("a") as errlog:
            transport = stdio_client(StdioServerParameters(command=command, args=rest), errlog=errlog)
            async with Client(transport, mode=mode, cache=None, read_timeout_seconds=30) as client:
                yield client

    return connected


@pytest.fixture
def raw() -> Generator[Callable[..., Raw]]:
    """`raw("report", "--root", path)` starts a server that the test talks to in lines."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> Raw:
        process = subprocess.Popen(
            server_argv(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(process)
        return Raw(process)

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)

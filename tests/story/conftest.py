"""A server on its first start, inside a small git repository, and a browser."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.doors.cli.helpers import Server, make_repository, up
from tests.story.browser import chromium


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """`stead up`, started in a repository of its own: one for each file, so that no test finds another's approvals."""
    home = make_repository(tmp_path_factory.mktemp("story") / "project")
    with up(home, home.parent / "data") as running:
        yield running


@pytest.fixture
def repository(server: Server) -> Path:
    """The repository that the server was started in."""
    return server.home


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """One browser for the session; each test has its own page."""
    async with chromium() as running:
        yield running

"""A screen that never lies: live, stale, live again; lists that hold still; pages while the server is away."""

import re
import socket
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.doors.cli.helpers import Server, make_repository, up
from tests.story.browser import page_of, sign_in, sign_in_link
from tests.story.steps import api, decide, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Host:
    """A server that can be stopped and started again at its address."""

    def __init__(self, home: Path) -> None:
        self._home = make_repository(home / "project")
        self._stack = ExitStack()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])

    def start(self) -> Server:
        """Begin, or go on with what there is."""
        return self._stack.enter_context(up(self._home, self._home.parent / "data", "--port", self._port))

    def stop(self) -> None:
        """End it, in whatever state it is."""
        self._stack.close()


@pytest.fixture
def host(tmp_path: Path) -> Generator[Host]:
    """Not started yet; stopped at the end."""
    host = Host(tmp_path)
    yield host
    host.stop()


async def test_the_indicator_follows_a_server_that_goes_and_comes(host: Host, browser: Browser) -> None:
    server = host.start()
    async with page_of(browser) as page:
        await sign_in(page, server)
        light = page.locator("[data-live]")
        await expect(light).to_have_attribute("data-live", "live")
        host.stop()
        await expect(light).to_have_attribute("data-live", "reconnecting", timeout=15_000)
        await expect(light).to_have_attribute("data-live", "stale", timeout=30_000)
        await expect(light).to_contain_text(re.compile(r"stale \d+ s"))
        # A page whose code is not here yet says so, in its place; the screen around it stays.
        await page.get_by_role("link", name="Models").click()
        await expect(page.get_by_role("heading", name="This page could not be loaded")).to_be_visible(timeout=15_000)
        await expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        host.start()
        await expect(light).to_have_attribute("data-live", "live", timeout=30_000)
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("heading", name="Models")).to_be_visible()
        await expect(page.get_by_role("table", name="Models")).to_be_visible()


async def test_rows_do_not_move_under_the_cursor(host: Host, browser: Browser) -> None:
    server = host.start()
    with api(server) as client:
        decide(client, waiting_run(client, server), "deny", "an old one")
        async with page_of(browser) as page:
            await sign_in(page, server)
            await page.goto(f"{server.address}/runs")
            rows = page.locator("tbody .row-link")
            await expect(rows).to_have_count(1)
            first = await rows.first.get_attribute("href")
            await rows.first.hover()
            fresh = waiting_run(client, server)
            pill = page.get_by_role("button", name="1 new")
            await expect(pill).to_be_visible()
            assert await rows.first.get_attribute("href") == first
            await pill.click()
            await expect(rows.first).to_have_attribute("href", f"/runs/{fresh['run']}")
            await expect(rows).to_have_count(2)


async def test_a_used_link_does_not_send_away_who_is_signed_in(host: Host, browser: Browser) -> None:
    server = host.start()
    link = sign_in_link(server)
    async with page_of(browser) as page:
        await page.goto(link)
        await page.wait_for_url("**/overview")
        await page.goto("about:blank")
        await page.goto(link)
        await page.wait_for_url("**/overview")
    async with page_of(browser) as stranger:
        await stranger.goto(link)
        await expect(stranger.get_by_role("alert")).to_be_visible()
        await expect(stranger.get_by_label("API key")).to_be_visible()

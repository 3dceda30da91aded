"""A real Chromium in front of a real server, for the tests that look at the product as a person does."""

import os
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

from playwright.async_api import Browser, Page, async_playwright

from tests.doors.cli.helpers import Server

Theme = Literal["light", "dark"]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """The path of an installed Chromium; `make test` installs one."""
    for name in (os.environ.get("STEAD_TEST_BROWSER", ""), *_NAMES):
        if name and (found := shutil.which(name)):
            return found
    raise AssertionError("There is no Chromium: run `make browser`, or name one in STEAD_TEST_BROWSER.")


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """A headless browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(
    browser: Browser, theme: Theme = "light", width: int = 1440, height: int = 900
) -> AsyncGenerator[Page]:
    """A fresh page in a context of its own: no cookie, no storage. A script error on it fails the test."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    assert faults == []


def sign_in_link(server: Server) -> str:
    """The newest one-time link that the server printed."""
    return re.findall(r"http\S+/signin#token=\S+", server.said)[-1]


async def sign_in(page: Page, server: Server) -> None:
    """Sign in with the server's admin key, as somebody without the link does."""
    await page.goto(f"{server.address}/signin")
    await page.get_by_label(re.compile("key", re.IGNORECASE)).first.fill(server.key)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/overview")

"""No mouse at all: from the sign-in to the report, and where focus is after each step."""

import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of
from tests.story.steps import api, deny_all, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")


def heading(page: Page) -> Locator:
    """The page's own."""
    return page.get_by_role("heading", level=1)


async def tab_to(page: Page, wanted: Locator, most: int = 60) -> None:
    """Press Tab until it is there, as somebody without a mouse does."""
    await expect(wanted).to_be_visible()
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {wanted}.")


async def sign_in_by_key(page: Page, server: Server) -> None:
    """By typing alone."""
    await page.goto(f"{server.address}/signin")
    await tab_to(page, page.get_by_label("API key"))
    await page.keyboard.type(server.key)
    await page.keyboard.press("Enter")
    await expect(heading(page)).to_have_text("Overview")
    await expect(heading(page)).to_be_focused()


async def test_from_the_sign_in_to_the_report(server: Server, browser: Browser) -> None:
    report = server.home / "REVIEW.md"
    async with page_of(browser) as page:
        await sign_in_by_key(page, server)
        await tab_to(page, page.get_by_role("link", name="Start the sample swarm"))
        await page.keyboard.press("Enter")
        panel = page.get_by_role("dialog", name="Launch repo-review")
        await expect(panel).to_be_focused()
        launch = panel.get_by_role("button", name="Launch", exact=True)
        await expect(launch).to_be_enabled()
        await tab_to(page, launch)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"/runs/r_"))
        await expect(heading(page)).to_contain_text("repo-review")
        await expect(heading(page)).to_be_focused()
        await expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_enabled(timeout=30_000)
        assert not report.exists()
        await page.keyboard.press("a")
        await expect(page.get_by_text("The report stands in REVIEW.md").first).to_be_visible(timeout=30_000)
        await tab_to(page, page.get_by_role("link", name="Result"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Documentation")).to_be_visible()
    report.unlink()


async def test_focus_goes_to_the_heading_of_each_new_page(server: Server, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in_by_key(page, server)
        for keys, title in (("gr", "Runs"), ("ga", "Agents"), ("gt", "Tools"), ("gp", "Policies"), ("go", "Overview")):
            await page.keyboard.type(keys)
            await expect(heading(page)).to_have_text(title)
            await expect(heading(page)).to_be_focused()
        await tab_to(page, page.get_by_role("navigation", name="Main").get_by_role("link", name="Models"), most=90)
        await page.keyboard.press("Enter")
        await expect(heading(page)).to_have_text("Models")
        await expect(heading(page)).to_be_focused()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("reviewer")
        await expect(page.get_by_role("option").first).to_contain_text("reviewer")
        await page.keyboard.press("Enter")
        await expect(heading(page)).to_contain_text("reviewer")
        await expect(heading(page)).to_be_focused()
        await page.go_back()
        await expect(heading(page)).to_have_text("Models")
        await expect(heading(page)).to_be_focused()


async def test_a_panel_opened_from_the_frame_does_not_take_focus_back_there(server: Server, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in_by_key(page, server)
        await tab_to(page, page.get_by_role("navigation", name="Main").get_by_role("link", name="Overview"), most=90)
        await page.keyboard.press("Control+k")
        await page.keyboard.type("launch repo")
        await expect(page.get_by_role("option").first).to_contain_text("Launch repo-review")
        await page.keyboard.press("Enter")
        panel = page.get_by_role("dialog", name="Launch repo-review")
        await expect(panel).to_be_focused()
        launch = panel.get_by_role("button", name="Launch", exact=True)
        await expect(launch).to_be_enabled()
        await tab_to(page, launch)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"/runs/r_"))
        await expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_enabled(timeout=30_000)
        await expect(heading(page)).to_be_focused()
    with api(server) as client:
        deny_all(client)


async def test_what_changes_within_a_page_leaves_focus_where_it_is(server: Server, browser: Browser) -> None:
    with api(server) as client:
        for _ in range(2):
            waiting_run(client, server)
        async with page_of(browser) as page:
            await sign_in_by_key(page, server)
            await page.keyboard.type("gi")
            await expect(heading(page)).to_be_focused()
            rows = page.locator("[data-approval]")
            await expect(rows).to_have_count(2)
            await page.keyboard.press("j")
            await expect(rows.nth(1)).to_be_focused()
            await expect(page).to_have_url(re.compile("/inbox/."))
            await page.goto(f"{server.address}/agents/reviewer")
            versions = page.get_by_role("link", name=re.compile("^Versions"))
            await tab_to(page, versions)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("table", name="Versions")).to_be_visible()
            await expect(versions).to_be_focused()
        deny_all(client)


async def test_what_is_closed_again_gives_focus_back(server: Server, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in_by_key(page, server)
        await page.keyboard.type("gs")
        await expect(heading(page)).to_have_text("Swarms")
        opener = page.get_by_role("link", name=re.compile("^Launch")).first
        await tab_to(page, opener)
        await page.keyboard.press("Control+k")
        await expect(page.get_by_role("dialog", name="Search or do")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(opener).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Launch repo-review")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(opener).to_be_focused()

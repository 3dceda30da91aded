"""From the link that `make up` prints to an approved report: three clicks, or no mouse at all."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of, sign_in, sign_in_link

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_three_clicks_from_the_link_to_the_report(server: Server, browser: Browser, repository: Path) -> None:
    report = repository / "REVIEW.md"
    async with page_of(browser) as page:
        await page.goto(sign_in_link(server))
        await page.wait_for_url("**/overview")
        assert "token" not in page.url
        await page.get_by_role("link", name="Start the sample swarm").click()
        launch = page.get_by_role("dialog").get_by_role("button", name="Launch", exact=True)
        await expect(launch).to_be_enabled()
        await expect(page.get_by_text("asks a person").first).to_be_visible()
        await launch.click()
        await page.wait_for_url(re.compile(r"/runs/r_"))
        await expect(page.get_by_text("scripted").first).to_be_visible()
        approve = page.get_by_role("button", name=re.compile("^Approve"))
        await expect(approve).to_be_enabled(timeout=30_000)
        await expect(page.get_by_text("REVIEW.md").first).to_be_visible()
        assert not report.exists()
        await approve.click()
        await expect(page.get_by_text("succeeded").first).to_be_visible(timeout=30_000)
        await expect(page.get_by_text("The report stands in REVIEW.md").first).to_be_visible()
    assert "## Documentation" in report.read_text()
    report.unlink()


async def test_a_denial_by_keyboard_alone(server: Server, browser: Browser, repository: Path) -> None:
    async with page_of(browser) as page:
        await sign_in(page, server)
        await launch_sample(page)
        await page.goto(f"{server.address}/inbox")
        await expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_enabled(timeout=30_000)
        await page.keyboard.press("d")
        reason = page.get_by_label(re.compile("reason", re.IGNORECASE)).first
        await expect(reason).to_be_focused()
        await page.keyboard.type("Not today")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_text(re.compile("Nothing waits", re.IGNORECASE)).first).to_be_visible(timeout=30_000)
    assert not (repository / "REVIEW.md").exists()


async def launch_sample(page: Page) -> None:
    """Launch the sample swarm from wherever the page is."""
    await page.goto(re.sub(r"(https?://[^/]+).*", r"\1/overview?launch=repo-review", page.url))
    launch = page.get_by_role("dialog").get_by_role("button", name="Launch", exact=True)
    await expect(launch).to_be_enabled(timeout=30_000)
    await launch.click()
    await page.wait_for_url(re.compile(r"/runs/r_"))

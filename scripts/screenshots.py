"""Takes the pictures in docs/images: a real server, the sample swarm on a small repository, a real browser."""

import asyncio
import re
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.doors.cli.helpers import Server, git, make_repository, up
from tests.story.browser import Theme, chromium, page_of, sign_in
from tests.story.steps import api, decide, waiting_run

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZE = (1280, 800)
_COMMITS = (
    ("api/server.py", "def serve() -> None:\n    ...\n", "Serve health and readiness"),
    ("api/limits.py", "LIMIT = 5\n", "Limit requests per tenant"),
    ("tests/test_server.py", "def test_serve() -> None:\n    ...\n", "Test the server"),
    ("docs/index.md", "# Map\n", "Begin the map"),
    ("api/limits.py", "LIMIT = 50\n", "Raise the limit after the incident of May"),
)


def repository(folder: Path) -> Path:
    """A repository with a short history, called payments."""
    made = make_repository(folder / "payments")
    for name, text, subject in _COMMITS:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
        git(made, "add", ".")
        git(made, "commit", "-q", "-m", subject)
    return made


def history(server: Server) -> str:
    """A run that was approved, one that was denied, and two that wait, one of them in production; the run in dev."""
    with api(server) as client:
        decide(client, waiting_run(client, server), "approve")
        decide(client, waiting_run(client, server), "deny", "The release comes first.")
        waiting_run(client, server, "prod")
        return waiting_run(client, server)["run"]


async def take(browser: Browser, server: Server, run: str, theme: Theme) -> None:
    """The main pages in one theme."""
    async with page_of(browser, theme, *SIZE) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/runs/{run}")
        await expect(page.get_by_text("git/log").first).to_be_visible()
        await shoot(page, f"run-{theme}", approve=True)
        for name in ("inbox", "overview", "runs", "agents", "audit"):
            await page.goto(f"{server.address}/{name}")
            await expect(page.locator("[aria-busy=true]")).to_have_count(0)
            await expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
            await shoot(page, f"{name}-{theme}", approve=name == "inbox")


async def shoot(page: Page, name: str, *, approve: bool = False) -> None:
    """One picture, once what is drawn has come to rest and what can be decided is armed."""
    await page.mouse.move(0, 0)
    await expect(page.locator("[data-live=live]")).to_be_visible()
    if approve:
        await expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_enabled(timeout=60_000)
    await page.screenshot(path=IMAGES / f"{name}.png")


async def main() -> None:
    """Both themes, one server."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shots") as room:
        home = repository(Path(room))
        with up(home, Path(room) / "data") as server:
            async with chromium() as browser:
                run = await asyncio.to_thread(history, server)
                await take(browser, server, run, "light")
                await take(browser, server, run, "dark")


if __name__ == "__main__":
    asyncio.run(main())

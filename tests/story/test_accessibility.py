"""Every route, in both themes, with a run that waits for a person: no violation that axe can find."""

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import Theme, page_of, sign_in
from tests.story.test_first_report import launch_sample

pytestmark = pytest.mark.asyncio(loop_scope="session")
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
ROUTES = [
    "/overview",
    "/overview?launch=repo-review",
    "/inbox",
    "/runs",
    "{run}",
    "{run}?tab=agents",
    "{run}?tab=events",
    "{run}?tab=cost",
    "{run}?tab=audit",
    "{run}?tab=raw",
    "{run}?view=table",
    "/agents",
    "/agents/reviewer",
    "/swarms",
    "/models",
    "/tools",
    "/resources/apply",
    "/audit",
    "/keys",
    "/runs/r_unknown",
    "/nowhere",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_route_has_a_violation(server: Server, browser: Browser, theme: Theme) -> None:
    async with page_of(browser, theme) as page:
        await page.goto(f"{server.address}/signin")
        found = {"/signin": await violations(page)}
        await sign_in(page, server)
        await launch_sample(page)
        run = page.url.removeprefix(server.address).partition("?")[0]
        await expect(page.get_by_text("waiting for a person").first).to_be_visible(timeout=30_000)
        for route in ROUTES:
            await page.goto(server.address + route.replace("{run}", run))
            await expect(page.locator("h1").first).to_be_visible()
            await expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=15_000)
            found[route] = await violations(page)
    assert {route: faults for route, faults in found.items() if faults} == {}


async def violations(page: Page) -> list[str]:
    """What axe has against the page: rule and element."""
    await page.evaluate(_AXE)
    results: list[dict[str, Any]] = await page.evaluate("axe.run().then(found => found.violations)")
    return [f"{one['id']}: {node['target']}" for one in results for node in one["nodes"]]

"""Every route, in both themes, with runs that wait, were denied or are done: no violation that axe can find."""

import asyncio
import re
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import Theme, page_of, sign_in
from tests.story.steps import api, decide, declare, offer, tool, waiting_run

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
    "/agents/reviewer?tab=versions",
    "/agents/reviewer?tab=manifest",
    "/inbox/{approval}",
    "/inbox?show=decided",
    "{done}",
    "{done}?tab=agents&view=table",
    "{done}?tab=result",
    "{denied}",
    "/swarms",
    "/swarms?launch=repo-review",
    "/models",
    "/tools",
    "/tools?tool=git/log",
    "/tools?tool=git/log&tab=try",
    "/tools?tool=git/log&tab=grants",
    "/tools?tool=git/log&tab=definition",
    "/tools?tool=drifting/look",
    "/tools?tool=drifting/held",
    "/tools?find=nothing-is-called-this",
    "/tools/servers",
    "/tools/servers?server=absent",
    "/tools/grants",
    "/policies",
    "/policies?policy=builtin",
    "/resources/apply",
    "/resources/apply?kind=Swarm&name=repo-review",
    "/resources/apply?kind=Swarm&name=repo-review&tab=versions",
    "/audit",
    "/keys",
    "/runs/r_unknown",
    "/nowhere",
]


@pytest.fixture(scope="module")
def places(server: Server) -> dict[str, str]:
    """A run of each kind that looks different, the question of the one that waits, and tools with something to say."""
    with api(server) as client:
        file = server.home.parent / "tools.json"
        offer(client, file, "drifting", tool("look"), tool("held"))
        offer(client, file, "drifting", tool("look", "To look elsewhere."), tool("held"))
        client.post("/api/v1/tools/drifting/held:quarantine", {"reason": "It lies."})
        declare(client, "ToolServer", "absent", {"transport": "stdio", "command": ["/no/such/program"]})
        done, denied = waiting_run(client, server), waiting_run(client, server)
        decide(client, done, "approve")
        decide(client, denied, "deny", "Not today.")
        waiting = waiting_run(client, server)
    runs = {"done": done, "denied": denied, "run": waiting}
    return {name: f"/runs/{one['run']}" for name, one in runs.items()} | {"approval": waiting["id"]}


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_route_has_a_violation(server: Server, browser: Browser, places: dict[str, str], theme: Theme) -> None:
    async with page_of(browser, theme) as page:
        await page.goto(f"{server.address}/signin")
        await expect(page.get_by_label("API key")).to_be_visible()
        found = {"/signin": await violations(page)}
        await sign_in(page, server)
        for route in ROUTES:
            await page.goto(server.address + route.format(**places))
            await expect(page.locator("#boot")).to_have_count(0)
            await expect(page.locator("h1").first).to_be_visible()
            await expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=15_000)
            await expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0, timeout=15_000)
            found[route] = await violations(page)
    assert {route: faults for route, faults in found.items() if faults} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_document_says_what_it_is_before_its_first_page_is_here(
    server: Server, browser: Browser, theme: Theme
) -> None:
    async with page_of(browser, theme) as page:
        go_on = asyncio.Event()

        async def hold(route: Route) -> None:
            await go_on.wait()
            await route.continue_()

        await page.route("**/api/v1/session", hold)
        await page.goto(f"{server.address}/overview", wait_until="load")
        await expect(page.get_by_role("main").get_by_role("heading", level=1)).to_have_text("Swarmstead")
        await expect(page.get_by_role("main")).to_contain_text("Opening the screen")
        assert await violations(page) == []
        go_on.set()
        await page.wait_for_url("**/signin?**")
        await expect(page.get_by_label("API key")).to_be_visible()


async def violations(page: Page) -> list[str]:
    """What axe has against the page: rule and element."""
    await page.evaluate(_AXE)
    results: list[dict[str, Any]] = await page.evaluate("axe.run().then(found => found.violations)")
    return [f"{one['id']}: {node['target']}" for one in results for node in one["nodes"]]

"""What somebody sees at once, on screens of every width: nothing covers, cuts or leaves out what matters."""

import re
from collections.abc import Generator
from typing import Literal

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of, sign_in
from tests.story.steps import Api, answer, api, decide, declare, deny_all, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")
LONG = "a-server-whose-name-is-as-long-as-names-may-be-and-fails-always"
LACKING = {"model": "not-there", "instructions": "Wait."}


@pytest.fixture(scope="module")
def client(server: Server) -> Generator[Api]:
    """With the admin's key; a server that fails, an agent without its model and a swarm of both are declared."""
    with api(server) as found:
        declare(found, "ToolServer", LONG, {"transport": "stdio", "command": ["/no/such/program"]})
        declare(found, "Agent", "lonely", LACKING)
        swarm = {"pattern": "delegate", "coordinator": "lonely", "members": ["nobody"], "task": "Wait."}
        declare(found, "Swarm", "lacking", swarm)
        yield found
        deny_all(found)


async def right_of(place: Locator) -> float:
    """Where it ends."""
    box = await place.bounding_box()
    assert box is not None
    return box["x"] + box["width"]


def row_of(page: Page, role: Literal["link", "button"], name: str) -> Locator:
    """The row that this link or button stands for."""
    return page.get_by_role("row").filter(has=page.get_by_role(role, name=re.compile(f"{name}$")))


@pytest.mark.parametrize("width", [1024, 390])
async def test_a_long_name_of_a_server_covers_nothing(
    server: Server, browser: Browser, client: Api, width: int
) -> None:
    client.get("/api/v1/tool-servers")
    async with page_of(browser, width=width) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/tools?tool={'git/log' if width > 1000 else ''}")
        troubles = page.get_by_label("Needs attention")
        await expect(troubles.get_by_role("link", name=LONG)).to_be_visible()
        assert await right_of(troubles.get_by_role("link", name=LONG)) < await right_of(troubles)


async def test_an_agent_shows_the_worst_it_can_do_and_that_its_model_is_missing(
    server: Server, browser: Browser, client: Api
) -> None:
    waiting_run(client, server)
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/agents")
        await expect(row_of(page, "link", "^reviewer")).to_contain_text("danger")
        await expect(row_of(page, "link", "^lonely")).to_contain_text("no model not-there")
        await page.goto(f"{server.address}/agents/reviewer")
        await expect(page.get_by_role("row").filter(has_text="report/write")).to_contain_text("danger")


async def test_each_step_says_whose_it_is_and_each_run_which_it_is(
    server: Server, browser: Browser, client: Api
) -> None:
    run = waiting_run(client, server)["run"]
    for width in (1024, 390):
        async with page_of(browser, width=width) as page:
            await sign_in(page, server)
            await page.goto(f"{server.address}/runs/{run}?view=table")
            step = row_of(page, "button", "git.log")
            await expect(step.get_by_text("history-analyst").locator("visible=true")).to_have_count(1)
            await page.goto(f"{server.address}/runs")
            listed = page.get_by_role("table", name="Runs").get_by_role("row")
            await expect(listed.filter(has_text=f"…{run[-4:]}")).to_have_count(1)
            await expect(listed.get_by_text(f"…{run[-4:]}", exact=True)).to_be_visible()


async def test_events_name_the_tool_and_the_trail_how_a_call_ended(
    server: Server, browser: Browser, client: Api
) -> None:
    approval = waiting_run(client, server)
    decide(client, approval, "approve")
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/runs/{approval['run']}?tab=events&kind=tool.called")
        events = page.get_by_role("table", name="Events").get_by_role("row")
        await expect(events.filter(has_text=re.compile(r"git/log.* took \d"))).to_have_count(1)
        await page.goto(f"{server.address}/audit?run={approval['run']}")
        called = page.get_by_role("row").filter(has_text="tool.call").filter(has_text="git/log")
        await expect(called.first.get_by_role("cell", name="ok", exact=True)).to_be_visible()


async def test_a_page_that_is_not_there_leaves_every_way_on(server: Server, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/nowhere/at/all")
        await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
        await page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


async def test_the_palette_begins_at_its_first_row_however_it_fills(
    server: Server, browser: Browser, client: Api
) -> None:
    """What happened to stand first before the rest was here must not be what Enter takes."""
    run = waiting_run(client, server)["run"]
    async with page_of(browser) as page:
        await sign_in(page, server)
        await expect(page.get_by_role("table", name="Active runs")).to_be_visible()
        await page.keyboard.press("Control+k")
        await expect(page.get_by_role("option", name=re.compile(f"^Pause repo-review .*{run[-4:]}"))).to_be_visible()
        await expect(page.get_by_role("option").first).to_contain_text("REVIEW.md")
        await expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")


async def test_a_plan_that_lacks_something_speaks_in_whole_sentences(
    server: Server, browser: Browser, client: Api
) -> None:
    assert client.get("/api/v1/agents/lonely")["model_kind"] is None
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/swarms?launch=lacking")
        panel = page.get_by_role("dialog", name="Launch lacking")
        await expect(panel.get_by_role("alert")).to_contain_text("It cannot be launched yet: 2 things are missing")
        await expect(panel.locator("code", has_text="stead apply -f").first).to_be_visible()
        await expect(panel).to_contain_text("stopped after 15 m 00 s of work, waiting not counted")


async def test_a_question_that_nobody_answered_quotes_nobody(server: Server, browser: Browser, client: Api) -> None:
    approval = waiting_run(client, server)
    client.post(f"/api/v1/runs/{approval['run']}/commands", {"kind": "cancel", "reason": "Enough."})
    denied = waiting_run(client, server)
    answer(client, denied, "deny", "not today")
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox/{approval['id']}?show=decided")
        await expect(page.get_by_text("The run was cancelled", exact=True)).to_be_visible()
        await page.goto(f"{server.address}/inbox/{denied['id']}?show=decided")
        await expect(page.get_by_text("“not today”", exact=True)).to_be_visible()

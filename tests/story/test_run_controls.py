"""A run from its own page: launch it once, pause, resume and cancel it, read it as rows, and see what was denied."""

import re
from collections.abc import Generator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of, sign_in
from tests.story.steps import Api, api, decide, deny_all, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def client(server: Server) -> Generator[Api]:
    """The API, with an inbox that is empty again afterwards."""
    with api(server) as client:
        yield client
        deny_all(client)


async def open_run(page: Page, server: Server, run: str, search: str = "") -> None:
    """Sign in and look at a run."""
    await sign_in(page, server)
    await page.goto(f"{server.address}/runs/{run}{search}")
    await expect(page.locator("h1").first).to_contain_text("repo-review")


async def test_a_double_click_launches_one_run(server: Server, browser: Browser, client: Api) -> None:
    before = {one["id"] for one in client.get("/api/v1/runs")["items"]}
    async with page_of(browser) as page:
        sent: list[str] = []
        page.on("request", lambda r: sent.append(r.method) if r.url.endswith("/api/v1/runs") else None)
        await sign_in(page, server)
        await page.goto(f"{server.address}/overview?launch=repo-review")
        launch = page.get_by_role("dialog").get_by_role("button", name="Launch", exact=True)
        await expect(launch).to_be_enabled(timeout=30_000)
        await launch.dblclick()
        await page.wait_for_url(re.compile(r"/runs/r_"))
        await expect(page.get_by_text("waiting for a person").first).to_be_visible(timeout=30_000)
    after = {one["id"] for one in client.get("/api/v1/runs")["items"]}
    assert (len(after - before), sent.count("POST")) == (1, 1)


async def test_pause_resume_and_cancel_say_what_they_do(server: Server, browser: Browser, client: Api) -> None:
    run = waiting_run(client, server)["run"]
    async with page_of(browser) as page:
        await open_run(page, server, run)
        header = page.locator("header").filter(has=page.locator("h1"))
        await expect(header.get_by_text("stands still")).to_be_visible()
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_text("rests at its next safe point")).to_be_visible()
        await page.get_by_label("Reason").fill("the hotfix lands first")
        await page.get_by_role("button", name="Pause this run").click()
        await expect(header.get_by_text("paused", exact=True)).to_be_visible()
        assert client.get(f"/api/v1/runs/{run}")["held"] is True
        await page.get_by_role("link", name="Runs").first.click()
        await expect(page.get_by_role("row").filter(has_text=run[-4:])).to_contain_text("paused")
        await page.go_back()
        await page.get_by_role("button", name="Resume").click()
        await page.get_by_role("button", name="Resume this run").click()
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_text("This cannot be taken back.")).to_be_visible()
        await page.get_by_role("button", name="Cancel this run").click()
        await expect(page.get_by_text("Say why")).to_be_visible()
        await page.get_by_label("Reason").fill("not needed any more")
        await page.get_by_role("button", name="Cancel this run").click()
        await expect(header.get_by_text("cancelled by a person: not needed any more")).to_be_visible(timeout=30_000)
        await expect(page.get_by_role("link", name="Launch again")).to_be_visible()


async def test_the_palette_pauses_the_run_on_the_page(server: Server, browser: Browser, client: Api) -> None:
    run = waiting_run(client, server)["run"]
    async with page_of(browser) as page:
        await open_run(page, server, run)
        await page.keyboard.press("Control+k")
        await page.get_by_role("combobox").fill("pause")
        await expect(page.get_by_role("option").first).to_contain_text("Pause repo-review")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Pause this run")).to_be_visible()
        assert client.get(f"/api/v1/runs/{run}")["held"] is False
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+k")
        await page.get_by_role("combobox").fill("audit")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/audit")


async def test_t_shows_the_drawing_as_a_table(server: Server, browser: Browser, client: Api) -> None:
    run = waiting_run(client, server)["run"]
    async with page_of(browser) as page:
        await open_run(page, server, run)
        drawing = page.get_by_role("application")
        await expect(drawing).to_be_visible()
        await drawing.focus()
        await page.keyboard.press("ArrowRight")
        await page.wait_for_url("**step=**")
        inspector = page.get_by_label("Inspector")
        await expect(inspector.get_by_text("Kind", exact=True)).to_be_visible()
        await expect(inspector.get_by_role("region", name="Asked for").get_by_text("delegate").first).to_be_visible()
        await page.keyboard.press("t")
        await expect(drawing).to_have_count(0)
        await expect(page.get_by_role("table", name="Steps")).to_be_visible()
        await page.keyboard.press("t")
        await expect(drawing).to_be_visible()


async def test_a_denied_run_is_told_from_one_that_did_all_it_wanted(
    server: Server, browser: Browser, client: Api
) -> None:
    denied, approved = waiting_run(client, server), waiting_run(client, server)
    decide(client, denied, "deny", "not today")
    decide(client, approved, "approve")
    async with page_of(browser) as page:
        await open_run(page, server, denied["run"])
        await expect(page.get_by_text("denied 1")).to_be_visible()
        await page.goto(f"{server.address}/runs")
        rows = {one["run"]: page.get_by_role("row").filter(has_text=one["run"][-4:]) for one in (denied, approved)}
        await expect(rows[denied["run"]]).to_contain_text("succeeded")
        await expect(rows[denied["run"]]).to_contain_text("denied 1")
        await expect(rows[approved["run"]]).to_contain_text("succeeded")
        await expect(rows[approved["run"]]).not_to_contain_text("denied")


async def test_the_next_question_of_a_run_waits_until_one_moves_on(
    server: Server, browser: Browser, client: Api
) -> None:
    asked = waiting_run(client, server)
    async with page_of(browser) as page:
        await open_run(page, server, asked["run"])
        approve = page.get_by_role("button", name=re.compile("^Approve"))
        await expect(approve).to_be_enabled(timeout=30_000)
        await approve.click()
        await expect(page.get_by_text("Approved by you just now")).to_be_visible()
        await expect(page.get_by_text("The report stands in REVIEW.md").first).to_be_visible(timeout=30_000)
        await expect(page.get_by_text("Approved by you just now")).to_be_visible()

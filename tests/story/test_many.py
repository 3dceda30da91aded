"""Long lists: everything can be reached, and only what is in sight is drawn."""

from collections.abc import Generator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bench.crowd import crowd
from tests.doors.cli.helpers import Server, make_repository, up
from tests.story.browser import page_of, sign_in
from tests.story.steps import api, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")
QUESTIONS = 600
RUNS = 24
MOST_ROWS = 120
KEY = "story-key-that-is-long-enough"


@dataclass
class Busy(Server):
    """A server with much to look at."""

    run: str = ""

    @property
    def key(self) -> str:
        """The one it was given."""
        return KEY


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Busy]:
    """600 questions more than a real run asks, 24 runs more, and 10,000 events and 3,000 steps of that run."""
    home = make_repository(tmp_path_factory.mktemp("many") / "project")
    data, env = home.parent / "data", {"STEAD_BOOTSTRAP_KEY": KEY}
    with up(home, data, env=env) as server, api(server, KEY) as client:
        run = waiting_run(client, server)["run"]
    crowd(data, approvals=QUESTIONS, events=10_000, steps=3_000, runs=RUNS)
    with up(home, data, env=env) as server:
        yield Busy(server.process, server.log, server.home, run)


async def scroll_to(page: Page, scroller: Locator, wanted: Locator) -> None:
    """Scroll on until `wanted` is drawn, as a person does who looks for the end."""
    while await wanted.count() == 0:
        await scroller.evaluate("element => element.scrollTo(0, element.scrollHeight)")
        await page.evaluate("() => new Promise(requestAnimationFrame)")


async def test_the_overview_counts_runs_that_it_does_not_list(busy: Busy, browser: Browser) -> None:
    with api(busy, KEY) as client:
        overview = client.get("/api/v1/overview")
    assert (overview["active_total"], len(overview["active"])) == (RUNS + 1, 20)
    async with page_of(browser) as page:
        await sign_in(page, busy)
        active = page.get_by_role("region", name="Active runs")
        await expect(active.get_by_text(str(RUNS + 1), exact=True)).to_be_visible()
        await active.get_by_role("link", name=f"Show all {RUNS + 1}").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
        rows = page.get_by_role("table", name="Runs").get_by_role("row")
        await expect(rows).to_have_count(1 + RUNS + 1)


async def test_six_hundred_questions_are_counted_and_the_last_one_is_reached(busy: Busy, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in(page, busy)
        await expect(page.get_by_role("link", name="Inbox 601", exact=True)).to_be_visible()
        await page.goto(f"{busy.address}/inbox")
        rows = page.locator("[data-approval]")
        await expect(rows.first).to_be_visible()
        assert await rows.count() < MOST_ROWS
        last = page.locator(f"[data-approval='ap_crowd{QUESTIONS:06}']")
        await scroll_to(page, page.locator("div:has(> ul[aria-label='Approvals'])"), last)
        assert await rows.count() < MOST_ROWS
        await last.click()
        await expect(page.get_by_label("Payload in full")).to_contain_text(f"Write REPORT-{QUESTIONS}.md")
        await page.keyboard.press("k")
        before = page.locator(f"[data-approval='ap_crowd{QUESTIONS - 1:06}']")
        await expect(before).to_be_focused()


async def test_a_run_of_ten_thousand_events_draws_what_is_in_sight(busy: Busy, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in(page, busy)
        await page.goto(f"{busy.address}/runs/{busy.run}?tab=events")
        rows = page.get_by_role("table", name="Events").locator("tbody tr")
        await expect(rows.nth(3)).to_be_visible()
        assert await rows.count() < MOST_ROWS
        await page.goto(f"{busy.address}/runs/{busy.run}")
        rows = page.get_by_role("table", name="Steps").locator("tbody tr")
        await expect(rows.nth(3)).to_be_visible()
        last = page.get_by_role("table", name="Steps").get_by_text("Step 3000", exact=True)
        await scroll_to(page, page.locator("div:has(> table[aria-label='Steps'])"), last)
        assert await rows.count() < MOST_ROWS
        assert await page.get_by_role("application").locator("button").count() < MOST_ROWS * 10


async def test_a_run_of_six_hundred_questions_carries_few_of_them_and_counts_all(busy: Busy, browser: Browser) -> None:
    with api(busy, KEY) as client:
        run = client.get(f"/api/v1/runs/{busy.run}")
    assert (len(run["approvals"]), run["pending_approvals"]) == (50, QUESTIONS + 1)
    async with page_of(browser) as page:
        await sign_in(page, busy)
        await page.goto(f"{busy.address}/runs/{busy.run}")
        await expect(page.get_by_text("The first of 601 that wait")).to_be_visible()

"""Every list while it loads, empty, failed and with very long texts: its title stands, and what is said leads on."""

import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of, sign_in
from tests.story.steps import Api, api, decide, until, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")
# Page, what it asks for, what it says while it waits, what it says when there is nothing.
LISTS = [
    ("inbox", "approvals", "Loading the inbox", "Nothing waits for you"),
    ("runs", "runs", "Loading runs", "No run yet"),
    ("agents", "agents", "Loading agents", "No agent yet"),
    ("swarms", "resources", "Loading swarms", "No swarm yet"),
    ("models", "models", "Loading models", "No model yet"),
    ("audit", "audit", "Loading audit entries", "The trail is empty"),
    ("keys", "keys", "Loading keys", "No key yet"),
]
FAILED = {
    "type": "urn:swarmstead:problem:storage_full",
    "title": "storage full",
    "status": 507,
    "detail": "The disk of the database is full.",
    "code": "storage_full",
    "way_out": "Make room, then try again.",
    "trace_id": "0123456789abcdef0123456789abcdef",
}
WIDEST = (
    "Math.max(...['html', '#main'].map(name => document.querySelector(name)).map(e => e.scrollWidth - e.clientWidth))"
)


def address_of(endpoint: str) -> re.Pattern[str]:
    """Requests for a list, whatever its filters."""
    return re.compile(rf"/api/v1/{endpoint}(\?|$)")


@pytest.mark.parametrize(("path", "endpoint", "loading", "empty"), LISTS)
async def test_a_list_says_that_it_loads_and_that_it_is_empty(
    server: Server, browser: Browser, path: str, endpoint: str, loading: str, empty: str
) -> None:
    go_on = asyncio.Event()

    async def answer(route: Route) -> None:
        await go_on.wait()
        await route.fulfill(json={"items": [], "next": None})

    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.route(address_of(endpoint), answer)
        await page.goto(f"{server.address}/{path}")
        await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"^{path}$", re.IGNORECASE))
        await expect(page.get_by_role("status", name=loading)).to_be_visible()
        go_on.set()
        await expect(page.get_by_role("heading", name=empty)).to_be_visible()
        if path != "audit":
            await expect(page.get_by_role("main").get_by_text(re.compile("^stead ")).first).to_be_visible()


@pytest.mark.parametrize(("path", "endpoint"), [(path, endpoint) for path, endpoint, *_ in LISTS] + [("overview",) * 2])
async def test_a_list_that_failed_says_why_and_comes_back(
    server: Server, browser: Browser, path: str, endpoint: str
) -> None:
    async def fail(route: Route) -> None:
        # What the server did wrong is asked for three times, each after a longer rest; what is refused is not.
        body: dict[str, Any] = {**FAILED, "status": 422}
        await route.fulfill(status=422, content_type="application/problem+json", body=json.dumps(body))

    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.route(address_of(endpoint), fail)
        await page.goto(f"{server.address}/{path}")
        alert = page.get_by_role("main").get_by_role("alert")
        for said in (FAILED["detail"], FAILED["way_out"], FAILED["trace_id"]):
            await expect(alert).to_contain_text(str(said))
        await page.unroute(address_of(endpoint))
        await alert.get_by_role("button", name="Try again").click()
        await expect(alert).to_have_count(0)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()


async def test_a_run_whose_call_may_have_happened_says_so_in_lists_and_in_its_header(
    server: Server, browser: Browser
) -> None:
    with api(server) as client:
        asked = waiting_run(client, server)
        decide(client, asked, "deny", "Not now")

    async def doubtful(route: Route) -> None:
        answer = await route.fetch()
        found: dict[str, Any] = await answer.json()
        for run in found.get("items", [found]):
            run["unknown"] = 1
        await route.fulfill(response=answer, json=found)

    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.route(re.compile(rf"/api/v1/runs(/{asked['run']})?(\?|$)"), doubtful)
        await page.goto(f"{server.address}/runs")
        await expect(page.get_by_text("unknown 1")).to_be_visible()
        await page.goto(f"{server.address}/runs/{asked['run']}")
        await expect(page.get_by_text("1 call whose outcome is unknown")).to_be_visible()


async def test_a_cost_without_room_for_its_budget_leaves_it_out_and_tells_it_on_hover(
    server: Server, browser: Browser
) -> None:
    with api(server) as client:
        decide(client, waiting_run(client, server), "deny", "Not now")

    async def dear(route: Route) -> None:
        answer = await route.fetch()
        found: dict[str, Any] = await answer.json()
        for run in found["items"]:
            run["spent_micros"] = 10**12
        await route.fulfill(response=answer, json=found)

    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.route(address_of("runs"), dear)
        await page.goto(f"{server.address}/runs")
        cell = page.get_by_title(re.compile(r"^\$1,000,000\.00 of \$0\.\d+$")).first
        spent, budget = cell.get_by_text("$1,000,000.00"), cell.get_by_text(re.compile("^of "))
        around, shown, hidden = [await one.bounding_box() for one in (cell, spent, budget)]
        assert around
        assert shown
        assert hidden
        assert shown["x"] >= around["x"]
        assert hidden["y"] >= around["y"] + around["height"] - 1  # whole, on the line that is not seen


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
async def test_very_long_names_and_texts_stay_on_the_screen(
    server: Server, browser: Browser, width: int, height: int
) -> None:
    name = "a-very-long-name" * 3 + "-of-an-agent"
    task = "Do " + "everything" * 40 + " at once. " + "And then some more of it. " * 60
    spec = {"description": task[:500], "model": "default", "instructions": task}
    with api(server) as client:
        for kind, one in (("Agent", spec), ("Swarm", {"pattern": "delegate", "coordinator": name, "task": task})):
            apply(client, kind, name, one)
    async with page_of(browser, width=width, height=height) as page:
        await sign_in(page, server)
        for path in (
            "agents",
            f"agents/{name}",
            "swarms",
            f"swarms?launch={name}",
            f"resources/apply?kind=Agent&name={name}",
        ):
            await page.goto(f"{server.address}/{path}")
            await expect(page.get_by_text(name).first).to_be_attached()
            await expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
            assert await page.evaluate(WIDEST) == 0, path


async def test_what_tells_rows_apart_stays_on_a_narrow_screen(server: Server, browser: Browser) -> None:
    price = {"input_per_million_usd": "3", "output_per_million_usd": "15"}
    model = {"provider": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", "price": price}
    specs = {
        "Model": model,
        "Agent": {"model": "priced", "instructions": "Work."},
        "Swarm": {"pattern": "delegate", "coordinator": "priced", "task": "Go."},
    }
    with api(server) as client:
        for kind, spec in specs.items():
            apply(client, kind, "priced", spec)
        body: dict[str, Any] = {
            "swarm": "priced",
            "environment": "prod",
            "overrides": {"models": {}, "budget_usd": "0.0001"},
        }
        until(client, client.post("/api/v1/runs", body)["id"], "failed")
    async with page_of(browser, width=390, height=844) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/runs")
        row = page.get_by_role("row").filter(has_text="priced")
        await expect(row.get_by_text("PROD").filter(visible=True)).to_be_in_viewport(ratio=1)
        await expect(row).to_contain_text("The run budget of $0.000100 is reached")
        await page.goto(f"{server.address}/keys")
        table = page.get_by_role("table", name="Keys")
        await expect(table.get_by_role("columnheader", name="Name")).to_be_in_viewport(ratio=1)


def apply(client: Api, kind: str, name: str, spec: dict[str, Any]) -> None:
    """Declare one resource."""
    document = {"apiVersion": "swarmstead.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    client.post("/api/v1/apply", json.dumps(document))

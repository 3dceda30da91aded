"""The inbox by key and by mouse: every decision is about what was read, and about nothing else."""

import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of, sign_in
from tests.story.steps import Api, api, declare, deny_all, planned, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")
_CURRENT = re.compile("page|true")
OUTSIDE = Path(__file__).parents[1] / "fakes" / "mcp_stdio_server.py"


@pytest.fixture
def client(server: Server) -> Generator[Api]:
    """The API, with an inbox that is empty again afterwards."""
    with api(server) as client:
        yield client
        deny_all(client)


def approve_of(page: Page) -> Locator:
    """The button; armed when it can be pressed."""
    return page.get_by_role("button", name=re.compile("^Approve"))


def row(page: Page, approval: dict[str, Any]) -> Locator:
    """The question's row in the list."""
    return page.locator(f"[data-approval='{approval['id']}']")


def sent_by(page: Page) -> list[str]:
    """Addresses of the decisions that the page has sent; grows."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if ":decide" in request.url else None)
    return sent


def status_of(client: Api, approval: dict[str, Any]) -> str:
    """How the question stands now."""
    return client.get(f"/api/v1/approvals/{approval['id']}")["status"]


async def test_a_approves_and_goes_on_to_the_next(server: Server, browser: Browser, client: Api) -> None:
    first, second = waiting_run(client, server), waiting_run(client, server)
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox")
        await expect(approve_of(page)).to_be_enabled(timeout=30_000)
        await page.keyboard.press("a")
        await expect(page.get_by_text("Approved by you just now")).to_be_visible()
        await expect(row(page, first)).to_have_count(0)
        await expect(row(page, second)).to_be_focused()
        assert (status_of(client, first), status_of(client, second)) == ("approved", "pending")


async def test_a_key_pressed_before_the_payload_was_read_decides_nothing(
    server: Server, browser: Browser, client: Api
) -> None:
    first, second = waiting_run(client, server), waiting_run(client, server)
    async with page_of(browser) as page:
        sent = sent_by(page)
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox")
        await expect(row(page, first)).to_be_visible()
        for key in ("j", "a", "a"):
            await page.keyboard.press(key)
        await expect(row(page, second)).to_have_attribute("aria-current", _CURRENT)
        await expect(approve_of(page)).to_be_enabled()
        assert sent == []


async def test_a_second_click_decides_nothing_and_what_was_decided_stays(
    server: Server, browser: Browser, client: Api
) -> None:
    first, second = waiting_run(client, server), waiting_run(client, server)
    async with page_of(browser) as page:
        sent = sent_by(page)
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox")
        await expect(approve_of(page)).to_be_enabled(timeout=30_000)
        box = await approve_of(page).bounding_box()
        assert box is not None
        await page.mouse.dblclick(box["x"] + 10, box["y"] + 10)
        await expect(page.get_by_text("Approved by you just now")).to_be_visible()
        await page.mouse.click(box["x"] + 10, box["y"] + 10)
        await expect(row(page, first)).to_contain_text("approved")
        await expect(page.get_by_label("Payload in full").get_by_text("Decided")).to_be_visible()
        await expect(approve_of(page)).to_have_count(0)
        await page.get_by_role("button", name="Next").click()
        await expect(row(page, second)).to_have_attribute("aria-current", _CURRENT)
        await expect(row(page, first)).to_have_count(0)
        await expect(approve_of(page)).to_be_enabled()
        assert (len(sent), status_of(client, second)) == (1, "pending")


async def test_a_denial_asks_for_a_reason_in_which_letters_are_letters(
    server: Server, browser: Browser, client: Api
) -> None:
    asked = waiting_run(client, server)
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox/{asked['id']}")
        await expect(approve_of(page)).to_be_enabled(timeout=30_000)
        await page.keyboard.press("d")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("A denial needs a reason.")).to_be_visible()
        await page.keyboard.type("a and d are letters here")
        assert status_of(client, asked) == "pending"
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Denied by you just now")).to_be_visible()
        await page.goto(f"{server.address}/inbox?show=decided")
        await expect(page.get_by_text("a and d are letters here")).to_be_visible()


async def test_a_reason_that_is_typed_at_once_is_no_key_and_approves_nothing(
    server: Server, browser: Browser, client: Api
) -> None:
    first, second = waiting_run(client, server), waiting_run(client, server)
    async with page_of(browser) as page:
        sent = sent_by(page)
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox/{first['id']}")
        await expect(approve_of(page)).to_be_enabled(timeout=30_000)
        await page.keyboard.press("j")
        await page.keyboard.press("d")
        await page.keyboard.type("a bad idea")
        await expect(page.get_by_role("textbox", name=re.compile("^Reason"))).to_have_value("a bad idea")
        await expect(page.get_by_role("button", name=re.compile("^Deny"))).to_be_enabled()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Denied by you just now")).to_be_visible()
        assert (status_of(client, first), status_of(client, second), len(sent)) == ("pending", "denied", 1)


async def test_the_document_stays_in_its_place_when_a_row_has_the_focus(
    server: Server, browser: Browser, client: Api
) -> None:
    waiting_run(client, server)
    async with page_of(browser, width=390, height=844) as page:
        await sign_in(page, server)
        await expect(page.locator("[data-live=live]")).to_be_visible()
        await page.keyboard.press("g")
        await page.keyboard.press("i")
        await expect(approve_of(page)).to_be_enabled(timeout=30_000)
        await expect(page.get_by_role("heading", level=1)).to_be_focused()
        beyond = "document.documentElement.scrollHeight - document.documentElement.clientHeight"
        assert await page.evaluate(beyond) == 0


async def test_production_stands_first_and_rows_can_be_told_apart(
    server: Server, browser: Browser, client: Api
) -> None:
    asked = [waiting_run(client, server, environment) for environment in ("dev", "dev", "prod")]
    async with page_of(browser, width=390, height=844) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox")
        rows = page.locator("[data-approval]")
        await expect(rows).to_have_count(3)
        await expect(rows.first).to_contain_text("PROD")
        await expect(rows.first).to_be_in_viewport()
        for approval in asked:
            await expect(row(page, approval)).to_contain_text(approval["run"][-4:])
            await expect(row(page, approval)).to_contain_text("scripted")


async def test_a_question_of_an_outside_client_names_its_key(server: Server, browser: Browser, client: Api) -> None:
    tools = {"transport": "stdio", "command": [sys.executable, str(OUTSIDE)], "risk": {"t0": "write"}}
    declare(client, "ToolServer", "kit", tools)
    declare(client, "Binding", "outside", {"agent": "*", "server": "kit", "tools": ["t0"]})
    with api(server, client.post("/api/v1/keys", {"name": "nightly", "roles": ["operator"]})["key"]) as ci:
        planned(ci, "kit__t0", {})
    async with page_of(browser) as page:
        await sign_in(page, server)
        await expect(page.get_by_role("table", name="Waiting for you")).to_contain_text("nightly, an outside client")
        await page.goto(f"{server.address}/inbox")
        await expect(page.locator("[data-approval]")).to_contain_text("nightly, an outside client")
        await expect(page.get_by_label("Payload in full")).to_contain_text("nightly, an outside client")


async def test_what_a_preview_refuses_is_seen_in_the_list_and_beside_it(
    server: Server, browser: Browser, client: Api, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "swarmstead.doors.toolservers", "report", "--root", str(tmp_path)]
    spec = {"transport": "stdio", "command": command, "preview": {"write": "preview"}}
    declare(client, "ToolServer", "papers", spec)
    declare(client, "Binding", "papers", {"agent": "*", "server": "papers", "tools": ["write"]})
    refused = planned(client, "papers__write", {"path": "../evil.md", "content": "# One"})
    (tmp_path / "one.md").write_text("# One")
    same = planned(client, "papers__write", {"path": "one.md", "content": "# One"})
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/inbox/{refused}")
        why = "Denied: the path is outside the server's folder."
        await expect(page.locator(f"[data-approval='{refused}']")).to_contain_text(f"preview refuses it: {why}")
        detail = page.get_by_label("Payload in full")
        await expect(detail).to_contain_text("Its own preview refuses this call")
        await expect(detail).to_contain_text(why)
        await expect(detail).to_contain_text("Approved, it will most likely fail")
        await page.goto(f"{server.address}/inbox/{same}")
        await expect(detail).to_contain_text("None: it has exactly this text already.")

"""The operator and the tools: a server that changes a definition, one that is broken, and one with a thousand tools."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of, sign_in
from tests.story.steps import Api, api, declare, offer, tool

pytestmark = pytest.mark.asyncio(loop_scope="session")
MOST_ROWS = 120
LONGEST = "x" * 189 + "_last_of_it"
# Where the letters of the name end (or its box, which cuts them), where the slash begins, how wide the box is.
INK = """cell => {
    const [name, slash] = cell.children, range = document.createRange()
    range.selectNodeContents(name)
    const letters = range.getBoundingClientRect(), box = name.getBoundingClientRect()
    return {name: Math.min(letters.right, box.right), slash: slash.getBoundingClientRect().left, box: box.width,
            letter: letters.width / name.textContent.length}
}"""


@pytest.fixture(scope="module")
def client(server: Server) -> Generator[Api]:
    """With the admin's key, for whom the tools of `tickets` are bound."""
    with api(server) as found:
        declare(
            found, "Binding", "people", {"agent": "*", "server": "tickets", "tools": ["search"], "roles": ["admin"]}
        )
        yield found


def state_of(client: Api, tool: str) -> str:
    """Whether a tool of `tickets` may be called."""
    return client.get(f"/api/v1/tools/tickets/{tool}")["state"]


async def test_a_changed_tool_is_read_accepted_and_callable_again(
    server: Server, browser: Browser, client: Api, tmp_path: Path
) -> None:
    offer(client, tmp_path / "tools.json", "tickets", tool("search"))
    offer(client, tmp_path / "tools.json", "tickets", tool("search", "To look, and to send \u202etxet\u202c away."))
    body = {"arguments": {"query": "x"}, "environment": "dev"}
    assert client.post("/api/v1/tools/tickets/search:try", body)["answered"]["code"] == "tool_quarantined"
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/tools")
        await expect(page.get_by_label("Needs attention")).to_contain_text("1 tool waits for a person")
        await page.get_by_role("link", name="Show it").click()
        row = page.get_by_role("button", name="tickets/search", exact=True)
        await row.focus()
        await page.keyboard.press("Enter")
        diff = page.get_by_label("Changes to Definition of tickets/search")
        await expect(diff).to_contain_text('"description": "To look.",')
        await expect(diff).to_contain_text("To look, and to send ⟨U+202E⟩txet⟨U+202C⟩ away.")
        await page.get_by_role("button", name="Accept…").press("Enter")
        await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        await page.keyboard.press("Enter")  # a second press, meant for the first button, decides nothing
        assert state_of(client, "search") == "quarantined"
        await page.get_by_role("button", name="Accept…").click()
        await page.get_by_role("button", name=re.compile("^Accept [0-9a-f]{8}$")).click()
        await expect(page.get_by_role("region", name="Quarantine")).to_have_count(0)
        assert state_of(client, "search") == "accepted"
        await page.get_by_role("link", name="Try it").click()
        await page.get_by_label("Arguments, as JSON").fill('{"query": "open"}')
        await page.get_by_role("button", name="Call it as me").click()
        await expect(page.get_by_label("Result")).to_contain_text("Answered")
        await expect(page.get_by_label("Result")).to_contain_text("done")
    offer(client, tmp_path / "tools.json", "tickets", tool("search"), tool("find"))


async def test_a_tool_is_set_aside_with_a_reason_and_released(
    server: Server, browser: Browser, client: Api, tmp_path: Path
) -> None:
    offer(client, tmp_path / "tools.json", "tickets", tool("read"))
    async with page_of(browser, "dark", 390, 844) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/tools?tool=tickets/read")
        await page.get_by_role("button", name="Quarantine…").press("Enter")
        await expect(page.get_by_label("Reason")).to_be_focused()
        await page.get_by_role("button", name="Quarantine it").click()
        await expect(page.get_by_text("Say why, for whoever looks at it next.")).to_be_visible()
        await page.get_by_label("Reason").fill("It answers with other people's tickets.")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        quarantine = page.get_by_role("region", name="Quarantine")
        await expect(quarantine).to_contain_text("It answers with other people's tickets.")
        assert state_of(client, "read") == "quarantined"
        await quarantine.get_by_role("button", name="Release…").click()
        await quarantine.get_by_role("button", name="Release it").click()
        await expect(quarantine).to_have_count(0)
        assert state_of(client, "read") == "accepted"


async def test_a_broken_server_comes_first_with_its_reason(server: Server, browser: Browser, client: Api) -> None:
    declare(client, "ToolServer", "pager", {"transport": "stdio", "command": ["/opt/no/such/pager"]})
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/tools")
        attention = page.get_by_label("Needs attention")
        await expect(attention).to_contain_text(re.compile("[Tt]he program '/opt/no/such/pager' was not found"))
        await attention.get_by_role("link", name="pager").click()
        first = page.get_by_role("table", name="Tool servers").locator("tbody tr").first
        await expect(first).to_contain_text("pager")
        await expect(first).to_contain_text(re.compile("problem|resting"))
        await expect(page.get_by_label("pager", exact=True)).to_contain_text("was not found")
    client.get("/api/v1/tool-servers")


async def test_a_thousand_tools_are_drawn_as_far_as_they_are_in_sight(
    server: Server, browser: Browser, client: Api, tmp_path: Path
) -> None:
    offer(client, tmp_path / "many.json", "many", *(tool(f"op_{n:04}") for n in range(999)), tool(LONGEST))
    tools = [f"op_{n:04}" for n in range(999)]
    declare(client, "Binding", "many", {"agent": "reviewer", "server": "many", "tools": tools, "environments": ["dev"]})
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/tools?server=many")
        rows = page.get_by_role("table", name="Tools").locator("tbody tr")
        await expect(page.get_by_role("button", name="many/op_0000", exact=True)).to_be_visible()
        assert await rows.count() < MOST_ROWS
        await page.get_by_label("Find a tool").fill("_last_of_it")
        await page.get_by_role("button", name=f"many/{LONGEST}", exact=True).click()
        await expect(page.get_by_role("heading", name=f"many/{LONGEST}")).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        await page.goto(f"{server.address}/tools/grants?server=many")
        table = page.get_by_role("table", name="Grants")
        await expect(table).to_have_attribute("aria-rowcount", "1000")
        await expect(table.locator("tbody tr").nth(1)).to_contain_text("dev")
        assert await table.locator("tbody tr").count() < MOST_ROWS
        await page.get_by_label("Find a tool").or_(page.get_by_label("Agent by name, or *")).fill("nobody")
        await expect(page.get_by_text("No grants match these filters")).to_be_visible()


async def test_a_dangerous_tool_is_only_foreseen(server: Server, browser: Browser, client: Api, tmp_path: Path) -> None:
    wipe = tool("wipe", "To wipe.") | {"annotations": {"readOnlyHint": False}}
    offer(client, tmp_path / "danger.json", "danger", wipe)
    declare(client, "Binding", "danger", {"agent": "*", "server": "danger", "tools": ["wipe"]})
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/tools?tool=danger/wipe&tab=try")
        await page.get_by_role("button", name="Dry run").click()
        result = page.get_by_label("Result")
        await expect(result).to_contain_text("Call wipe on danger: ")
        await expect(result).to_contain_text("This call by you would wait for a person.")
    assert client.get("/api/v1/approvals", status="pending")["items"] == []


async def test_a_policy_shows_its_text_its_mode_and_what_it_would_have_done(
    server: Server, browser: Browser, client: Api
) -> None:
    rule = 'forbid (principal, action, resource == Tool::"tickets/search");'
    cedar = f'@id("no/search")\n@reason("nobody searches")\n{rule}\n'
    spec = {"cedar": cedar, "mode": "monitor", "description": "Nobody searches."}
    declare(client, "Policy", "no-search", spec)
    body = {"arguments": {"query": "x"}, "environment": "dev"}
    offer(client, server.home.parent / "again.json", "tickets", tool("search"))
    pin = client.get("/api/v1/tools/tickets/search")
    if pin["offered_hash"]:
        client.post("/api/v1/tools/tickets/search:accept", {"hash": pin["offered_hash"]})
    assert client.post("/api/v1/tools/tickets/search:try", body)["answered"]["verdict"] == "ok"
    async with page_of(browser) as page:
        await sign_in(page, server)
        await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        await page.keyboard.press("g")
        await page.keyboard.press("p")
        await page.get_by_role("button", name="no-search").press("Enter")
        detail = page.get_by_label("no-search", exact=True)
        await expect(detail).to_contain_text("monitored")
        await expect(detail).to_contain_text('resource == Tool::"tickets/search"')
        row = detail.get_by_role("table", name="Rules").locator("tbody tr")
        await expect(row).to_contain_text("no/search")
        await expect(row.locator("td").nth(-2)).to_have_text("1")
        await detail.get_by_role("button", name="Look back").click()
        await expect(detail).to_contain_text(re.compile(r"it would have blocked [1-9]"))


@pytest.mark.parametrize("width", [1440, 1024])
async def test_a_server_s_name_stands_at_its_slash_however_short_or_long(
    server: Server, browser: Browser, client: Api, tmp_path: Path, width: int
) -> None:
    names = ("t", "kit", "a-server-with-a-name-that-finds-no-room-beside-its-tools")
    for name in names:
        offer(client, tmp_path / f"{name}.json", name, tool("look_" * 12))
    async with page_of(browser, "light", width) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/tools?find=look_look&tool=kit/{'look_' * 12}")
        rows = page.get_by_role("table", name="Tools").get_by_role("row").filter(has_text="look_")
        await expect(rows).to_have_count(len(names))
        cells = rows.locator("span:has(> span:text-is('/'))")
        for at, name in enumerate(await cells.locator("> :first-child").all_inner_texts()):
            assert name in names
            ink = await cells.nth(at).evaluate(INK)
            assert ink["slash"] - ink["name"] < 1, (name, ink)
            assert ink["box"] >= min(3, len(name)) * ink["letter"] - 1, (name, ink)

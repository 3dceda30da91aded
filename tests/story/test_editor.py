"""Declaring in the browser: help from the schema, faults at their line, versions compared; and the audit trail."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.doors.cli.helpers import Server
from tests.story.browser import page_of, sign_in
from tests.story.steps import api

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def edit(page: Page, text: str) -> None:
    """Put `text` in the place of everything in the editor."""
    editor = page.get_by_role("textbox", name=re.compile("as YAML$"))
    await editor.click()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(text)


async def test_a_new_agent_begins_with_what_exists_and_is_valid(server: Server, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/resources/apply?kind=Agent")
        editor = page.get_by_role("textbox", name="A new Agent as YAML")
        await expect(editor).to_contain_text("model: default")
        apply = page.get_by_role("button", name="Apply", exact=True)
        await expect(apply).to_be_disabled()
        await page.get_by_role("button", name="Validate").click()
        await expect(page.get_by_text("would be created")).to_be_visible()
        await expect(apply).to_be_enabled()


async def test_a_new_one_of_every_kind_begins_valid(server: Server, browser: Browser) -> None:
    with api(server) as client:
        kinds: list[str] = sorted(client.get("/api/v1/schemas"))
    assert {"Policy", "ToolSet", "FeatureFlag"} <= set(kinds)
    said: dict[str, str] = {}
    async with page_of(browser) as page:
        await sign_in(page, server)
        for kind in kinds:
            await page.goto(f"{server.address}/resources/apply?kind={kind}")
            await expect(page.get_by_role("textbox", name=f"A new {kind} as YAML")).to_contain_text(f"kind: {kind}")
            await page.get_by_role("button", name="Validate").click()
            outcome = page.get_by_role("main").get_by_role("listitem").filter(has_text=f"my-{kind.lower()}")
            await expect(outcome.or_(page.get_by_role("alert"))).to_be_visible()
            said[kind] = await outcome.or_(page.get_by_role("alert")).inner_text()
    assert {kind: text for kind, text in said.items() if "would be created" not in text} == {}
    assert {kind: text for kind, text in said.items() if "Warning" in text} == {}


async def test_the_schema_helps_where_the_cursor_is(server: Server, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/resources/apply?kind=Agent")
        help_ = page.get_by_role("complementary", name="What may stand here")
        editor = page.get_by_role("textbox", name="A new Agent as YAML")
        await editor.get_by_text("max_turns").click()
        await expect(help_.get_by_role("heading")).to_have_text(re.compile("^Agent . spec$"))
        await expect(help_.get_by_text("instructions", exact=True)).to_be_visible()
        await page.keyboard.press("End")
        await page.keyboard.press("Enter")
        await page.keyboard.type("instr")
        await expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text("instructions")


async def test_faults_stand_at_their_lines_in_the_order_of_the_text(server: Server, browser: Browser) -> None:
    wrong = """apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: wrong}
spec:
  model: 7
  speed: 9
  max_turns: many
"""
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/resources/apply?kind=Agent")
        await edit(page, wrong)
        await page.keyboard.press("Control+Enter")
        faults = page.get_by_role("listitem").filter(has_text=re.compile(r"line \d+, column"))
        await expect(faults.first).to_be_visible()
        lines = [int(re.findall(r"line (\d+)", text)[0]) for text in await faults.all_inner_texts()]
        assert lines == sorted(lines)
        assert set(lines) >= {5, 6, 7}
        await expect(page.locator(".cm-lint-marker-error").first).to_be_visible()
        await expect(page.get_by_role("button", name="Apply", exact=True)).to_be_disabled()


async def test_what_does_not_exist_is_warned_of_before_and_after_it_is_applied(
    server: Server, browser: Browser
) -> None:
    dangling = """apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: dangling}
spec: {agent: reviewer, server: nowhere, tools: [read]}
"""
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/resources/apply?kind=Binding")
        await edit(page, dangling)
        for button, done in (("Validate", "would be created"), ("Apply", "created")):
            await page.get_by_role("button", name=button).click()
            said = page.get_by_role("listitem").filter(has_text=re.compile(f"dangling ?{done}"))
            await expect(said).to_contain_text("Warning: server: there is no ToolServer called 'nowhere'")


@pytest.mark.parametrize(
    ("manifest", "versions"),
    [
        ("/agents/docs-analyst?tab=manifest", "/agents/docs-analyst?tab=versions"),
        (
            "/resources/apply?kind=Swarm&name=repo-review",
            "/resources/apply?kind=Swarm&name=repo-review&tab=versions",
        ),
    ],
)
async def test_a_change_becomes_a_version_that_can_be_compared(
    server: Server, browser: Browser, manifest: str, versions: str
) -> None:
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(server.address + manifest)
        await page.get_by_role("textbox", name=re.compile("as YAML$")).get_by_text("description:").first.click()
        await page.keyboard.press("End")
        await page.keyboard.type(" Changed here.")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_text("would become a new version")).to_be_visible()
        await page.get_by_role("button", name="Apply", exact=True).click()
        await expect(page.get_by_role("link", name=re.compile("^Versions"))).to_contain_text("2")
        await page.goto(server.address + versions)
        await expect(page.get_by_role("table", name="Versions").get_by_role("row")).to_have_count(3)
        changes = page.get_by_role("region", name=re.compile("^Changes to"))
        await expect(changes).to_contain_text("Changed here.")
        await expect(page.get_by_text("+1 line", exact=True)).to_be_visible()


async def test_the_audit_trail_is_verified_and_its_actions_have_commands(server: Server, browser: Browser) -> None:
    async with page_of(browser) as page:
        await sign_in(page, server)
        await page.goto(f"{server.address}/audit")
        await page.get_by_role("button", name="Verify").click()
        await expect(page.get_by_text("The chain is whole")).to_be_visible()
        await page.get_by_role("button", name="As commands").click()
        commands = page.get_by_role("dialog", name="As commands")
        for command in ("stead audit verify", "stead audit export", "audit:export", "audit:verify"):
            await expect(commands.get_by_text(command).first).to_be_visible()

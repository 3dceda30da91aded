"""Walks through the screen in a real browser, by mouse and by key, against the fake server, and says what went wrong.

    npm run build && node dev/server.mjs --port 8798 --speed 4 --assets ../src/swarmstead/doors/ui/assets &
    python ui/dev/walk.py --base http://127.0.0.1:8798

Each walk opens a page of its own. Needs a fake server that was just started: the walks decide what waits in it.
"""

# ruff: noqa: D103, INP001, S101, T201 - run by hand from anywhere: walks are named for what they show, and it prints

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route, expect, sync_playwright

FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
WALKS: list[Callable[[Page, str], None]] = []
ARM_MS = 400
MOST_ROWS = 120


def walk(run: Callable[[Page, str], None]) -> Callable[[Page, str], None]:
    """Registers a walk."""
    WALKS.append(run)
    return run


@walk
def three_clicks_to_an_approved_report(page: Page, base: str) -> None:
    page.goto(f"{base}/overview")
    page.get_by_role("link", name="Start the sample swarm").click()
    expect(page.get_by_label("repo", exact=True)).to_have_value("/srv/swarmstead/samples/payments-api")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_role("heading", name="Write REVIEW.md")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="Review of payments-api")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("This was run by the scripted model.").first).to_be_visible()


@walk
def a_key_is_ignored_until_the_payload_was_seen(page: Page, base: str) -> None:
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if ":decide" in r.url else None)
    page.goto(f"{base}/inbox")
    page.get_by_role("heading", level=2).first.wait_for()
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.wait_for_timeout(ARM_MS // 2)
    page.keyboard.press("a")
    page.wait_for_timeout(ARM_MS)
    assert sent == [], f"decided too early: {sent}"


@walk
def the_inbox_by_keys_alone(page: Page, base: str) -> None:
    page.goto(f"{base}/inbox")
    rows = page.locator("[data-approval]")
    rows.first.wait_for()
    before = rows.count()
    first = rows.first.get_attribute("data-approval")
    page.get_by_role("button", name="Deny").and_(page.locator(":not([aria-disabled])")).wait_for()
    page.keyboard.press("d")
    reason = page.get_by_label("Reason, which the agent")
    expect(reason).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("A denial needs a reason.")).to_be_visible()
    page.keyboard.type("a and d are letters here, not keys")
    assert rows.count() == before
    page.keyboard.press("Enter")
    expect(page.locator(f"[data-approval='{first}']")).to_have_count(0)
    expect(rows).to_have_count(before - 1)
    expect(rows.first).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.first).to_be_focused()


@walk
def an_uncertain_outcome_asks_another_question(page: Page, base: str) -> None:
    page.goto(f"{base}/inbox")
    page.get_by_role("link", name="outcome unknown").click()
    expect(page.get_by_text("nobody can say whether it happened")).to_be_visible()
    expect(page.get_by_role("button", name="Run it again")).to_be_visible()
    expect(page.get_by_role("button", name="Do not repeat")).to_be_visible()
    expect(page.get_by_text("Changes to the file")).to_be_visible()


@walk
def a_changed_plan_is_shown_before_it_runs(page: Page, base: str) -> None:
    page.goto(f"{base}/swarms?launch=repo-review")
    launch = page.get_by_role("button", name="Launch", exact=True)
    expect(launch).not_to_have_attribute("aria-disabled", "true")
    plan = page.evaluate(
        """() => fetch('/api/v1/runs:preview', {method: 'POST', headers: {'X-Stead-Request': '1'},
        body: JSON.stringify({swarm: 'repo-review', input: {repo: '/srv/x'}})}).then(r => r.json())"""
    )
    plan |= {"hash": "sha256:feedbeef00", "agents": plan["agents"][:2]}

    def refuse(route: Route) -> None:
        body = {
            "type": "x",
            "title": "plan changed",
            "status": 409,
            "detail": "changed",
            "code": "plan_changed",
            "plan": plan,
        }
        route.fulfill(status=409, json=body)

    page.route("**/api/v1/runs", refuse)
    launch.click()
    expect(page.get_by_text("The plan changed while you read it")).to_be_visible()
    expect(page.get_by_text("feedbeef", exact=True)).to_be_visible()
    page.unroute("**/api/v1/runs")
    with page.expect_request("**/api/v1/runs") as request:
        launch.click()
    assert "feedbeef00" in (request.value.post_data or ""), "the new plan's hash was not sent"


@walk
def pause_says_what_it_does_and_takes_a_reason(page: Page, base: str) -> None:
    page.goto(f"{base}/runs?status=waiting")
    page.locator(".row-link").last.click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This cannot be taken back.")).to_be_visible()
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.get_by_text("Say why")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Cancel this run")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Reason").fill("the hotfix lands first")
    page.get_by_role("button", name="Pause this run").click()
    expect(page.get_by_text("paused by a person")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Resume this run").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


@walk
def a_list_does_not_move_under_the_cursor(page: Page, base: str) -> None:
    page.goto(f"{base}/runs")
    rows = page.locator("tbody .row-link")
    rows.first.hover()
    before = rows.first.get_attribute("href")
    started = page.request.post(
        f"{base}/api/v1/runs",
        headers={"X-Stead-Request": "1"},
        data={"swarm": "repo-review", "input": {"repo": "/srv/new"}},
    ).json()["id"]
    pill = page.get_by_role("button", name="new")
    expect(pill).to_be_visible()
    assert rows.first.get_attribute("href") == before, "the list moved under the cursor"
    pill.click()
    expect(page.locator(f"tbody a[href='/runs/{started}']")).to_be_visible()


@walk
def the_timeline_by_keys(page: Page, base: str) -> None:
    page.goto(f"{base}/runs?status=succeeded")
    page.locator(".row-link").nth(3).click()
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**step=**")
    first = page.url
    page.keyboard.press("ArrowDown")
    page.wait_for_function("url => location.href !== url", arg=first)
    expect(page.get_by_label("Inspector").get_by_text("Attempts")).to_be_visible()
    page.keyboard.press("t")
    expect(page.get_by_role("application")).to_have_count(0)
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.search.includes('step')")


@walk
def the_indicator_does_not_lie(page: Page, base: str) -> None:
    # A stream that says hello and breaks, and then nothing at all.
    hello = 'event: hello\ndata: {"seq": 1}\n\n'
    answered: list[bool] = []

    def break_off(route: Route) -> None:
        if answered:
            route.abort()
        else:
            answered.append(True)
            route.fulfill(status=200, content_type="text/event-stream", body=hello)

    page.route("**/api/v1/events", break_off)
    page.goto(f"{base}/overview")
    light = page.locator("[data-live]")
    expect(light).to_have_attribute("data-live", "reconnecting")
    expect(light).to_have_attribute("data-live", "stale", timeout=20_000)
    expect(light).to_contain_text("stale 1")
    page.unroute("**/api/v1/events")
    expect(light).to_have_attribute("data-live", "live", timeout=20_000)


@walk
def ten_thousand_events(page: Page, base: str) -> None:
    items = page.request.get(f"{base}/api/v1/runs?limit=100").json()["items"]
    run = next(i["id"] for i in items if i["input"].get("repo") == "/srv/monorepo")
    page.goto(f"{base}/overview")
    page.get_by_role("link", name="Runs").first.wait_for()
    started = time.monotonic()
    page.goto(f"{base}/runs/{run}?tab=events")
    page.get_by_text("run.queued").wait_for()
    print(f"       10,000 events: first rows after {time.monotonic() - started:.2f} s")
    started = time.monotonic()
    page.goto(f"{base}/runs/{run}")
    page.get_by_role("table", name="Steps").locator("tbody tr").nth(3).wait_for()
    print(f"       10,000 events: timeline and steps after {time.monotonic() - started:.2f} s")
    assert page.locator("tbody tr").count() < MOST_ROWS, "rows out of sight are drawn"


@walk
def a_manifest_is_checked_before_it_is_applied(page: Page, base: str) -> None:
    page.goto(f"{base}/agents/docs?tab=manifest")
    editor = page.get_by_role("textbox", name="Agent docs as YAML")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# checked\n")
    expect(page.get_by_role("button", name="Apply", exact=True)).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("would become a new version")).to_be_visible()
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("link", name="Versions 2").or_(page.get_by_role("link", name="Versions 3"))).to_be_visible()


@walk
def a_one_time_link_is_wiped_from_the_address(page: Page, base: str) -> None:
    redeemed: list[str] = []
    page.on("request", lambda r: redeemed.append(r.url) if "redeem" in r.url else None)
    with page.expect_request("**/api/v1/session:redeem") as request:
        page.goto(f"{base}/signin?next=/keys#token=one-time-secret")
    assert "one-time-secret" in (request.value.post_data or "")
    page.wait_for_url("**/keys")
    assert len(redeemed) == 1, redeemed
    assert "secret" not in page.evaluate("location.href + JSON.stringify(history.state)")
    page.goto(f"{base}/signin#token=wrong")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    assert "token" not in page.url


@walk
def the_palette_finds_and_does(page: Page, base: str) -> None:
    page.goto(f"{base}/overview")
    page.get_by_role("heading", name="Overview").wait_for()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").wait_for()
    page.keyboard.type("audit")
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/runs")


@walk
def a_session_that_ends_leads_to_the_sign_in_and_back(page: Page, base: str) -> None:
    page.goto(f"{base}/runs?status=paused")
    page.get_by_role("heading", name="Runs").wait_for()
    page.request.post(f"{base}/api/v1/session:sign-out", headers={"X-Stead-Request": "1"})
    page.get_by_role("link", name="Agents").click()
    key = page.get_by_label("API key")
    key.wait_for()
    back = page.evaluate("new URLSearchParams(location.search).get('next')")
    assert back in {"/agents", "/runs?status=paused"}, back
    key.fill("stead_a_key")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/signin" not in url)
    expect(page.locator("[data-live]")).to_have_attribute("data-live", "live")


def main() -> int:
    """Goes every walk; ends with the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="http://127.0.0.1:8798")
    parser.add_argument("--only", default="")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        for run in WALKS:
            if options.only not in run.__name__:
                continue
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(8_000)
            errors: list[str] = []
            page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
            try:
                run(page, options.base)
                assert not errors, errors
                print(f"ok     {run.__name__}")
            except Exception:  # noqa: BLE001 - whatever went wrong in one walk, the others are gone
                failed += 1
                page.screenshot(path=Path(tempfile.gettempdir()) / f"walk-{run.__name__}.png")
                print(f"failed {run.__name__}\n{traceback.format_exc(limit=-2)}")
            page.close()
        browser.close()
    return failed


if __name__ == "__main__":
    sys.exit(main())

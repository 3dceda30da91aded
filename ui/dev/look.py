"""Opens every route of the screen in a real browser: runs axe on it, notes what the console says, takes a picture.

    python ui/dev/look.py [--base URL] [--key KEY] [--out DIR] [--width 1440] [--height 900] [--only runs]

Needs a server at `--base` that serves the built screen (ui/README.md), the Python package `playwright`, a Chromium, and
`npm ci` for axe-core. Ends with 1 when anything is wrong.
"""

# ruff: noqa: INP001, T201 - run by hand from anywhere, and what it prints is for its reader

import argparse
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, ViewportSize, sync_playwright

AXE = (Path(__file__).resolve().parent.parent / "node_modules/axe-core/axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
SETTLED_MS = 350


def routes(context: BrowserContext, base: str) -> dict[str, str]:
    """Name -> path, for every kind of page there is."""
    items = context.request.get(f"{base}/api/v1/runs?limit=100").json()["items"]
    first = {str(run["status"]): str(run["id"]) for run in reversed(items)}
    waiting, done = first.get("waiting", ""), first.get("succeeded", "")
    agent = context.request.get(f"{base}/api/v1/agents").json()["items"][-1]["name"]
    return {
        "signin": "/signin",
        "overview": "/overview",
        "launch": "/overview?launch=repo-review",
        "inbox": "/inbox",
        "inbox-decided": "/inbox?show=decided",
        "runs": "/runs",
        "runs-none": "/runs?status=failed&swarm=nothing",
        **({"run-waiting": f"/runs/{waiting}", "run-table": f"/runs/{waiting}?view=table"} if waiting else {}),
        "run-done": f"/runs/{done}",
        **{f"run-{tab}": f"/runs/{done}?tab={tab}" for tab in ("agents", "events", "cost", "audit", "result", "raw")},
        "run-agents-table": f"/runs/{done}?tab=agents&view=table",
        "run-missing": "/runs/r_00000000000000000000",
        "agents": "/agents",
        "agent": f"/agents/{agent}",
        "agent-versions": f"/agents/{agent}?tab=versions",
        "agent-manifest": f"/agents/{agent}?tab=manifest",
        "swarms": "/swarms",
        "models": "/models",
        "tools": "/tools",
        "tool": "/tools?tool=report/write",
        "apply": "/resources/apply?kind=Swarm",
        "audit": "/audit",
        "keys": "/keys",
        "not-found": "/no-such-page",
    }


def violations(page: Page) -> list[str]:
    """What axe finds, one line each."""
    page.evaluate(AXE)
    result = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    lines: list[str] = []
    for rule in result["violations"]:
        nodes = rule["nodes"]
        lines.append(f"axe {rule['id']} x{len(nodes)}: {nodes[0]['html'][:160]}  {nodes[0]['failureSummary'][:260]}")
    return lines


def look(context: BrowserContext, address: str, picture: Path) -> list[str]:
    """Opens one page; returns what is wrong with it."""
    page = context.new_page()
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        # A run that is not there is asked for on purpose, and browsers report every 404.
        missing = "run-missing" in picture.name and str(HTTPStatus.NOT_FOUND.value) in message.text
        if message.type == "error" and not missing:
            wrong.append(f"console {message.text}")

    page.on("pageerror", lambda error: wrong.append(f"error {error}"))
    page.on("console", said)
    page.goto(address)
    page.wait_for_selector("h1, [role=alert]")
    page.wait_for_selector(".skeleton", state="detached")
    page.wait_for_timeout(SETTLED_MS)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("the page is wider than the window")
    wrong += violations(page)
    page.screenshot(path=str(picture))
    page.close()
    return wrong


def options_of() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="http://127.0.0.1:8799")
    parser.add_argument("--key", default="", help="an API key, for a real server")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "swarmstead-look")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--only", default="")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    return parser.parse_args()


def main() -> int:
    """Looks at everything in both themes."""
    options = options_of()
    options.out.mkdir(parents=True, exist_ok=True)
    bad = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        for theme in ("light", "dark"):
            size = ViewportSize(width=options.width, height=options.height)
            context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
            if options.key:
                context.request.post(f"{options.base}/api/v1/session:sign-in", data={"key": options.key})
            for name, path in routes(context, options.base).items():
                if options.only not in name:
                    continue
                picture = options.out / f"{name}-{theme}-{options.width}.png"
                wrong = look(context, options.base + path, picture)
                bad += bool(wrong)
                print(f"{'bad ' if wrong else 'ok  '} {theme:5} {name}", *wrong, sep="\n       " if wrong else " ")
        browser.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Opens every route of the screen in a real browser: runs axe on it, notes what the console says, takes a picture.

    python ui/dev/look.py [--base URL] [--out DIR] [--width 1440] [--height 900] [--only runs]

Needs a server at `--base` that serves the built screen (`npm run build`, then `npm run dev:fake -- --assets …`), the
Python package `playwright`, a Chromium, and `npm ci` for axe-core. Ends with 1 when anything is wrong.
"""

import argparse
import json
import sys
import urllib.request
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

HERE = Path(__file__).resolve().parent
AXE = (HERE.parent / "node_modules/axe-core/axe.min.js").read_text()
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
NARROW = 700


def runs(base: str) -> list[dict[str, object]]:
    """Newest runs of the server."""
    with urllib.request.urlopen(f"{base}/api/v1/runs?limit=100") as answer:
        return json.load(answer)["items"]


def routes(base: str) -> dict[str, str]:
    """Name -> path, for every kind of page there is."""
    found = runs(base)
    first = {str(run["status"]): str(run["id"]) for run in reversed(found)}
    waiting, done = first.get("waiting", ""), first.get("succeeded", "")
    return {
        "signin": "/signin",
        "overview": "/overview",
        "launch": "/overview?launch=repo-review",
        "inbox": "/inbox",
        "inbox-decided": "/inbox?show=decided",
        "runs": "/runs",
        "runs-none": "/runs?status=failed&swarm=nothing",
        "run-waiting": f"/runs/{waiting}",
        "run-table": f"/runs/{waiting}?view=table",
        "run-done": f"/runs/{done}",
        **{f"run-{tab}": f"/runs/{done}?tab={tab}" for tab in ("agents", "events", "cost", "audit", "result", "raw")},
        "run-agents-table": f"/runs/{done}?tab=agents&view=table",
        "run-unknown": "/runs/r_00000000000000000000",
        "agents": "/agents",
        "agent": "/agents/reviewer",
        "agent-versions": "/agents/reviewer?tab=versions",
        "agent-manifest": "/agents/reviewer?tab=manifest",
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
    result = page.evaluate("axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})")
    lines: list[str] = []
    for rule in result["violations"]:
        nodes = rule["nodes"]
        lines.append(f"axe {rule['id']} x{len(nodes)}: {nodes[0]['html'][:160]}  {nodes[0]['failureSummary'][:260]}")
    return lines


def look(context: BrowserContext, base: str, path: str, picture: Path, expected: int) -> list[str]:
    """Opens one path; returns what is wrong with it."""
    page = context.new_page()
    wrong: list[str] = []
    refused = "the server responded with a status of 404"
    page.on("pageerror", lambda error: wrong.append(f"error {error}"))
    page.on("console", lambda m: wrong.append(f"console {m.text}") if m.type == "error" and not (expected == 404 and refused in m.text) else None)
    page.goto(base + path)
    page.wait_for_load_state("domcontentloaded")
    page.wait_for_selector("h1, [role=alert]")
    page.wait_for_selector(".skeleton", state="detached")
    page.wait_for_timeout(350)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("the page is wider than the window")
    wrong += violations(page)
    page.screenshot(path=str(picture))
    page.close()
    return wrong


def main() -> int:
    """Looks at everything in both themes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="http://127.0.0.1:8799")
    parser.add_argument("--out", default="/tmp/swarmstead-look")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--only", default="")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    bad = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        for theme in ("light", "dark"):
            size = {"width": options.width, "height": options.height}
            context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
            for name, path in routes(options.base).items():
                if options.only not in name:
                    continue
                wrong = look(context, options.base, path, out / f"{name}-{theme}-{options.width}.png", 404 if "unknown" in name else 200)
                bad += bool(wrong)
                print(f"{'bad ' if wrong else 'ok  '} {theme:5} {name}", *wrong, sep="\n       " if wrong else " ")
        browser.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

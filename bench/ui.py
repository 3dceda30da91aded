"""Time to first rows of long lists in a real browser. `python -m bench.ui FOLDER` prints one JSON object.

A run of 10,000 events and 3,000 steps, and an inbox of 600 questions; the page is opened anew each time, as somebody
does who follows a link, with the code in the browser's cache. The page itself takes the time, at the frame that draws
the fifth row: asked from outside, the answer comes in steps of half a second.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.crowd import crowd, run_that_waits
from bench.server import KEY, Server, running

_ROUNDS = 7
_QUIET_MS = 300
_NAMES = (os.environ.get("STEAD_TEST_BROWSER", ""), "chromium", "chromium-browser", "google-chrome")
_SIZE = {"approvals": 600, "events": 10_000, "steps": 3_000}
# Runs in the page before its own code. `sought` stands in the session's storage, which outlives a navigation.
_WATCH = """
if (location.origin !== 'null') window.benchDrawnAt = new Promise((drawn) => {
  const sought = sessionStorage.getItem('bench.sought')
  if (sought) new MutationObserver((_, observer) => {
    if (document.querySelectorAll(sought).length < 5) return
    observer.disconnect()
    requestAnimationFrame(() => setTimeout(() => drawn(performance.now())))
  }).observe(document, { childList: true, subtree: true })
})
"""


def measure(folder: Path) -> dict[str, Any]:
    """Seconds from the navigation to the fifth row, per page, round by round."""
    data = folder / "data"
    home = Path(__file__).parents[1]
    with running(data, {"STEAD_ALLOWED_PATHS": str(home)}) as server:
        _wait_for_a_person(server, home)
    crowd(data, **_SIZE)
    run = run_that_waits(data)
    with running(data) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(_WATCH)
        base = f"http://127.0.0.1:{server.port}"
        page.goto(f"{base}/signin")
        page.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        page.wait_for_url("**/overview")
        pages = {
            "events_s": (f"/runs/{run}?tab=events", "table[aria-label=Events] tbody tr"),
            "timeline_s": (f"/runs/{run}", "table[aria-label=Steps] tbody tr"),
            "inbox_s": ("/inbox", "[data-approval]"),
        }
        found: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(_ROUNDS):
            for name, (address, rows) in pages.items():
                found[name].append(_opened(page, base + address, rows))
        browser.close()
    return {**found, **_SIZE}


def _wait_for_a_person(server: Server, home: Path) -> None:
    run = server.call("POST", "/api/v1/runs", {"swarm": "repo-review", "input": {"repo": str(home)}})["id"]
    deadline = time.monotonic() + 120
    while server.call("GET", f"/api/v1/runs/{run}")["status"] != "waiting":
        assert time.monotonic() < deadline, "the sample swarm did not come to its question"
        time.sleep(0.05)


def _chromium() -> str:
    return next(path for name in _NAMES if name and (path := shutil.which(name)))


def _opened(page: Page, address: str, rows: str) -> float:
    page.evaluate("rows => sessionStorage.setItem('bench.sought', rows)", rows)
    # What the last page still had to do must not run into this one.
    page.goto("about:blank")
    page.wait_for_timeout(_QUIET_MS)
    page.goto(address, wait_until="commit")
    drawn_ms: float = page.evaluate("window.benchDrawnAt")
    return round(drawn_ms / 1_000, 3)


def main() -> None:
    """Measure under the folder named on the command line."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        print(json.dumps(measure(Path(folder))))


if __name__ == "__main__":
    main()

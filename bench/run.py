"""`make bench`: every measurement, one process each, and a report of all of them.

    python -m bench.run [--only start,api,contest,waiting,storage,policy,ui] [--rounds N] [--folder DIR] [--write]

Prints Markdown, writes `bench/results/LATEST.json`, and with `--write` puts the tables into `docs/benchmarks.md`.
Contenders take turns round by round, because a machine is never quiet for long. Every process is bounded in time, and
traffic goes to loopback only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import page, report
from bench.contest import CONTENDERS
from bench.machine import facts, spin_ms

SECTIONS = ("start", "contest", "api", "waiting", "storage", "policy", "ui")
_MOST_S = 300
_RESULTS = Path(__file__).parent / "results"


def measured(module: str, *arguments: str) -> Any:
    """The JSON on the last line of `python -m bench.MODULE ARGUMENTS`. Fails: RuntimeError, TimeoutExpired."""
    command = [sys.executable, "-m", f"bench.{module}", *arguments]
    print("·", *command[2:3], *arguments, file=sys.stderr, flush=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"bench.{module} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def contest(folder: str, rounds: int) -> dict[str, list[Any]]:
    """Every contender once per round, in turn."""
    found: dict[str, list[Any]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, results in found.items():
            results.append(measured("contest", name, folder))
    return found


def main() -> None:
    """Measure what the command line names, print the report, keep the numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="Measure the product and its peers.")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"some of: {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the contest, and starts")
    parser.add_argument("--folder", default=None, help="where databases are made; their disk is what is measured")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    options = parser.parse_args()
    wanted = options.only.split(",")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found: dict[str, Any] = {"machine": facts(Path(folder))}
        for section in (name for name in SECTIONS if name in wanted):
            if section == "contest":
                found[section] = contest(folder, options.rounds)
            else:
                found[section] = measured(section, folder, *([str(options.rounds)] if section == "start" else []))
        found["machine"]["python_loop_after_ms"] = round(spin_ms(), 1)
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "LATEST.json").write_text(json.dumps(found, indent=1) + "\n")
    shown = report.text(found)
    print(shown)
    if options.write:
        page.write("foundation", shown.replace("## ", "### "))


if __name__ == "__main__":
    main()

"""`make bench-gateway`: the gateway beside its peers, in front of the same upstream and in one run.

    python -m bench.gateway HARNESS [--targets ours,fastmcp,nginx] [--up sdk] [--era legacy] [-c 1,16] [-d 10] [--write]

HARNESS is the folder of the harness that starts targets and drives them (`bench.py`, `driver.py`, `setup.sh`). What a
target needs is installed into environments of its own under $BENCH_HOME, the first time that it is asked for. Prints a
table, keeps all numbers in `bench/results/gateway.json`, and with `--write` puts the table into `docs/benchmarks.md`.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench import gateway_target, page
from bench.gateway_table import table
from bench.machine import processor

_ROOT = Path(__file__).parents[1]
_RESULTS = _ROOT / "bench" / "results" / "gateway.json"
_NEEDS = {"fastmcp": "fm", "contextforge": "cf", "litellm": "ll"}
_ALWAYS = "up"


def main() -> None:
    """Measure what the command line names, and show it."""
    options = _options()
    harness: Path = options.harness.resolve()
    if not (harness / "bench.py").is_file():
        raise SystemExit(
            f"{harness} is not the gateway harness: it has no bench.py. Say `make bench-gateway HARNESS=DIR`."
        )
    home = Path(os.environ.get("BENCH_HOME") or Path.home() / ".cache" / "gateway-bench")
    targets: list[str] = options.targets.split(",")
    _prepare(harness, home, targets)
    found = _measured(harness, home, options)
    facts = _facts(options, found)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps({"facts": facts, "targets": found}, indent=1) + "\n", encoding="utf-8")
    shown = table(facts, found)
    print(shown)
    if options.write:
        page.write("gateway", shown)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gateway", description="Measure the gateway beside its peers."
    )
    parser.add_argument("harness", type=Path)
    parser.add_argument("--targets", default="ours,fastmcp-shared,nginx")
    parser.add_argument("--up", default="sdk", help="sdk, sdk-sse or fast")
    parser.add_argument("--era", default="legacy", help="legacy is 2025-11-25, modern 2026-07-28")
    parser.add_argument("-c", default="1,16", dest="callers", help="how many callers at once")
    parser.add_argument("-d", default="10", dest="seconds", help="seconds of each measurement")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def _prepare(harness: Path, home: Path, targets: Iterable[str]) -> None:
    """Install what is missing. Fails: CalledProcessError."""
    wanted = {_ALWAYS} | {need for target in targets for name, need in _NEEDS.items() if target.startswith(name)}
    missing = sorted(name for name in wanted if not (home / "venvs" / name / "bin" / "python").is_file())
    if missing:
        subprocess.run(
            ["bash", str(harness / "setup.sh"), *missing], check=True, env={**os.environ, "BENCH_HOME": str(home)}
        )
    (home / "ngx").mkdir(parents=True, exist_ok=True)


def _measured(harness: Path, home: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    address = f"http://127.0.0.1:{gateway_target.PORT}/mcp/bench"
    whole = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "BENCH_HOME": str(home),
        "BENCH_OURS": f"cd '{_ROOT}' && exec '{sys.executable}' -m bench.gateway_target",
        "BENCH_OURS_URL": address,
        "BENCH_OURS_HEADERS": f"Authorization: Bearer {gateway_target.KEY}",
    }
    out = _RESULTS.with_suffix(".raw.json")
    out.parent.mkdir(exist_ok=True)
    given = ["--targets", options.targets, "--up", options.up, "--era", options.era]
    python = str(home / "venvs" / _ALWAYS / "bin" / "python")
    command = [
        python,
        str(harness / "bench.py"),
        *given,
        "-c",
        options.callers,
        "-d",
        options.seconds,
        "--out",
        str(out),
    ]
    subprocess.run(command, check=True, env=whole)
    found: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
    out.unlink()
    return found


def _facts(options: argparse.Namespace, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    built = sys.version_info
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": f"{built.major}.{built.minor}.{built.micro}",
        "load": [round(one, 1) for one in os.getloadavg()],
        "up": options.up,
        "era": options.era,
        "seconds": options.seconds,
        "targets": [one["target"] for one in found],
    }


if __name__ == "__main__":
    main()

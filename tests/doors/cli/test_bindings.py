"""`stead mcp bind` and `unbind`: what may be called by whom, without writing YAML; and what `mcp list` tells."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.cli.conftest import Call
from tests.fakes import mcp_drifting_server

FAKE = Path(mcp_drifting_server.__file__ or "")
LOOK = {"inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}


@pytest.fixture
def kit(call: Call, tmp_path: Path) -> Iterator[str]:
    """A tool server with two reads that was asked once."""
    file, name = tmp_path / "tools.json", f"kit-{abs(hash(tmp_path)) % 10**8}"
    file.write_text(json.dumps([LOOK | {"name": "look"}, LOOK | {"name": "find"}]))
    assert call("mcp", "add", name, "--", sys.executable, FAKE, file).code == 0
    assert call("mcp", "inspect", name).code == 0
    yield name
    call("mcp", "unbind", "*", name, "--all")


def bindings(call: Call, server: str) -> list[tuple[str, dict[str, Any]]]:
    """Those of one server, by name."""
    found = call("get", "binding", "--limit", "1000", "-o", "json").json["items"]
    return sorted((one["name"], one["spec"]) for one in found if one["spec"]["server"] == server)


def test_tools_are_bound_once_however_often_it_is_said(call: Call, kit: str) -> None:
    first = call("mcp", "bind", "*", kit, "look", "--role", "operator", "-o", "json").json["items"][0]
    assert (first["name"], first["action"]) == (f"clients-{kit}-operator", "created")
    assert call("mcp", "bind", "*", kit, "look", "--role", "operator", "-o", "json").json["items"][0]["action"] == (
        "unchanged"
    )
    more = call("mcp", "bind", "*", kit, "find", "look", "--role", "operator")
    assert "updated" in more.out
    assert more.err == ""
    assert bindings(call, kit) == [
        (first["name"], {"agent": "*", "server": kit, "tools": ["look", "find"], "roles": ["operator"]})
    ]
    other = call("mcp", "bind", "*", kit, "look", "--env", "dev", "-o", "json").json["items"][0]
    assert (other["name"], other["action"]) == (f"clients-{kit}-dev", "created")


def test_what_is_unbound_is_gone_from_every_binding_that_is_meant(call: Call, kit: str) -> None:
    call("mcp", "bind", "*", kit, "look", "find")
    call("mcp", "bind", "*", kit, "look", "--env", "dev")
    assert call("mcp", "unbind", "*", kit, "look", "--env", "dev", "-o", "json").json["items"][0]["action"] == "deleted"
    assert [spec["tools"] for _, spec in bindings(call, kit)] == [["look", "find"]]
    assert "updated" in call("mcp", "unbind", "*", kit, "look").out
    assert [spec["tools"] for _, spec in bindings(call, kit)] == [["find"]]
    assert "nothing was changed" in call("mcp", "unbind", "*", kit, "look").out
    assert "deleted" in call("mcp", "unbind", "*", kit, "--all").out
    assert bindings(call, kit) == []
    call("mcp", "unbind", "*", kit).refused("--all")


def test_names_that_nobody_has_are_warned_of(call: Call, kit: str) -> None:
    bound = call("mcp", "bind", "nobody", kit, "lok", "--env", "dev")
    assert bound.code == 0
    assert "there is no Agent called 'nobody'" in bound.err
    assert f"{kit} was not seen to have a tool 'lok'. It has find, look." in bound.err
    lost = call("mcp", "bind", "*", "no-such-server", "look")
    assert "there is no ToolServer called 'no-such-server'" in lost.err
    assert "so look is not checked" in lost.err
    call("mcp", "quarantine", kit, "look", "--reason", "It lies.")
    assert "look is quarantined" in call("mcp", "bind", "*", kit, "look").err
    call("mcp", "unbind", "nobody", kit, "--all")
    call("mcp", "unbind", "*", "no-such-server", "--all")
    call("mcp", "bind", "rev@iewer", kit, "look").refused("a version is named by its whole digest")


def test_what_a_binding_holds_besides_stays(call: Call, kit: str, tmp_path: Path) -> None:
    file = tmp_path / "binding.yaml"
    head = "apiVersion: swarmstead.dev/v1alpha1\nkind: Binding\nmetadata: {name: keeper-of-kit, labels: {team: sre}}\n"
    file.write_text(f'{head}spec: {{agent: "*", server: {kit}, tools: [look], resources: ["kit://*"]}}\n')
    assert call("apply", "-f", file).code == 0
    call("mcp", "bind", "*", kit, "find")
    found = call("get", "binding", "keeper-of-kit", "-o", "json").json
    assert (found["spec"]["tools"], found["labels"]) == (["look", "find"], {"team": "sre"})
    call("mcp", "unbind", "*", kit, "--all")
    found = call("get", "binding", "keeper-of-kit", "-o", "json").json
    assert (found["spec"].get("tools", []), found["spec"]["resources"]) == ([], ["kit://*"])
    call("delete", "binding", "keeper-of-kit")


def test_the_list_tells_health_protocol_and_quarantine(call: Call, kit: str) -> None:
    call("mcp", "quarantine", kit, "find", "--reason", "It lies.")
    found = next(one for one in call("mcp", "list", "-o", "json").json["items"] if one["name"] == kit)
    assert (found["health"]["state"], found["health"]["protocols"]) == ("up", ["2025-11-25"])
    assert (found["seen"], found["quarantined"]) == (2, 1)
    line = next(line for line in call("mcp", "list").out.splitlines() if line.startswith(kit))
    assert "up for" in line
    assert "2025-11-25  2" in line
    assert call("mcp", "add", "dead-kit", "--", "/no/such/program").code == 0
    dead = next(line for line in call("mcp", "list").out.splitlines() if line.startswith("dead-kit"))
    assert "problem" in dead
    assert "was not found" in dead
    call("delete", "toolserver", "dead-kit")

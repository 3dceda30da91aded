"""`stead tool flag`: a risky tool is switched off and on, and the trail says by whom."""

from pathlib import Path
from typing import Any

import yaml

from tests.doors.cli.conftest import Call
from tests.doors.cli.helpers import Done


def spec(call: Call, name: str) -> dict[str, Any]:
    found = yaml.safe_load(call("tool", "flag", name, "-o", "yaml").out)
    return found["spec"] | {"owner": found["metadata"].get("owner", "")}


def test_a_flag_is_switched_and_keeps_what_is_not_said(call: Call) -> None:
    call("tool", "flag", "wiping").refused("no FeatureFlag called 'wiping'")
    created = call("tool", "flag", "wiping", "--create", "--on", "--environment", "dev", "--share", "0.25")
    assert "created" in created.out
    assert "no tool stands behind it" in created.err
    assert spec(call, "wiping") == {"enabled": True, "environments": ["dev"], "share": 0.25, "owner": ""}
    assert "updated" in call("tool", "flag", "wiping", "--off").out
    assert spec(call, "wiping").get("enabled", False) is False
    call("tool", "flag", "wiping", "--on", "--everywhere")
    assert spec(call, "wiping") == {"enabled": True, "share": 0.25, "owner": ""}
    call("tool", "flag", "wiping", "--share", "2").refused("0<=x<=1")
    rows = call("audit", "list", "-o", "json").json["items"]
    assert any("wiping" in str(row) for row in rows)


def test_switching_keeps_owner_and_description_and_the_preview_notes_it(call: Call, repository: Path) -> None:
    before = spec(call, "report-writing")
    assert (before["enabled"], before["owner"]) == (True, "swarmstead")
    call("tool", "flag", "report-writing", "--off")
    assert spec(call, "report-writing")["description"] == before["description"]
    assert spec(call, "report-writing")["owner"] == "swarmstead"
    assert "report-writing" in call("get", "featureflag").out
    plan = call("run", "preview", "repo-review", "--input", f"repo={repository}").out
    assert "reviewer goes without report/write: it stands behind the feature flag 'report-writing'" in plan
    call("tool", "flag", "report-writing", "--on")


def test_a_mistyped_flag_is_refused_and_what_a_flag_switches_is_said(call: Call) -> None:
    for mistyped in ("report-writng", "rewort-priting"):
        refused = call("tool", "flag", mistyped, "--off")
        refused.refused("no tool stands behind that name", "Nothing was changed", "--create")
        assert "Perhaps report-writing is meant" in refused.err
    assert "Perhaps" not in call("tool", "flag", "x", "--off").err
    assert "writng" not in call("get", "featureflag").out
    assert "report-writing: report/write\n" in call("tool", "flag", "report-writing", "--on").err
    assert "report-writing: report/write\n" in call("tool", "flag", "report-writing").err


def test_a_flag_that_only_a_tool_server_names_is_declared_by_switching_it(call: Call, tmp_path: Path) -> None:
    applied(call, tmp_path, "ToolServer", "gone", "{transport: stdio, command: [x], flags: {a: later, b: '!later'}}")
    done = call("tool", "flag", "later", "--on")
    assert "created" in done.out
    assert "later: gone/a, gone/b (there while it is off)\n" in done.err
    call("delete", "toolserver", "gone")
    call("delete", "featureflag", "later")


def applied(call: Call, folder: Path, kind: str, name: str, spec: str) -> Done:
    path = folder / "one.yaml"
    path.write_text(f"apiVersion: swarmstead.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    return call("apply", "-f", path)


def test_a_server_that_names_no_declared_flag_is_warned_about(call: Call, tmp_path: Path) -> None:
    done = applied(call, tmp_path, "ToolServer", "flagged", "{transport: stdio, command: [x], flags: {a: '!nowhere'}}")
    assert "FeatureFlag" in done.err
    assert "'nowhere'" in done.err


def test_a_policy_for_a_share_of_callers_is_shown_so(call: Call, tmp_path: Path) -> None:
    rule = 'forbid (principal is User, action, resource == Tool::"s/t");'
    assert applied(call, tmp_path, "Policy", "shared", f"{{share: 0.05, cedar: '{rule}'}}").code == 0
    assert "enforce, 0.05 of callers" in call("policy", "list").out
    call("delete", "policy", "shared")

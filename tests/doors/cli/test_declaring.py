"""Declaring and looking: apply, get, diff, agent, model, mcp, schema, openapi. And what is wrong, with its place."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.doors.cli.conftest import Call

_AGENT = """\
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata:
  name: {name}
spec:
  description: {description}
  model: scripted
  instructions: Say what you see.
"""


def _agent(folder: Path, name: str, description: str = "Looks.") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(_AGENT.format(name=name, description=description))
    return path


def _actions(call: Call, *arguments: str | Path) -> dict[str, str]:
    done = call("apply", *arguments, "-o", "json")
    assert done.code == 0, done
    return {one["name"]: one["action"] for one in done.json["items"]}


def test_apply_says_what_it_does_and_a_dry_run_does_nothing(call: Call, tmp_path: Path) -> None:
    _agent(tmp_path, "dry-one")
    _agent(tmp_path, "dry-two")
    assert "WOULD BE" in call("apply", "-f", tmp_path, "--dry-run").out
    call("get", "agent", "dry-one").refused("no Agent called 'dry-one'", "stead get agent")
    assert _actions(call, "-f", tmp_path) == {"dry-one": "created", "dry-two": "created"}
    _agent(tmp_path, "dry-two", "Looks closer.")
    assert _actions(call, "-f", tmp_path) == {"dry-one": "unchanged", "dry-two": "updated"}


def test_what_is_deleted_is_gone_until_it_is_applied_again(call: Call, tmp_path: Path) -> None:
    path = _agent(tmp_path, "leaver")
    assert _actions(call, "-f", path) == {"leaver": "created"}
    assert "Deleted Agent leaver" in call("delete", "agents", "leaver").err
    call("get", "agent", "leaver").refused("no Agent called 'leaver'")
    call("delete", "agent", "leaver").refused("no Agent called 'leaver'")
    assert _actions(call, "-f", path) == {"leaver": "created"}


def test_what_still_names_the_deleted_is_told_and_the_command_brings_it_back(call: Call, tmp_path: Path) -> None:
    path = _agent(tmp_path, "wanted")
    swarm = "kind: Swarm\nspec: {pattern: delegate, coordinator: wanted, task: Look.}\nmetadata: {name: wanting}\n"
    path.write_text(f"{path.read_text()}---\napiVersion: swarmstead.dev/v1alpha1\n{swarm}")
    assert call("apply", "-f", path).code == 0
    gone = call("delete", "agent", "wanted")
    assert gone.code == 0
    assert "Warning: Agent wanted: Still named by Swarm wanting." in gone.err
    back = re.search(r"brings it back: stead (get .*) \| stead apply -f -$", gone.err, re.MULTILINE)
    assert back
    manifest = call(*back[1].split())
    (tmp_path / "back.yaml").write_text(manifest.out)
    assert _actions(call, "-f", tmp_path / "back.yaml") == {"wanted": "created"}
    assert "Warning" not in call("delete", "swarm", "wanting").err


def test_braces_that_are_no_input_are_warned_of(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "braces.yaml"
    path.write_text(
        "apiVersion: swarmstead.dev/v1alpha1\nkind: Swarm\nmetadata: {name: braces}\n"
        "spec: {pattern: delegate, coordinator: wanted, task: 'Mend {nope} of {svc}.', inputs: {svc: {type: text}}}\n"
    )
    done = call("apply", "-f", path, "--dry-run")
    assert done.code == 0
    assert "Warning: Swarm braces: task: {nope} is no input of this swarm (its inputs are {svc})" in done.err


def test_apply_warns_of_what_is_not_there(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "lost.yaml"
    path.write_text(_AGENT.format(name="lost", description="Looks.").replace("scripted", "nowhere"))
    for options in (["--strict"], ["--strict", "--dry-run"]):
        done = call("apply", "-f", path, *options)
        done.refused(
            "Nothing was applied. Agent lost: model: there is no Model called 'nowhere'",
            "Without --strict (the API's `strict`)",
        )
    call("get", "agent", "lost").refused("no Agent called 'lost'")
    done = call("apply", "-f", path)
    assert done.code == 0
    assert "Warning: Agent lost: model: there is no Model called 'nowhere'." in done.err
    assert "nowhere" not in done.out
    found = tmp_path / "found.yaml"
    found.write_text(_AGENT.format(name="found", description="Looks.").replace("model: scripted", "model: default"))
    assert "created" in call("apply", "-f", found, "--strict").out


def test_apply_from_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = _agent(tmp_path, "piped")
    with path.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert _actions(call, "-f", "-") == {"piped": "created"}


def test_broken_yaml_is_named_by_file_line_and_column_and_nothing_is_applied(call: Call, tmp_path: Path) -> None:
    _agent(tmp_path, "a-sound-one")
    broken = tmp_path / "b.yaml"
    broken.write_text("kind: Agent\nmetadata: {name: [}\n")
    call("apply", "-f", tmp_path).refused(f"{broken}:2:19: not YAML", "there is one fault")
    call("get", "agent", "a-sound-one").refused("no Agent")


def test_every_fault_of_a_manifest_has_its_field(call: Call, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(_AGENT.format(name="Wrong_Name", description="x") + "---\n" + "kind: Flow\n")
    call("apply", "-f", wrong).refused(
        f"{wrong}:4:9: metadata.name: ", "kind: unknown kind 'Flow'", "there are ", "faults"
    )
    wrong.write_text(_AGENT.format(name="wrong", description="x").replace("model: scripted", "model: 7\n  speed: 9"))
    call("apply", "-f", wrong).refused(f"{wrong}:7:10: spec.model: ", f"{wrong}:8:10: spec.speed: unknown field")
    call("apply", "-f", tmp_path / "nowhere.yaml").refused("cannot be read: No such file")


def test_get_lists_shows_and_gives_back_what_apply_takes(call: Call, tmp_path: Path) -> None:
    assert "repo-review" in call("get", "swarms").out
    assert [one["name"] for one in call("get", "swarm", "-o", "json").json["items"]] == ["repo-review"]
    shown = call("get", "swarm", "repo-review").out
    assert "coordinator: coordinator" in shown
    assert "digest" in shown
    again = tmp_path / "again.yaml"
    again.write_text(call("get", "agent", "-o", "yaml").out)
    assert set(_actions(call, "-f", again).values()) == {"unchanged"}
    again.write_text(call("get", "swarm", "repo-review", "-o", "yaml").out)
    assert _actions(call, "-f", again) == {"repo-review": "unchanged"}
    call("get", "flow").refused("no kind 'flow'", "Kinds are Agent")
    call("get", "agent", "--digest", "abcdef").refused("--digest needs a name")


def test_versions_by_number_and_digest_and_their_difference(call: Call, tmp_path: Path) -> None:
    call("apply", "-f", _agent(tmp_path, "changing"))
    call("diff", "agent", "changing").refused("no version before", "--from")
    call("apply", "-f", _agent(tmp_path, "changing", "Looks twice."))
    newest, oldest = call("agent", "versions", "changing", "-o", "json").json["items"]
    assert (newest["version"], oldest["version"]) == (2, 1)
    out = call("diff", "agent", "changing").out
    assert "-  description: Looks.\n+  description: Looks twice.\n" in out
    first = oldest["digest"].removeprefix("sha256:")[:12]
    assert call("agent", "diff", "changing", "--from", first, "--to", "2").out == out
    assert call("diff", "Agent", "changing", "--from", "2", "--to", "1", "-o", "json").json["to"] == oldest["digest"]
    assert "description: Looks.\n" in call("get", "agent", "changing", "--digest", first).out
    call("get", "agent", "changing", "--digest", "9").refused("no version '9'", "It has 2 (")


def test_agents(call: Call) -> None:
    assert "git/log" in call("agent", "list").out
    assert "report/write" in call("agent", "show", "reviewer").out
    assert call("agent", "show", "reviewer", "-o", "json").json["model_kind"] == "scripted"
    assert yaml.safe_load(call("agent", "show", "reviewer", "-o", "yaml").out)["name"] == "reviewer"
    call("agent", "show", "nobody").refused("no Agent called 'nobody'")


def test_what_is_wrong_with_options_has_no_place_in_a_file(call: Call) -> None:
    done = call("mcp", "add", "secretive", "--url", "http://127.0.0.1:9/mcp", "--header", "Authorization=Bearer x")
    done.refused("spec.headers.Authorization")
    assert not re.search(r":\d+:\d+:", done.err)


def test_adding_a_model_and_what_it_lacks(call: Call, repository: Path) -> None:
    options = ("--provider", "openai", "--model", "gpt-4.1-mini", "--key", "env:SWARMSTEAD_TEST_UNSET")
    done = call("model", "add", "hosted", *options)
    assert done.code == 0
    assert "created" in done.out
    assert "Not ready yet: env:SWARMSTEAD_TEST_UNSET points to a variable that is not set" in done.err
    (lacks,) = [one["missing"] for one in call("model", "list", "-o", "json").json["items"] if one["name"] == "hosted"]
    assert "SWARMSTEAD_TEST_UNSET" in lacks["what"]
    start = ("run", "start", "repo-review", "--input", f"repo={repository}", "--override-model", "reviewer=hosted")
    call(*start).refused("Nothing was started", "SWARMSTEAD_TEST_UNSET")
    assert "reviewer thinks with hosted" in call("run", "preview", *start[2:]).out
    priced = ("--base-url", "http://127.0.0.1:9/v1", "--input-price", "0.10", "--output-price", "0.40")
    assert call("model", "add", "priced", "--provider", "openai", "--model", "own", *priced).err == ""
    assert "input_per_million_usd: '0.10'" in call("get", "model", "priced", "-o", "yaml").out


def test_a_preview_warns_of_a_day_that_may_not_do(call: Call, repository: Path) -> None:
    dear = ("--base-url", "http://127.0.0.1:9/v1", "--input-price", "5000", "--output-price", "5000")
    assert call("model", "add", "dear", "--provider", "openai", "--model", "own", *dear).code == 0
    what = ("repo-review", "--input", f"repo={repository}", "--override-model", "reviewer=dear", "--budget", "90")
    done = call("run", "preview", *what)
    assert done.code == 0
    assert "Of the user's daily budget of $5.00" in done.out
    assert "Of the tenant's daily budget of $50.00" in done.out
    (users, _) = call("run", "preview", *what, "-o", "json").json["notes"]
    assert "STEAD_USER_DAY_USD" in users
    assert "STEAD_TENANT_DAY_USD (else 50)" in call("up", "--help").out


def test_a_model_that_is_wrong_and_a_key_that_was_pasted(call: Call) -> None:
    add = ("model", "add", "wrong", "--provider", "openai", "--model", "gpt-4.1-mini")
    pasted = "sk-proj-this-is-a-real-secret"
    done = call(*add, "--key", pasted)
    done.refused("It was not sent", "--key env:NAME")
    assert pasted not in done.err
    call(*add, "--input-price", "1").refused("A price has two parts")
    call(*add, "--base-url", "ftp://x").refused("spec.base_url", "http://")
    call("model", "add", "Bad Name", *add[3:], "--base-url", "http://127.0.0.1:9/v1").refused("metadata.name")


def test_tool_servers(call: Call) -> None:
    assert "builtin:git" in call("mcp", "list").out
    inspected = call("mcp", "inspect", "git").out
    assert "limited to  the folder in the input 'repo'" in inspected
    done = call("mcp", "add", "own", "--root", "repo", "--risk", "run=danger", "--", "python3", "-m", "own", "--fast")
    assert done.code == 0, done
    spec = call("get", "toolserver", "own", "-o", "json").json["spec"]
    assert spec["command"] == ["python3", "-m", "own", "--fast"]
    assert spec["risk"] == {"run": "danger"}
    call("mcp", "add", "both", "--url", "http://127.0.0.1:9/mcp", "--", "x").refused("a COMMAND or a --url")
    call("mcp", "add", "risky", "--risk", "run=harmless", "--", "x").refused("spec.risk.run")
    call("mcp", "inspect", "nothing").refused("no ToolServer called 'nothing'", "stead mcp list")


def test_tools_are_found_by_what_they_do(call: Call) -> None:
    assert call("mcp", "add", "reports", "--", "builtin:report").code == 0
    offered = call("mcp", "inspect", "reports", "-o", "json").json["tools"][0]
    binding = f"""
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {{name: writer-reports}}
spec: {{agent: writer, server: reports, tools: [{offered["name"]}]}}
"""
    Path("binding.yaml").write_text(binding)
    assert call("apply", "-f", "binding.yaml").code == 0
    found = call("tool", "search", offered["description"], "--agent", "writer", "-o", "json").json["items"]
    assert [one["name"] for one in found] == [f"reports__{offered['name']}"]
    assert f"reports__{offered['name']}" in call("tool", "search", offered["description"], "--agent", "writer").out
    assert "No tool that is bound there fits." in call("tool", "search", "anything", "--agent", "stranger").out
    call("tool", "search", "anything", "--limit", "21").refused("21 is not in the range")
    call("tool", "search", " ").refused("There is nothing to search for")


def test_unknown_agents_tools_and_inputs_start_nothing(call: Call, tmp_path: Path, repository: Path) -> None:
    swarm = {
        "apiVersion": "swarmstead.dev/v1alpha1",
        "kind": "Swarm",
        "metadata": {"name": "lost"},
        "spec": {"pattern": "delegate", "coordinator": "coordinator", "members": ["ghost"], "task": "Go."},
    }
    (tmp_path / "lost.yaml").write_text(json.dumps(swarm))
    call("apply", "-f", tmp_path)
    call("run", "start", "lost").refused("Nothing was started. The agent 'ghost' is not declared.", "stead apply")
    shown = call("run", "preview", "lost")
    shown.refused("This cannot be started. The agent 'ghost' is not declared.", "stead apply")
    assert "The agent 'ghost' is not declared. Declare it" in shown.out
    assert "Nothing will ask a person" not in shown.out
    assert "not known yet" in shown.out
    call("run", "start", "nowhere").refused("no Swarm called 'nowhere'")
    start = ("run", "start", "repo-review", "--input")
    call(*start, f"repo={tmp_path / 'nowhere'}").refused("nowhere")
    call(*start, "repo=/etc").refused("outside of the folders", "--allow")
    call(*start, f"repo={tmp_path}").refused("way out")
    call(*start, f"repo={repository}", "--input", "speed=9").refused("no input 'speed'")
    call(*start, f"repo={repository}", "--budget", "lots").refused("--budget")
    call(*start, f"repo={repository}", "--override-model", "reviewer=gone").refused(
        "The model 'gone' of reviewer is not declared.", "stead model add"
    )
    call(*start, "repo").refused("--input 'repo' is not NAME=VALUE")


def test_schemas_and_the_api_need_no_server(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEAD_SERVER", "http://127.0.0.1:1")
    assert call("schema", "agents").json["properties"]["kind"] == {"const": "Agent"}
    assert yaml.safe_load(call("schema", "swarm", "-o", "yaml").out)["title"] == "Swarm"
    assert "/api/v1/runs:preview" in call("openapi").json["paths"]
    call("schema", "flow").refused("Kinds are")

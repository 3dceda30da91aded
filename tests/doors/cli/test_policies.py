"""`stead policy`: what is in force, whether a new rule is sound, and what it would have done."""

from pathlib import Path

from tests.doors.cli.conftest import Call

_POLICY = """\
apiVersion: swarmstead.dev/v1alpha1
kind: Policy
metadata: {{name: {name}}}
spec:
  mode: monitor
  cedar: |
    @id("{name}-rule")
    @reason("nothing for nobody")
    forbid (principal == Agent::"nobody", action, resource)
    when {{ {condition} }};
  exceptions:
  - {{principal: agent/nobody, tool: git/*, until: "2020-01-01T00:00:00Z", reason: long ago}}
"""


def _file(folder: Path, name: str, condition: str = "context.environment.production") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(_POLICY.format(name=name, condition=condition))
    return path


def test_policies_are_listed_and_shown(call: Call, tmp_path: Path) -> None:
    assert call("apply", "-f", _file(tmp_path, "shown")).code == 0
    listed = call("policy", "list")
    assert "builtin" in listed.out
    assert "1 expired" in listed.out
    items = {one["name"]: one for one in call("policy", "list", "-o", "json").json["items"]}
    assert items["builtin"]["built_in"] is True
    assert (items["shown"]["mode"], items["shown"]["problem"]) == ("monitor", "")
    shown = call("policy", "show", "shown").out
    assert "shown-rule" in shown
    assert "nothing for nobody" in shown
    assert "2020-01-01T00:00:00Z (expired)" in shown
    assert "builtin/unknown" in call("policy", "show", "builtin").out
    call("policy", "show", "none").refused("no Policy called 'none'", "stead policy list")


def test_a_policy_is_checked_and_nothing_is_changed(call: Call, tmp_path: Path) -> None:
    assert call("policy", "check", _file(tmp_path, "checked")).out == "One policy is sound.\n"
    call("policy", "show", "checked").refused("no Policy")
    broken = _file(tmp_path, "broken", "context.environment.prodction")
    call("policy", "check", broken).refused(f"{broken}:10:1: spec.cedar: line 4: attribute `environment.prodction`")


def test_a_rule_about_what_is_not_there_is_warned_of(call: Call, tmp_path: Path) -> None:
    rule = 'principal == Agent::"reviewr", action, resource == Tool::"gti/log"'
    text = (
        _POLICY.format(name="mistyped", condition="true")
        .replace('principal == Agent::"nobody", action, resource', rule)
        .replace("  exceptions:", "  environments: [dev, prdo]\n  exceptions:")
    )
    path = tmp_path / "mistyped.yaml"
    path.write_text(text)
    for command in (("policy", "check"), ("apply", "-f")):
        done = call(*command, path)
        assert done.code == 0
        for warning in (
            "cedar, line 1: there is no Agent called 'reviewr'.",
            "cedar, line 1: there is no ToolServer called 'gti'.",
            "environments.1: there is no Environment called 'prdo'.",
            "exceptions.0.principal: there is no Agent called 'nobody'.",
        ):
            assert f"Warning: Policy mistyped: {warning}" in done.err, done
        assert done.err.count("Warning") == 4
    call("apply", "-f", path, "--strict").refused("there is no Environment called 'prdo'")
    assert call("delete", "policy", "mistyped").code == 0
    bound = call("mcp", "bind", "historian", "git", "log", "--env", "nope")
    assert "environments.0: there is no Environment called 'nope'." in bound.err, bound
    assert call("mcp", "unbind", "historian", "git", "log", "--env", "nope").code == 0


def test_a_policy_is_tested_on_past_calls(call: Call, tmp_path: Path) -> None:
    path = _file(tmp_path, "tested")
    assert call("policy", "test", "-f", path, "--last", "4300").out.startswith("This would have blocked 0, ")
    found = call("policy", "test", "-f", path, "-o", "json").json
    assert (found["blocked"], found["asked"], found["undecided"], found["examples"]) == (0, 0, 0, [])
    broken = _file(tmp_path, "broken", "1")
    call("policy", "test", "-f", broken).refused(f"{broken}:", "Nothing was tested, there is one fault")
    head = "apiVersion: swarmstead.dev/v1alpha1\nkind: Binding\n"
    binding = f"{head}metadata: {{name: b}}\nspec: {{agent: a, server: s, tools: [t]}}\n"
    other = tmp_path / "other.yaml"
    other.write_text(binding)
    call("policy", "test", "-f", other).refused("There is no Policy in it")

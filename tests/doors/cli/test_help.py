"""Help is there for every command, is fast, and says the same in the list as on the command's own page."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from swarmstead.doors.cli import main
from swarmstead.doors.cli.lazy import LazyGroup
from tests.doors.cli.conftest import Call
from tests.doors.cli.helpers import Server

_LOADED = """
import sys
from swarmstead.doors.cli import main
code = main.run(["--help"])
sys.stderr.write("\\n".join(name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None)))
raise SystemExit(code)
"""


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


_ALL = dict(_commands(main.cli))


def test_help_loads_nothing_but_click_and_the_kernel() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    third = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"swarmstead", "__main__"}
    ours = {name for name in loaded if name.startswith("swarmstead.")}
    assert {name for name in third if not name.startswith(("_", "sitecustomize"))} <= {"click"}
    assert {name for name in ours if not name.startswith("swarmstead.kernel")} == {
        "swarmstead.doors",
        "swarmstead.doors.cli",
        "swarmstead.doors.cli.lazy",
        "swarmstead.doors.cli.main",
    }
    assert "up" in done.stdout
    assert "run" in done.stdout


@pytest.mark.parametrize("path", _ALL, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*path, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: stead {' '.join(path)}")
    assert _ALL[path].get_short_help_str()
    bare = [one.name for one in _ALL[path].params if isinstance(one, click.Option) and not one.help]
    assert bare == []


# What prints a text of its own, or a whole document, or nothing.
_OTHER_FORMS = {
    ("up",),
    ("gateway",),
    ("worker",),
    ("schema",),
    ("openapi",),
}


def _forms(command: click.Command) -> set[str]:
    return {
        str(choice)
        for one in command.params
        if one.name == "form" and isinstance(one.type, click.Choice)
        for choice in one.type.choices
    }


def test_every_command_that_answers_does_so_as_table_json_or_yaml() -> None:
    leaves = {path: command for path, command in _ALL.items() if not isinstance(command, click.Group)}
    wanted = {"table", "json", "yaml"}
    assert {path for path, command in leaves.items() if not wanted <= _forms(command)} == _OTHER_FORMS


def test_every_listed_command_is_there_under_its_name() -> None:
    assert isinstance(main.cli, LazyGroup)
    assert {" ".join(path) for path in _ALL if len(path) == 1} == set(main.cli.list_commands(click.Context(main.cli)))
    assert all(path[-1] == command.name for path, command in _ALL.items())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["fly"], "No such command 'fly'"),
        (["run", "jump"], "No such command 'jump'"),
        (["run", "show"], "Missing argument 'RUN'"),
        (["run", "list", "--colour"], "No such option"),
        (["run", "list", "-o", "xml"], "'xml' is not one of"),
        (["up", "--port", "high"], "'high' is not a valid integer"),
    ],
)
def test_a_wrong_command_line_is_one_message(call: Call, arguments: list[str], part: str) -> None:
    call(*arguments).refused(part, "--help` shows how")


def test_the_server_and_key_may_stand_before_the_command(call: Call, server: Server, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(server.key)
    done = call("--server", server.address, "--key-file", tmp_path / "key", "whoami", "-o", "json")
    assert done.json["actor"]["name"] == "first admin"
    call("--server", "http://127.0.0.1:1", "whoami").failed("no server at http://127.0.0.1:1")
    assert call("--server", "http://127.0.0.1:1", "whoami", "--server", server.address).code == 0
    asked = call("--server", "http://127.0.0.1:1", "doctor", "-o", "json").json["checks"]
    assert any("no server at http://127.0.0.1:1" in one["detail"] for one in asked)
    call("--server", server.address, "up").refused("`stead up` speaks with no server")
    call("run", "--server", server.address, "list").refused("No such option", "`stead run COMMAND --server`")
    call("-o", "json", "whoami").refused("No such option", "`stead COMMAND -o`")


def test_a_group_alone_shows_its_commands(call: Call) -> None:
    done = call("run")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: stead run")
    assert "watch" in done.err


def test_version(call: Call) -> None:
    found = call("version", "-o", "json").json
    assert call("--version").out.strip() == found["version"]
    assert call("version").out.startswith("swarmstead")

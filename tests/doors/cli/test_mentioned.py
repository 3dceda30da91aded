"""Commands that pages, messages and samples mention are there; docs/cli.md mentions all of them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from swarmstead.doors.cli import main
from tests.architecture.tree import files, read

_PAGE = "docs/cli.md"
_LINE = re.compile(r"^(?:\.venv/bin/)?stead (.+?)(?:\s+(?:#|>).*)?$", re.MULTILINE)
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`stead ([a-z][^`]*)`")


def _page_lines() -> list[str]:
    pages = [name for name in files(".md") if name.startswith(("docs/", "README"))]
    return [line for name in pages for block in _FENCE.findall(read(name)) for line in _LINE.findall(block)]


def _resolve(words: list[str]) -> tuple[click.Command, list[str], list[str]]:
    """The command that a line names, its name in words, and the words after it."""
    command: click.Command = main.cli
    path: list[str] = []
    while isinstance(command, click.Group) and len(path) < len(words):
        found = command.get_command(click.Context(command), words[len(path)])
        if found is None:
            break
        command = found
        path.append(words[len(path)])
    return command, path, words[len(path) :]


@pytest.mark.parametrize("line", sorted(set(_page_lines())))
def test_a_line_of_the_docs_can_be_typed(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FOLDER").mkdir()
    command, path, rest = _resolve(shlex.split(line))
    assert not isinstance(command, click.Group), f"stead {line} names no command"
    command.make_context(" ".join(path), rest)  # raises a UsageError for an option that is not there


def test_the_page_of_the_command_line_names_every_command() -> None:
    named = {" ".join(_resolve(shlex.split(line))[1]) for line in _LINE.findall("\n".join(_FENCE.findall(read(_PAGE))))}
    assert set(_leaves(main.cli)) - named == set()


def _leaves(group: click.Group, before: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _leaves(command, f"{before}{name} ")
        else:
            yield before + name


def test_what_messages_tell_people_to_type_is_there() -> None:
    quoted = {
        (name, found)
        for name in files(".py", ".yaml", ".md")
        if name.startswith(("src/", "docs/", "README"))
        for found in _QUOTED.findall(read(name))
    }
    assert quoted
    wrong: list[str] = []
    for name, text in sorted(quoted):
        command, path, _ = _resolve(text.split())
        if not path or (isinstance(command, click.Group) and text.split()[len(path) :]):
            wrong.append(f"{name}: `stead {text}`")
    assert wrong == []

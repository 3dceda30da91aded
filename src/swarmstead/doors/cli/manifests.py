"""YAML files as one text for the server, and its complaints as places in those files."""

import re
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmstead.doors.cli.client import Client, Refused
from swarmstead.kernel.errors import BadInput
from swarmstead.resources.files import decoded, texts_of

_STDIN = "-"
# A text that opens with `---` or a directive brings its own start of a document.
_OPENS = re.compile(r"(\s*#[^\n]*\n|\s*\n)*(---(\s|$)|%)")


@dataclass(frozen=True, slots=True)
class Source:
    """One file's text, and the line of the whole text on which it begins (from 1).

    Without a name it is text that nobody has: its faults are told without a place.
    """

    name: str
    text: str
    first_line: int


def read_all(names: Sequence[str]) -> list[Source]:
    """Files, folders (every .yaml and .yml below, by name) and `-` for standard input, in order. Fails: BadInput."""
    sources: list[Source] = []
    line = 1
    for file, text in [found for name in names for found in _texts(name)]:
        start = line + (1 if sources else 0)  # a separator stands before it
        sources.append(Source(file, text if text.endswith("\n") else f"{text}\n", start))
        line = start + sources[-1].text.count("\n")
    return sources


def joined(sources: Sequence[Source]) -> str:
    """All texts as one YAML stream, so that the server applies all of them or none."""
    whole = ""
    for source in sources:
        if whole:
            whole += "...\n" if _OPENS.match(source.text) else "---\n"
        whole += source.text
    return whole


def apply(client: Client, sources: Sequence[Source], *, dry_run: bool = False, strict: bool = False) -> Any:
    """Send them. Fails: Refused; BadInput that names file, line, column and field of each fault."""
    wishes = {name: "true" for name, wish in (("dry_run", dry_run), ("strict", strict)) if wish}
    with placed(sources, "Nothing was applied"):
        return client.post_yaml("/api/v1/apply", joined(sources), **wishes)


@contextmanager
def placed(sources: Sequence[Source], consequence: str) -> Generator[None]:
    """The server's complaints about these texts, said with their places in the files. Fails: BadInput, Refused."""
    try:
        yield
    except Refused as error:
        faults: Any = error.extra.get("errors")
        if error.code != "manifest_refused" or not faults:
            raise
        lines = [_placed(fault, sources) for fault in faults]
        count = "there is one fault" if len(lines) == 1 else f"there are {len(lines)} faults"
        raise BadInput(
            f"{consequence}, {count}:\n  " + "\n  ".join(lines), way_out=error.way_out, code=error.code
        ) from error


def _placed(fault: Mapping[str, Any], sources: Sequence[Source]) -> str:
    line = int(fault["line"])
    source = next((one for one in reversed(sources) if one.first_line <= line), sources[0])
    field = f"{fault['field']}: " if fault["field"] else ""
    if not source.name:
        return f"{field}{fault['message']}"
    return f"{source.name}:{line - source.first_line + 1}:{fault['column']}: {field}{fault['message']}"


def _texts(name: str) -> list[tuple[str, str]]:
    if name == _STDIN:
        return [("standard input", decoded("standard input", sys.stdin.buffer.read()))]
    return texts_of(Path(name))

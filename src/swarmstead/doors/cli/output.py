"""Tables for people, JSON and YAML for programs. Nothing that a server or an agent wrote can steer the terminal."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from swarmstead.doors.cli.words import short
from swarmstead.kernel.plain import UNSEEN

Json = dict[str, Any]
Cell = str | int | None
_UNSEEN = re.compile(UNSEEN)
_COLOURS = {
    "running": "blue",
    "waiting": "yellow",
    "pending": "yellow",
    "ask": "yellow",
    "warn": "yellow",
    "updated": "yellow",
    "succeeded": "green",
    "approved": "green",
    "allow": "green",
    "ok": "green",
    "created": "green",
    "failed": "red",
    "denied": "red",
    "deny": "red",
    "fail": "red",
    "unknown": "red",
    "danger": "red",
    "paused": "magenta",
}
_NARROWEST = 8
_IN_FOUR = 0xFFFF

output_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="How to print.",
)


document_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["json", "yaml"]),
    default="json",
    show_default=True,
    help="How to print.",
)


def visible(text: str) -> str:
    """`text` with what a terminal would obey, or a reader could not see, written out as an escape of YAML."""
    return _UNSEEN.sub(lambda found: _escape(ord(found[0])), text)


def _escape(number: int) -> str:
    return f"\\u{number:04x}" if number <= _IN_FOUR else f"\\U{number:08x}"


def _escape_in_json(number: int) -> str:
    """JSON has four digits only, and two of them for what is beyond."""
    if number <= _IN_FOUR:
        return _escape(number)
    return "".join(f"\\u{half:04x}" for half in (0xD7C0 + (number >> 10), 0xDC00 + (number & 0x3FF)))


def painted(word: str) -> str:
    """A status word in its colour; click takes the colour off where there is no terminal."""
    colour = _COLOURS.get(word)
    return click.style(word, fg=colour) if colour else visible(word)


def dump(value: object, form: str) -> None:
    """Print JSON or YAML."""
    if form == "json":
        # Inside of JSON a written-out character is the same character: what is printed reads back as it was.
        text = json.dumps(value, ensure_ascii=False, indent=2)
        click.echo(_UNSEEN.sub(lambda found: _escape_in_json(ord(found[0])), text))
        return
    from swarmstead.resources.writing import written

    document(written(value))


def document(text: str) -> None:
    """Print a whole YAML text that `resources.writing` has written: what is unseen stands in quotes there."""
    click.echo(visible(text), nl=False)


def listed(
    page: Mapping[str, Any], form: str, columns: Mapping[str, Callable[[Json], Cell]], *, empty: str = "None."
) -> None:
    """Print a page `{items, next}`: as it is, or as a table with these columns."""
    if form != "table":
        dump(dict(page), form)
        return
    items: Sequence[Json] = page["items"]
    if not items:
        click.echo(empty)
        return
    table(list(columns), [[column(item) for column in columns.values()] for item in items])
    if page.get("next"):
        click.echo("There are more: raise --limit.", err=True)


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print aligned columns. On a terminal they fit its width: the widest column gives way."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[at]) for row in cells)]) for at, name in enumerate(head)]
    if sys.stdout.isatty():
        _fit(widths, shutil.get_terminal_size().columns)
    widths_but_last = [*widths[:-1], 0]
    click.echo("  ".join(click.style(name.ljust(widths_but_last[at]), bold=True) for at, name in enumerate(head)))
    for row in cells:
        click.echo("  ".join(_padded(text, widths[at]) for at, text in enumerate(row)).rstrip())


def _cell(value: Cell) -> str:
    return visible("" if value is None else str(value)).replace("\n", " ").replace("\t", " ")


def _padded(text: str, width: int) -> str:
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return painted(cut) + " " * (width - len(cut))


def _fit(widths: list[int], room: int) -> None:
    """Narrow the widest columns until the line fits, or until nothing more can give way."""
    while sum(widths) + 2 * (len(widths) - 1) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1


def digest_cell(digest: str) -> str:
    """A digest for a table: shortened on a terminal, whole where a program may read it."""
    return short(digest) if sys.stdout.isatty() else digest


def facts(pairs: Mapping[str, Cell]) -> None:
    """Print `name  value` lines, aligned; what is empty is left out."""
    shown = {name: visible(str(value)) for name, value in pairs.items() if value not in (None, "")}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        first, *rest = value.split("\n")
        click.echo(f"{click.style(name.ljust(width), dim=True)}  {painted(first)}")
        for line in rest:
            click.echo(f"{' ' * width}  {line}")


def heading(text: str) -> None:
    """Print a line that opens a part of the answer."""
    click.echo(f"\n{click.style(text, bold=True)}")


def coloured_diff(lines: Sequence[tuple[str, str]]) -> None:
    """Print lines of a diff: (' ' | '+' | '-', text)."""
    colours = {"+": "green", "-": "red"}
    for op, text in lines:
        click.echo(click.style(visible(f"{op}{text}"), fg=colours.get(op)))

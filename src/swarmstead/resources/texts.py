"""YAML text to plain values, with the place of each.

Takes what JSON can hold, and nothing that means more than it says: no aliases, no tags, and no dates, merge keys or
numbers in base 60 (those are text here). Faults are found while it is still text, so no text costs more than its size.
"""

import math
from collections.abc import Iterator
from typing import Any, cast

import yaml

MAX_BYTES = 1_048_576
MAX_NODES = 20_000
_DEEPEST = 64
_LONGEST_NUMBER = 40
# PyYAML makes characters and numbers of what it reads without looking: `\\U00110000` is a ValueError of Python's own.
_OF_PYTHON = (ValueError, ArithmeticError, LookupError, AttributeError, TypeError, RecursionError)

BLOCK = "|"
"""Below the path of a text that is written as a block: the place of its first line."""

Path = tuple[str, ...]
Places = dict[Path, tuple[int, int]]


class NotPlain(Exception):
    """The text is not YAML, or more than plain values; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.column = column
        self.problem = problem


def load(text: str) -> Iterator[tuple[Any, Places]]:
    """Each document of the text with the places of its values, by path.

    A value that begins on another line than its key stands where the key does.
    Fails: NotPlain, after the documents before the fault were given.
    Cost: about 70 us a value, at most MAX_NODES of them.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise NotPlain(1, 1, f"larger than {MAX_BYTES} bytes; split it")
    try:
        yield from _documents(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        raise NotPlain(line, column, f"not YAML: the character {text[error.position]!r}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = error.problem if isinstance(error, _NotTaken) else f"not YAML: {error.problem}"
        raise NotPlain(line, column, str(problem)) from error


def _documents(text: str) -> Iterator[tuple[Any, Places]]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            places: Places = {}
            yield (None if node is None else _build(loader, node, (), node.start_mark, places)), places
    except _OF_PYTHON as error:
        raise _fault(loader.get_mark(), "not YAML: an escape or a number that stands for nothing") from error
    finally:
        loader.dispose()


class _NotTaken(yaml.MarkedYAMLError):
    """YAML, but not what is taken here."""


class _Loader(yaml.SafeLoader):
    """Composes nodes as SafeLoader does, and stops at the first one that is not plain or is one too many."""

    nodes = 0
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node and all under it. Fails: yaml.MarkedYAMLError."""
        event = cast("Any", self.peek_event())  # pyright: ignore[reportUnknownMemberType] - PyYAML's stubs leave it open
        if isinstance(event, yaml.AliasEvent):
            raise _fault(event.start_mark, "aliases are not taken; write the value out")
        if event.tag is not None:
            raise _fault(event.start_mark, f"tags are not taken; remove {event.tag}")
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _fault(event.start_mark, f"more than {MAX_NODES} values; split it")
        if self.depth >= _DEEPEST:
            raise _fault(event.start_mark, f"nested deeper than {_DEEPEST} levels")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _build(loader: _Loader, node: yaml.Node, path: Path, mark: Any, places: Places) -> Any:
    places[path] = (mark.line + 1, mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(loader, key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise _fault(key_node.start_mark, "a key must be text; quote it")
            if key in built:
                raise _fault(key_node.start_mark, f"the key {key!r} stands twice")
            beside = value_node.start_mark.line == key_node.start_mark.line
            mark = (value_node if beside else key_node).start_mark
            built[key] = _build(loader, value_node, (*path, key), mark, places)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [
            _build(loader, item, (*path, str(index)), item.start_mark, places) for index, item in enumerate(node.value)
        ]
    if isinstance(node, yaml.ScalarNode) and node.style == "|":
        places[*path, BLOCK] = (node.start_mark.line + 2, 1)
    return _scalar(loader, node)


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    value = str(node.value)
    kind = node.tag.rpartition(":")[2]
    if kind in {"int", "float"} and ":" not in value:
        if len(value) > _LONGEST_NUMBER:
            raise _fault(node.start_mark, f"a number of {len(value)} characters; quote it if it is text")
        number = _constructed(loader, node)
        if not math.isfinite(number):
            raise _fault(node.start_mark, f"{value} is no number that JSON knows; quote it if it is text")
        return number
    if kind in {"bool", "null"}:
        return _constructed(loader, node)
    if not _can_be_stored(value):
        raise _fault(node.start_mark, "a character that cannot be stored (NUL, half a surrogate pair)")
    return value


def _constructed(loader: _Loader, node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType] - as above
    except _OF_PYTHON as error:
        raise _fault(node.start_mark, f"{node.value} is no number; quote it if it is text") from error


def _can_be_stored(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _fault(mark: Any, problem: str) -> "_NotTaken":
    return _NotTaken(problem=problem, problem_mark=mark)

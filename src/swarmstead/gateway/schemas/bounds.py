"""How large a JSON value is, found in one walk that stops at the first thing that is too large."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import msgspec

_HALF = re.compile("[\ud800-\udfff]")
_OBJECTS, _ARRAYS = (dict, Mapping), (list, tuple)  # the usual first: to ask an abstract class takes longer
_encode = msgspec.json.Encoder().encode
_SMALL = 8
"""What a number, a boolean or null counts: about what it takes as JSON."""
_MOST_PER_BYTE = 4
"""More than any bound counts a byte of JSON for: `[1,2]` has five, of which two numbers and their places count six."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most of each that is let through."""

    characters: int
    items: int
    depth: int
    size: int
    """Bytes, roughly: the characters of strings and names, and a few for everything else."""
    values: int
    """Strings, numbers, arrays and objects, all counted."""


def fault_of(arguments: Mapping[str, Any], bounds: Bounds) -> tuple[str, str] | None:
    """(which argument, what is too large), None when nothing is.

    Cost: 0.3 us a value; what is too large is not walked through.
    """
    walk = _Walk(bounds)
    problem = walk.members(arguments, 0)
    if problem:
        return "", problem
    for name, value in arguments.items():
        problem = walk.through(value)
        if problem:
            return name, problem
    return None


def too_large(value: Any, bounds: Bounds) -> str:
    """What is too large about an answer, '' for nothing. Text that cannot be kept is not this module's business.

    What is short as JSON is within all bounds, and most answers are: they are not walked through.
    """
    return "" if _is_short(value, bounds) else _Walk(bounds, strict=False).through(value)


def _is_short(value: Any, bounds: Bounds) -> bool:
    """Whether a value's JSON is shorter than what it takes to break a bound."""
    try:
        said = _encode(value)
    except (TypeError, ValueError, RecursionError):
        return False
    nested = said.count(b"{") + said.count(b"[")
    return nested <= bounds.depth and len(said) * _MOST_PER_BYTE <= min(
        bounds.characters, bounds.items, bounds.size, bounds.values
    )


class _Walk:
    """What was met so far, held against the bounds."""

    __slots__ = ("_bounds", "_size", "_strict", "_values")

    def __init__(self, bounds: Bounds, *, strict: bool = True) -> None:
        self._bounds = bounds
        self._strict = strict
        self._size = 0
        self._values = 0

    def through(self, value: Any) -> str:
        """What is too large about a value and all that is in it, '' for nothing. Goes through it level by level."""
        most = self._bounds
        level: list[Any] = [value]
        depth = 0
        while level:
            depth += 1
            below: list[Any] = []
            for one in level:
                problem = self._text(one) if isinstance(one, str) else self._other(one, depth, below)
                if problem:
                    return problem
                if self._size > most.size:
                    return f"all together it has more than {most.size:,} bytes"
                if self._values + len(level) + len(below) > most.values:
                    return f"it has more than {most.values:,} values"
            self._values += len(level)
            level = below
        return ""

    def _other(self, value: Any, depth: int, below: list[Any]) -> str:
        if isinstance(value, _OBJECTS):
            members = cast("Mapping[str, Any]", value)
            problem = self.members(members, depth)
            if not problem:
                below.extend(members.values())
            return problem
        if isinstance(value, _ARRAYS):
            items = cast("Sequence[Any]", value)
            problem = self._items(len(items), depth, "array")
            if not problem:
                below.extend(items)
            return problem
        return self._number(value)

    def members(self, members: Mapping[str, Any], depth: int) -> str:
        """What is wrong with an object itself, its members' names included."""
        problem = self._items(len(members), depth, "object")
        if problem:
            return problem
        names = "".join(members)
        self._size += len(names)
        return "" if not self._strict or _is_unicode(names) else "a name is not valid Unicode"

    def _items(self, count: int, depth: int, kind: str) -> str:
        if count > self._bounds.items:
            return f"an {kind} has {count:,} members, and at most {self._bounds.items:,} are let through"
        if depth > self._bounds.depth:
            return f"it is nested deeper than {self._bounds.depth} levels"
        self._size += 2 * count
        return ""

    def _text(self, text: str) -> str:
        self._size += len(text)
        if len(text) > self._bounds.characters:
            most = self._bounds.characters
            return f"a string has {len(text):,} characters, and at most {most:,} are let through"
        return "" if not self._strict or _is_unicode(text) else "a string is not valid Unicode"

    def _number(self, value: Any) -> str:
        if self._strict and isinstance(value, float) and not isfinite(value):
            return "a number is not finite"
        self._size += value.bit_length() // 3 + 1 if isinstance(value, int) else _SMALL
        return ""


def _is_unicode(text: str) -> bool:
    """Whether no half of a surrogate pair stands in it: no JSON can carry one."""
    return text.isascii() or not _HALF.search(text)

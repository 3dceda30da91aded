"""What tools and models say, made fit to be kept: text that every encoding and database can hold, numbers JSON has.

JSON that was read may hold more than can be written again: half a surrogate pair cannot be encoded, Postgres keeps no
NUL, and NaN and infinity are no JSON. It is mended or refused once, where it comes in, so that nobody behind has to.
"""

import math
import re
from typing import Any, cast

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_TURNING = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_BLANK = "\xad\u034f\u115f\u1160\u17b4\u17b5\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
_RARE = "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
_SELECTING = "\u180b-\u180f\ufe00-\ufe0f"
_TAGS = "\U000e0000-\U000e0fff"
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
UNSEEN = (
    f"[{_CONTROLS}{_TURNING}{_BLANK}{_RARE}{_SELECTING}{_TAGS}]"
    "(?!(?<=\r)\n)"
    f"(?<!{_EMOJI}[\ufe0e\ufe0f])(?!(?<=[#*0-9]\ufe0f)\u20e3)"
    f"(?!(?<={_EMOJI}\u200d){_EMOJI})(?!(?<={_EMOJI}\ufe0f\u200d){_EMOJI})"
)
"""A pattern: what a person does not see though a model reads it, or what makes a text read other than it is.

Controls, marks that turn the direction, characters without a shape (zero-width ones, fillers, tags, variation
selectors) and halves of surrogate pairs. Three may stay, where they do what a person sees: a line break and a tab; one
selector U+FE0E or U+FE0F right after an emoji, or in a keycap; and U+200D between two emoji. The flags of England,
Scotland and Wales are spelt in tags, and are written out like any other tag. `ui/src/lib/unseen.ts` is the same.
"""
_HALF = re.compile("[\ud800-\udfff]")
_BROKEN = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_DEEPEST = 100
_MOST_CONTAINERS, _MOST_VALUES = 200_000, 1_000_000


def crowded(data: bytes | bytearray) -> bool:
    """Whether JSON is so full of brackets and commas that reading it could take a hundred times its length in memory.

    Texts inside of it count too: an honest one would have to be megabytes of nothing else. Cost: a look at each byte.
    """
    if len(data) <= _MOST_CONTAINERS:
        return False
    return data.count(b"[") + data.count(b"{") > _MOST_CONTAINERS or data.count(b",") > _MOST_VALUES


def plain_text(text: str) -> str:
    """`text` with U+FFFD in place of NUL and of halves of surrogate pairs. Cost: none to speak of where it is well."""
    if "\0" not in text:
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _BROKEN.sub(_REPLACEMENT, text)


_Place = tuple[Any, "str | int"] | None
"""Where a value lies: in what, which has its own place, and under which name. A path of its own each would be long."""


def broken_text(value: Any) -> tuple[str, ...] | None:
    """The path to the first text that holds half a surrogate pair, to the object where that is a name; None: all well.

    Cost: a look at each value, without recursion, and as much memory for each that waits for its look.
    """
    left: list[tuple[_Place, Any]] = [(None, value)]
    while left:
        place, one = left.pop()
        if isinstance(one, str) and _HALF.search(one):
            return _path(place)
        if isinstance(one, dict):
            fields = cast("dict[str, Any]", one)
            if any(_HALF.search(name) for name in fields):
                return _path(place)
            left += [((place, name), item) for name, item in reversed(fields.items())]
        elif isinstance(one, list):
            items = cast("list[Any]", one)
            left += [((place, index), items[index]) for index in range(len(items) - 1, -1, -1)]
    return None


def _path(place: _Place) -> tuple[str, ...]:
    path: list[str] = []
    while place is not None:
        place, name = place
        path.append(str(name))
    return tuple(reversed(path))


def plain(value: Any) -> Any:
    """A copy of a JSON value that can be written as JSON again, its texts as `plain_text` makes them.

    Fails: ValueError, naming what is wrong, for NaN and infinity and for what is nested more than 100 deep.
    """
    return _plain(value, 0)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        _check_depth(depth)
        fields = cast("dict[str, Any]", value)
        return {plain_text(name): _plain(item, depth + 1) for name, item in fields.items()}
    if isinstance(value, list):
        _check_depth(depth)
        return [_plain(item, depth + 1) for item in cast("list[Any]", value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that JSON does not have")
    return value


def _check_depth(depth: int) -> None:
    if depth >= _DEEPEST:
        raise ValueError(f"values nested more than {_DEEPEST} deep")

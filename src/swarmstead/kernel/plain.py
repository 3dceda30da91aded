"""What tools and models say, made fit to be kept: text that every encoding and database can hold, numbers JSON has.

JSON that was read may hold more than can be written again: half a surrogate pair cannot be encoded, Postgres keeps no
NUL, and NaN and infinity are no JSON. It is mended or refused once, where it comes in, so that nobody behind has to.
"""

import math
import re
from typing import Any, cast

UNSEEN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
"""A pattern: controls, and marks that reorder or hide text. A line break and a tab may stay."""
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

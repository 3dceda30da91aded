"""Values of JSON that nobody expects, and a way to put them into a message: for tests that draw bad input."""

import copy
from typing import Any, cast

from hypothesis import strategies as st

NAMES = (
    *("name", "arguments", "uri", "ref", "type", "extra", "jsonrpc", "id", "method", "params", "result", "error"),
    *(
        "_meta",
        "progressToken",
        "content",
        "structuredContent",
        "isError",
        "message",
        "data",
        "level",
        "cursor",
        "code",
    ),
    *("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities", "inputRequests"),
)
VERSIONS = ("2026-07-28", "2025-11-25", "2025-03-26", "2024-11-05", "2031-01-01", "", "1" * 3000)
_URIS = ("notes://open/../shut", "", "file:///etc/passwd", "notes://open/" + "%2e" * 3000, "notes://open/\0")
_WORDS = ("\x00", "\ud800", "1e999", "__proto__", "x" * 70_000, "kit__", "__read", "kit__gone", "ref/prompt", "loud")

_odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from([*_WORDS, *_URIS, *VERSIONS]),
    st.builds(list[Any]),
    st.builds(dict[str, Any]),
)
_names = st.one_of(st.text(max_size=5), st.sampled_from(NAMES))
ANYTHING = st.recursive(
    _odd, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_names, inner, max_size=4)), max_leaves=6
)


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each member of a JSON value."""
    found: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            found += [(*here, name), *_places(inner, (*here, name))]
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[Any]", value)):
            found += [(*here, number), *_places(inner, (*here, number))]
    return found


def change(draw: st.DrawFn, message: dict[str, Any]) -> None:
    """Exchange a member of a message for something odd, take one away, or add one."""
    places = _places(message)
    if not places:
        return
    *way, last = draw(st.sampled_from(places))
    holder: Any = message
    for step in way:
        holder = holder[step]
    change = draw(st.sampled_from(["exchange", "exchange", "take", "add"]))
    if change == "exchange":
        holder[last] = copy.deepcopy(draw(ANYTHING))
    elif change == "take":
        del holder[last]
    elif isinstance(holder, dict):
        holder[draw(_names)] = copy.deepcopy(draw(ANYTHING))

"""What a model reads of a tool's answer: bounded, and data stays data when it is cut."""

import json
from collections.abc import Mapping
from typing import Any, cast

from swarmstead.gateway.contract import CallResult
from swarmstead.telemetry.contract import REDACTED

MOST_TEXT = 60_000
_TRIES = 12
_CUT = "[cut]"
_MARGIN = 0.95  # entries differ in length
_DEEPEST = 6
_BEGINNING = 500


def readable(result: CallResult) -> str:
    """The answer's text, at most about MOST_TEXT characters; what was cut says so.

    Structured data whose text is its own JSON loses entries, never its form: what parses before, parses afterwards.
    Any other text beside it is what is read.
    """
    text = result.text
    if result.structured is not None and _is_json_of(text, result.structured):
        text = _dumped(result.structured)  # cleaned value by value, where a cleaned text may have lost a bracket
        if len(text) > MOST_TEXT and (shorter := _shortened(result.structured, len(text))):
            return shorter
    if len(text) > MOST_TEXT:
        return f"{text[:MOST_TEXT]}\n[cut: {len(text) - MOST_TEXT} more characters]"
    return text


def _is_json_of(text: str, data: Mapping[str, Any]) -> bool:
    """Whether a text says what the data says. One that lost a bracket with a credential is known by how it begins."""
    try:
        return json.loads(text) == data
    except (ValueError, RecursionError):
        first = next(iter(data), None)
        begins = first is not None and "".join(text[:_BEGINNING].split()).startswith(f"{{{_dumped(first)}:")
        return begins and REDACTED in text


def _shortened(data: Mapping[str, Any], length: int) -> str | None:
    """The data with its longest lists and texts cut; None if it is too large in some other way."""
    fitting = cast("dict[str, Any]", json.loads(_dumped(data)))
    fitting |= {"truncated": True} if fitting.get("truncated") is False else {}
    for _ in range(_TRIES):
        if not _cut(fitting, len(_dumped(fitting)) - MOST_TEXT):
            return None
        text = _dumped(fitting)
        if len(text) <= MOST_TEXT:
            return _dumped({_CUT: f"{length - len(text)} more characters"} | fitting)
    return None


def _cut(node: dict[str, Any] | list[Any], excess: int, levels: int = _DEEPEST) -> bool:
    """Takes the excess from the end of the longest list or text in here; False where there is none, or it is too deep.

    Cost: what is in here is written once for each level.
    """
    children = cast("list[tuple[Any, Any]]", list(node.items() if isinstance(node, dict) else enumerate(node)))
    if not children:
        return False
    at, longest = max(children, key=lambda child: len(_dumped(child[1])))
    length = len(_dumped(longest))
    kept = max(0.0, _MARGIN * (length - excess) / length)
    if isinstance(longest, str):
        node[at] = longest[: int(len(longest) * kept)]
        return bool(longest)
    if isinstance(longest, list) and len(cast("list[Any]", longest)) > 1:
        longest = cast("list[Any]", longest)
        del longest[max(1, int(len(longest) * kept)) :]
        return True
    if levels and isinstance(longest, dict | list):
        return _cut(cast("dict[str, Any] | list[Any]", longest), excess, levels - 1)
    return False


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

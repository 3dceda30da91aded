"""Arguments that are repeated in headers, so that proxies can route by them (MCP 2026-07-28, "Custom Headers"). Pure.

A property of a tool's input schema with `x-mcp-header: NAME` goes into `Mcp-Param-NAME` as well. Body and headers have
to agree: a header that says something else would send a call where its arguments do not belong.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from swarmstead.gateway.contract import Mirror

_MARK = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.0+)?")
_TYPES = {"string", "integer", "boolean"}
_DEEPEST = 20


def mirrors_of(schema: Mapping[str, Any]) -> tuple[Mirror, ...]:
    """Which arguments go where. A schema with one bad annotation has none: no client could follow it."""
    found = tuple(_annotated(schema, ()))
    names = [one.header for one in found]
    if not all(_TOKEN.fullmatch(name) for name in names) or len(set(names)) < len(names):
        return ()
    return () if any(one.kind not in _TYPES for one in found) else found


def headers_for(mirrors: tuple[Mirror, ...], arguments: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a call with these arguments carries, their values as text that is still to be encoded."""
    values = ((one, text_of(_at(arguments, one.path))) for one in mirrors)
    return {f"mcp-param-{one.header}": text for one, text in values if text is not None}


def disagreement(mirrors: tuple[Mirror, ...], arguments: Mapping[str, Any], given: Mapping[str, str | None]) -> str:
    """The first header that does not say what the arguments say, '' for none. A value of None could not be read."""
    wanted = headers_for(mirrors, arguments)
    for one in mirrors:
        name = f"mcp-param-{one.header}"
        if name not in wanted and name not in given:
            continue
        if name not in wanted or not _same(one.kind, wanted[name], given.get(name)):
            return name
    return ""


def text_of(value: Any) -> str | None:
    """A value as a header says it, None for what no header can say."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _same(kind: str, wanted: str, given: str | None) -> bool:
    if given is None:
        return False
    if kind == "integer" and _DECIMAL.fullmatch(wanted) and _DECIMAL.fullmatch(given):
        return int(wanted.partition(".")[0]) == int(given.partition(".")[0])
    return wanted == given


def _annotated(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Mirror]:
    """Annotations reachable over `properties` alone: only there it is certain which argument is meant."""
    properties: Any = schema.get("properties")
    if not isinstance(properties, dict) or len(path) >= _DEEPEST:
        return
    for name, value in cast("dict[str, Any]", properties).items():
        if isinstance(value, dict):
            field = cast("dict[str, Any]", value)
            if _MARK in field:
                yield Mirror((*path, name), str(field[_MARK]).lower(), str(field.get("type")))
            yield from _annotated(field, (*path, name))


def _at(arguments: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = arguments
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = cast("Mapping[str, Any]", value).get(name)
    return value

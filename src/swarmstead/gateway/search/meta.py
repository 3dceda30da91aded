"""`search_tools` and `describe_tools`: what an MCP client sees instead of thousands of tools.

A client searches for what it has in mind, reads the definitions of the few that look right, and calls those by name.
Neither calls anything, and both show a caller only what is bound to them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from swarmstead.gateway.contract import Caller, CallResult, Kind, Tool
from swarmstead.gateway.search.contract import MOST, Only
from swarmstead.gateway.search.service import ToolSearch

SEARCH, DESCRIBE = "search_tools", "describe_tools"
_QUERY = 2_000
_NAME = 300
_GIST = 160
_DEFAULT = 8

DEFINITIONS: tuple[Mapping[str, Any], ...] = (
    {
        "name": SEARCH,
        "description": (
            "Find the tools that fit a task, in your own words; a task of several steps may be given whole. "
            f"Then read their arguments with {DESCRIBE} and call them by name."
        ),
        "inputSchema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["query"],
            "properties": {
                "query": {"type": "string", "minLength": 1, "maxLength": _QUERY, "description": "What is to be done."},
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": _DEFAULT},
            },
        },
        "annotations": {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    },
    {
        "name": DESCRIBE,
        "description": f"The full definitions of tools by name, as {SEARCH} gives names.",
        "inputSchema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["names"],
            "properties": {
                "names": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST,
                    "items": {"type": "string", "minLength": 1, "maxLength": _NAME},
                }
            },
        },
        "annotations": {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    },
)


class Names(Protocol):
    """What an address shows of a caller's tools, and under which names."""

    @property
    def only(self) -> Only | None:
        """The tools that it selects, by server; None when it selects nothing and shows all."""
        ...

    def shown(self, kind: Kind, server: str, name: str) -> str | None:
        """The name of a tool there, None when it is not shown."""
        ...

    def behind(self, kind: Kind, name: str) -> tuple[str, str] | None:
        """(server, tool) of a name there."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one caller searches: whose tools, under which names, and where root-limited servers work for it."""

    search: ToolSearch
    caller: Caller
    names: Names
    root: str = ""


async def call(desk: Desk, name: str, arguments: Mapping[str, Any]) -> CallResult:
    """Answer one of the two. Arguments that do not fit are an error result that says why.

    Fails: KeyError for other names.
    """
    return await {SEARCH: search_tools, DESCRIBE: describe_tools}[name](desk, arguments)


async def search_tools(desk: Desk, arguments: Mapping[str, Any]) -> CallResult:
    """`{tools: [{name, description, risk}]}`, best first; descriptions are cut to their gist."""
    query, limit = arguments.get("query"), arguments.get("limit", _DEFAULT)
    if not isinstance(query, str) or not query.strip() or len(query) > _QUERY:
        return _wrong(f"`query` is a text of 1 to {_QUERY:,} characters that says what is to be done.")
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
        return _wrong(f"`limit` is a number from 1 to {MOST}.")
    if extra := arguments.keys() - {"query", "limit"}:
        return _wrong(f"There is no argument {min(extra)!r}.")
    found = await desk.search.search(desk.caller, query, limit, desk.root, desk.names.only)
    hits = [
        {"name": name, "description": gist(one.document.description), "risk": one.document.risk}
        for one in found
        if (name := desk.names.shown("tool", one.document.server, one.document.name)) is not None
    ]
    return _answer({"tools": hits})


async def describe_tools(desk: Desk, arguments: Mapping[str, Any]) -> CallResult:
    """`{tools: [{name, description, inputSchema, ...}], unknown: [names]}`."""
    names = arguments.get("names")
    if not isinstance(names, list) or not 1 <= len(cast("list[Any]", names)) <= MOST:
        return _wrong(f"`names` is a list of 1 to {MOST} names.")
    wanted = [name for name in cast("list[Any]", names) if isinstance(name, str) and 0 < len(name) <= _NAME]
    if len(wanted) != len(cast("list[Any]", names)):
        return _wrong(f"Each of `names` is a text of 1 to {_NAME} characters, as {SEARCH} gives it.")
    if extra := arguments.keys() - {"names"}:
        return _wrong(f"There is no argument {min(extra)!r}.")
    behind = {name: desk.names.behind("tool", name) for name in wanted}
    known = [pair for pair in behind.values() if pair is not None]
    listed = await desk.search.definitions(desk.caller, known, desk.root, desk.names.only)
    found = {(tool.server, tool.name): tool for tool in listed}
    tools = {name: found[pair] for name, pair in behind.items() if pair in found}
    told: dict[str, Any] = {"tools": [definition(name, tool) for name, tool in tools.items()]}
    if unknown := [name for name in behind if name not in tools]:
        told["unknown"] = unknown
    return _answer(told)


def definition(name: str, tool: Tool) -> dict[str, Any]:
    """A tool as its server defines it, under the name it has at this address, with what an operator says it may do."""
    hints = {"readOnlyHint": tool.risk == "read", "idempotentHint": tool.idempotent}
    claimed: Mapping[str, Any] = tool.definition.get("annotations") or {}
    annotations = {**claimed, **hints}
    return {"inputSchema": tool.input_schema, **tool.definition, "name": name, "annotations": annotations}


def gist(description: str) -> str:
    """The first sentence or so of a description."""
    text = " ".join(description.split())
    if len(text) <= _GIST:
        return text
    end = text.find(". ", 40, _GIST)
    return text[: end + 1] if end > 0 else text[: _GIST - 1].rsplit(" ", 1)[0] + "…"


def _answer(told: Mapping[str, Any]) -> CallResult:
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return CallResult(({"type": "text", "text": text},), structured=told)


def _wrong(why: str) -> CallResult:
    return CallResult(({"type": "text", "text": why},), is_error=True)

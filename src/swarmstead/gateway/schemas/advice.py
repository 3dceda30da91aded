"""What a tool's schema leaves open, in words for who looks after it; and which tools can do anything at all. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.gateway.schemas.shape import ANY, Node, Shape, types_of

FREE_FORM = frozenset({"command", "cmd", "sql", "query", "code", "script", "shell"})
_CLOSED = ("enum", "const")
_FREE_LENGTH = 200
_NAMED = 5
_MOST_PLACES = 1_000


def free_form(schema: Mapping[str, Any]) -> str:
    """The argument by which a tool can be told to do anything: a free text called `command`, `sql` and the like; ''."""
    properties: Any = schema.get("properties")
    if not isinstance(properties, Mapping):
        return ""
    for name, node in properties.items():  # pyright: ignore[reportUnknownVariableType] - JSON
        if str(name).lower() in FREE_FORM and isinstance(node, Mapping) and _free_text(node):  # pyright: ignore[reportUnknownArgumentType] - JSON
            return str(name)  # pyright: ignore[reportUnknownArgumentType] - JSON
    return ""


def _free_text(node: Node) -> bool:
    if any(keyword in node for keyword in (*_CLOSED, "pattern")):
        return False
    longest: Any = node.get("maxLength")
    short = isinstance(longest, int) and longest <= _FREE_LENGTH
    return not short and (not types_of(node) or "string" in types_of(node))


def unbounded(shape: Shape, limits: ContractLimits) -> tuple[str, ...]:
    """One warning for the strings and one for the arrays that name no bound of their own."""
    strings: list[str] = []
    arrays: list[str] = []
    for path, node in _places(shape):
        types = types_of(node)
        if any(keyword in node for keyword in _CLOSED):
            continue
        if "string" in types and "maxLength" not in node:
            strings.append(path)
        if "array" in types and "maxItems" not in node:
            arrays.append(path)
    found: list[str] = []
    if strings:
        found.append(f"No maxLength: {_named(strings)}. At most {limits.characters:,} characters are let through.")
    if arrays:
        found.append(f"No maxItems: {_named(arrays)}. At most {limits.items:,} items are let through.")
    return tuple(found)


def declared(shape: Shape) -> tuple[int, int]:
    """The largest `maxLength`, and the largest `maxItems` or `maxProperties`, that the schema names itself."""
    characters = items = 0
    for _, node in _places(shape):
        characters = max(characters, _whole(node.get("maxLength")))
        items = max(items, _whole(node.get("maxItems")), _whole(node.get("maxProperties")))
    return characters, items


def _places(shape: Shape) -> Iterator[tuple[str, Node]]:
    """Every schema once, with the path of the first value that it is applied to."""
    seen: set[int] = set()
    waiting: list[tuple[str, Node]] = [("", shape.root)]
    while waiting and len(seen) < _MOST_PLACES:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield path or "the arguments", node
        waiting += [(path, part) for part in shape.same(node)]
        for name, child in shape.children(node):
            below = f"{path}[]" if name == ANY else f"{path}.{name}" if path else name
            waiting.append((below, child))


def _named(paths: list[str]) -> str:
    found = sorted(set(paths))
    more = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

"""What stands where in a JSON Schema. Pure: references are followed inside the schema itself, and nowhere else."""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

Node = Mapping[str, Any]
ANY = "*"
"""The key of a child that stands for every member of an array or object."""
_SAME_LISTS = ("allOf", "anyOf", "oneOf")
_SAME_ONES = ("not", "if", "then", "else")
_SAME_MAPS = ("dependentSchemas", "dependencies")
_CHILD_ONES = (
    *("additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("items", "additionalItems", "unevaluatedItems", "contains"),
)
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_MOST_NODES = 5_000
_ANYTHING: Node = {}


class SchemaRefused(ValueError):
    """A schema that is not used; its text says why, in words for an operator."""


class Shape:
    """A schema with its references resolved. Fails: SchemaRefused when one leads out of it, or nowhere."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self._anchors: dict[str, Node] = {}
        self._identity = str(root.get("$id", "")).rstrip("#")
        for count, node in enumerate(self._everything(root), 1):
            if count > _MOST_NODES:
                raise SchemaRefused(f"it has more than {_MOST_NODES:,} parts")
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(name := node.get(keyword), str):
                    self._anchors.setdefault(name, node)
            identity = node.get("$id")
            if node is not root and isinstance(identity, str) and not identity.startswith("#"):
                raise SchemaRefused(f"a part of it has an $id of its own ({identity[:100]!r})")

    def same(self, node: Node) -> Iterator[Node]:
        """The schemas that are applied to the very value that `node` is applied to."""
        for keyword in _REFERENCES:
            if isinstance(reference := node.get(keyword), str):
                yield self._resolve(reference)
        for keyword in _SAME_LISTS:
            yield from _nodes(node.get(keyword))
        for keyword in _SAME_ONES:
            yield from _nodes(node.get(keyword))
        for keyword in _SAME_MAPS:
            yield from (child for _, child in _members(node.get(keyword)))

    def children(self, node: Node) -> Iterator[tuple[str, Node]]:
        """The schemas that are applied to members of the value: their name, or ANY."""
        yield from _members(node.get("properties"))
        for _, child in _members(node.get("patternProperties")):
            yield ANY, child
        for keyword in _CHILD_ONES:
            for child in _nodes(node.get(keyword)):
                yield ANY, child
        for index, child in enumerate(_nodes(node.get("prefixItems"))):
            yield str(index), child

    def _everything(self, root: Node) -> Iterator[Node]:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            yield node
            for keyword in (*_SAME_LISTS, *_SAME_ONES, *_CHILD_ONES, "prefixItems"):
                waiting += _nodes(node.get(keyword))
            for keyword in (*_SAME_MAPS, "properties", "patternProperties", "$defs", "definitions"):
                waiting += [child for _, child in _members(node.get(keyword))]

    def _resolve(self, reference: str) -> Node:
        address, _, fragment = reference.partition("#")
        if address and address != self._identity:
            raise SchemaRefused(f"it refers to {address[:200]!r}, and nothing outside of it is fetched")
        if fragment and not fragment.startswith("/"):
            found: Any = self._anchors.get(fragment)
        else:
            found = _pointed(self.root, fragment)
        if isinstance(found, bool):
            return _ANYTHING  # `false` costs no more
        if not isinstance(found, Mapping):
            raise SchemaRefused(f"it refers to {reference[:200]!r}, which is not in it")
        return cast("Node", found)


def types_of(node: Node) -> tuple[str, ...]:
    """What `type` says, as a tuple; empty when it says nothing."""
    named = node.get("type")
    if isinstance(named, str):
        return (named,)
    return tuple(str(one) for one in cast("list[Any]", named)) if isinstance(named, list) else ()


def _pointed(root: Node, pointer: str) -> Any:
    found: Any = root
    for part in pointer.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = cast("Node", found).get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(cast("list[Any]", found)):
            found = cast("list[Any]", found)[int(name)]
        else:
            return None
    return found


def _nodes(value: Any) -> list[Node]:
    """A schema, or the schemas of a list; a `true` or `false` among them costs nothing."""
    if isinstance(value, Mapping):
        return [cast("Node", value)]
    return [one for one in cast("list[Any]", value) if isinstance(one, Mapping)] if isinstance(value, list) else []


def _members(value: Any) -> list[tuple[str, Node]]:
    if not isinstance(value, Mapping):
        return []
    found = cast("Mapping[Any, Any]", value)
    return [(str(name), cast("Node", one)) for name, one in found.items() if isinstance(one, Mapping)]

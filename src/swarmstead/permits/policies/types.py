"""The Cedar types of the arguments and labels that a policy reads, found out from how it uses them.

A tool's arguments have no type that all tools share, and Cedar's validator wants one for every attribute. So each
policy is checked against a schema in which the arguments it reads are optional and are what it treats them as.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from swarmstead.permits.policies.syntax import ArgumentPath, Expression, bodies, context_path, inner, operator

_DECIMAL = frozenset({"lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"})
_NUMERIC = frozenset({"<", "<=", ">", ">=", "+", "-", "*"})
_TRUTH = frozenset({"&&", "||", "!", "==", "!=", "<", "<=", ">", ">=", "has", "like", "is", "in", "contains"})
_LITERALS = {"bool": "Bool", "int": "Long", "str": "String"}
_KNOWN = {
    "resource.idempotent": "Bool",
    "context.environment.production": "Bool",
    "context.time.unix": "Long",
    "context.time.hour": "Long",
    "context.time.weekday": "Long",
    "principal.roles": "Set<String>",
}


@dataclass(slots=True)
class Shape:
    """The arguments at one level: a type where the value is used, members where it is looked into."""

    type: str = ""
    members: "dict[str, Shape]" = field(default_factory=dict[str, "Shape"])

    def at(self, path: ArgumentPath) -> "Shape":
        """The shape below, made when there is none."""
        found = self
        for part in path:
            found = found.members.setdefault(part, Shape())
        return found

    def cedar(self) -> str:
        """As a type in Cedar's schema language."""
        if self.members:
            return "{ " + ", ".join(f"{quoted(name)}?: {one.cedar()}" for name, one in self.members.items()) + " }"
        return self.type or "String"


def argument_shape(policy: Mapping[str, Any]) -> Shape:
    """What the policy takes the arguments to be."""
    shape = Shape()
    for body in bodies(policy):
        _visit(body, "Bool", shape)
    return shape


def typed(shape: Shape, type_: str, at: ArgumentPath = ()) -> set[ArgumentPath]:
    """The paths that are taken to be of this type."""
    found = {at} if shape.type == type_ else set[ArgumentPath]()
    for name, one in shape.members.items():
        found |= typed(one, type_, (*at, name))
    return found


def quoted(text: str) -> str:
    """A string literal of Cedar."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
    return '"' + "".join(escapes.get(sign, sign) for sign in text) + '"'


def _visit(expression: Expression, wanted: str, shape: Shape) -> None:
    """Note the type of every argument in the expression; `wanted` is what stands around it asks for ('' if nothing)."""
    path = context_path(expression)
    if path is not None:
        if path[:1] == ("arguments",) and len(path) > 1:
            found = shape.at(path[1:])
            found.type = found.type or wanted
        return
    sign = operator(expression)
    if sign == "has":
        path = context_path(expression["has"]["left"])
        if path is not None and path[:1] == ("arguments",):
            shape.at((*path[1:], str(expression["has"]["attr"])))
            return
    for part, type_ in zip(inner(expression) or (), _wanted(sign, expression, wanted), strict=False):
        _visit(part, type_, shape)


def _wanted(sign: str, expression: Expression, wanted: str) -> Iterable[str]:
    """The types that an operator asks of its parts, in their order; '' where it does not say."""
    body: Any = expression[sign] if sign else None
    if sign in ("&&", "||", "!"):
        return ("Bool", "Bool")
    if sign in _NUMERIC or sign == "neg":
        return ("Long", "Long")
    if sign in _DECIMAL:
        return ("decimal", "decimal")
    if sign in ("==", "!=", "containsAll", "containsAny"):
        type_ = _type(body["left"]) or _type(body["right"]) or ("Set<String>" if sign.startswith("contains") else "")
        return (type_, type_)
    if sign == "contains":
        members = _type(body["left"]).removeprefix("Set<").removesuffix(">")
        return (f"Set<{_type(body['right']) or 'String'}>", members)
    fixed = {"like": ("String",), "isEmpty": ("Set<String>",), "if-then-else": ("Bool", wanted, wanted)}
    return fixed.get(sign) or repeat("")


def _type(expression: Expression) -> str:
    """The type of an expression that is not an argument; '' when it is not known."""
    sign = operator(expression)
    body: Any = expression.get(sign)
    if sign == "Value":
        return _LITERALS.get(type(body).__name__, "")
    if sign == "Set":
        members = next((found for found in map(_type, body) if found), "")
        return f"Set<{members}>" if members else ""
    if sign == ".":
        return _type_of_attribute(expression)
    if sign in ("+", "-", "*", "neg"):
        return "Long"
    return "Bool" if sign in _TRUTH else {"getTag": "String", "decimal": "decimal"}.get(sign, "")


def _type_of_attribute(expression: Expression) -> str:
    names: list[str] = []
    while operator(expression) == ".":
        names.insert(0, str(expression["."]["attr"]))
        expression = expression["."]["left"]
    if expression == {"Var": "context"} and names[0] == "arguments":
        return ""
    root = str(expression.get("Var", ""))
    return _KNOWN.get(".".join((root, *names)), "String" if root else "")

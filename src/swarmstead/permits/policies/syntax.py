"""Cedar's JSON form of a policy, read for what we need to know of it: what it looks at, and to what it can apply.

The form is Cedar's EST: an expression is an object with one key, the operator. Source:
https://docs.cedarpolicy.com/policies/json-format.html. Whatever is not known here counts as reading everything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

Expression = Mapping[str, Any]
ArgumentPath = tuple[str, ...]
Uid = tuple[str, str]
_TWO_SIDES = frozenset(
    "== != < <= > >= && || + - * in contains containsAll containsAny getTag hasTag".split()  # noqa: SIM905 - a list of signs
)
_ONE_SIDE = frozenset({"!", "neg", "isEmpty"})


@dataclass(frozen=True, slots=True)
class Reads:
    """What a rule looks at beyond who, what and where.

    `values` are paths below `context.arguments` whose value it uses (the empty path: all of them), `presence` those of
    which it only asks whether they are there, `labels` the keys below `context.labels`.
    """

    values: frozenset[ArgumentPath] = frozenset()
    presence: frozenset[ArgumentPath] = frozenset()
    clock: bool = False
    labels: frozenset[str] = frozenset()

    @property
    def arguments(self) -> bool:
        """Whether it looks at arguments at all."""
        return bool(self.values or self.presence)

    @property
    def words(self) -> tuple[str, ...]:
        """For people: `arguments`, `time`."""
        return (*(("arguments",) if self.arguments else ()), *(("time",) if self.clock else ()))

    def __or__(self, other: "Reads") -> "Reads":
        return Reads(
            self.values | other.values,
            self.presence | other.presence,
            self.clock or other.clock,
            self.labels | other.labels,
        )


_EVERYTHING = Reads(values=frozenset({()}), clock=True)


def bodies(policy: Mapping[str, Any]) -> list[Expression]:
    """The expressions of a policy's `when` and `unless` clauses."""
    return [condition["body"] for condition in policy["conditions"]]


def reads(policy: Mapping[str, Any]) -> Reads:
    """What a policy looks at."""
    found = Reads()
    for body in bodies(policy):
        found |= _reads(body)
    return found


def operator(expression: Expression) -> str:
    """The one key of an expression; '' for what is none."""
    return next(iter(expression)) if len(expression) == 1 else ""


def context_path(expression: Expression) -> ArgumentPath | None:
    """`context.a.b` as ("a", "b"), `context` itself as (); None for anything else."""
    parts: list[str] = []
    while operator(expression) == ".":
        parts.append(str(expression["."]["attr"]))
        expression = expression["."]["left"]
    return tuple(reversed(parts)) if expression == {"Var": "context"} else None


def inner(expression: Expression) -> Iterator[Expression] | None:
    """The expressions that this one is made of; None when its operator is not known."""
    sign = operator(expression)
    body: Any = expression.get(sign)
    if sign in ("Var", "Value"):
        return iter(())
    if sign in _TWO_SIDES:
        return iter((body["left"], body["right"]))
    if sign in _ONE_SIDE:
        return iter((body["arg"],))
    if sign in (".", "has", "like"):
        return iter((body["left"],))
    return _inner_of_many(sign, body)


def _inner_of_many(sign: str, body: Any) -> Iterator[Expression] | None:
    if sign == "is":
        return iter((body["left"], *((body["in"],) if "in" in body else ())))
    if sign == "if-then-else":
        return iter((body["if"], body["then"], body["else"]))
    if sign == "Record":
        return iter(cast("Mapping[str, Expression]", body).values())
    if isinstance(body, list):  # a set, or a function of an extension with its arguments
        return iter(cast("list[Expression]", body))
    return None


def _reads(expression: Expression) -> Reads:
    path = context_path(expression)
    if path is not None:
        return _of_path(path, value=True)
    if operator(expression) == "has":
        path = context_path(expression["has"]["left"])
        if path is not None:
            return _of_path((*path, str(expression["has"]["attr"])), value=False)
    parts = inner(expression)
    if parts is None:
        return _EVERYTHING
    found = Reads()
    for part in parts:
        found |= _reads(part)
    return found


def _of_path(path: ArgumentPath, *, value: bool) -> Reads:
    if not path:
        return _EVERYTHING
    top, *rest = path
    if top == "arguments":
        below = frozenset({tuple(rest)})
        return Reads(values=below) if value or not rest else Reads(presence=below)
    if top == "time":
        return Reads(clock=True)
    if top == "labels":
        return Reads(labels=frozenset(rest[:1]))
    return Reads()


def is_about(policy: Mapping[str, Any], action: str) -> bool:
    """Whether the policy's head lets it apply to this action at all."""
    return _within(policy["action"], [("Action", action)])


def may_apply(policy: Mapping[str, Any], action: str, principal: Sequence[Uid], resource: Sequence[Uid]) -> bool:
    """Whether the policy's head lets it apply. `principal` and `resource` are uids: itself, then what it lies in."""
    return (
        _within(policy["principal"], principal) and is_about(policy, action) and _within(policy["resource"], resource)
    )


def _within(head: Mapping[str, Any], chain: Sequence[Uid]) -> bool:
    match head["op"]:
        case "All":
            return True
        case "==":
            return _uid(head["entity"]) == chain[0]
        case "in":
            wanted = head["entities"] if "entities" in head else [head["entity"]]
            return any(_uid(one) in chain for one in wanted)
        case "is":
            inside = head.get("in")
            return head["entity_type"] == chain[0][0] and (inside is None or _uid(inside["entity"]) in chain)
        case _:
            return True


def _uid(entity: Mapping[str, Any]) -> Uid:
    return str(entity["type"]), str(entity["id"])

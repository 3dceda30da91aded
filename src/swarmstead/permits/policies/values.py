"""A tool's arguments as a record of Cedar: only what the policies read, and a list of what Cedar cannot hold.

    text, true and false             as they are; text of at most 64 KiB
    whole numbers                    Long, when they fit 64 bits (1.0 is whole); decimal where all rules read decimals
    numbers with a fraction          decimal, when four digits after the point say them exactly
    lists                            sets: order and repetition are lost
    objects                          records
    null, and whatever does not fit  left out; every rule that reads it fails closed: a forbid holds, a permit does not

Cost: what no policy reads is never looked at, so a large argument costs nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from swarmstead.permits.policies.syntax import ArgumentPath

_MAX_TEXT = 65_536
_MAX_NODES = 10_000
_DEEPEST = 24
_LONG = 2**63
_DECIMAL_STEPS = 10_000  # four digits after the point, in 64 bits
_ESCAPES = frozenset({"__entity", "__extn", "__expr"})  # Cedar's JSON takes an object with one of these for no record


class Inexpressible(Exception):
    """Cedar has no such value."""


@dataclass(slots=True)
class Wanted:
    """Which arguments policies read: a tree of names; `whole` where a value is used, and not only looked into."""

    whole: bool = False
    is_decimal: bool = False
    members: "dict[str, Wanted]" = field(default_factory=dict[str, "Wanted"])

    def at(self, path: ArgumentPath) -> "Wanted":
        """The node below, made when there is none."""
        found = self
        for part in path:
            found = found.members.setdefault(part, Wanted())
        return found


def wanted(
    values: Iterable[ArgumentPath], presence: Iterable[ArgumentPath], decimals: Iterable[ArgumentPath]
) -> Wanted:
    """The tree of these paths."""
    root = Wanted()
    for path in values:
        root.at(path).whole = True
    for path in presence:
        root.at(path)
    for path in decimals:
        root.at(path).is_decimal = True
    return root


@dataclass(slots=True)
class Record:
    """Arguments as Cedar's JSON, and the paths at which something could not be said."""

    value: dict[str, Any]
    lost: set[ArgumentPath]


def record(arguments: Mapping[str, Any], tree: Wanted) -> Record:
    """What of the arguments is wanted. Never fails: what cannot be said stands in `lost`."""
    lost: set[ArgumentPath] = set()
    value = _Projection(lost).of(dict(arguments), tree, ())
    return Record(cast("dict[str, Any]", value) if isinstance(value, dict) else {}, lost)


class _Projection:
    def __init__(self, lost: set[ArgumentPath]) -> None:
        self._lost = lost
        self._left = _MAX_NODES

    def of(self, value: Any, tree: Wanted, at: ArgumentPath) -> Any:
        if isinstance(value, dict) and not tree.whole:
            return self._looked_into(cast("dict[Any, Any]", value), tree, at)
        try:
            return self._whole(value, tree, depth=0)
        except Inexpressible:
            self._lost.add(at)
            return None

    def _looked_into(self, value: dict[Any, Any], tree: Wanted, at: ArgumentPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, below in tree.members.items():
            if name in value:
                part = self.of(value[name], below, (*at, name))
                if part is not None:
                    found[name] = part
        if not found.keys().isdisjoint(_ESCAPES):
            self._lost.add(at)
            return {}
        return found

    def _whole(self, value: Any, tree: Wanted, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise Inexpressible
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return _number(value, as_decimal=tree.is_decimal)
        if isinstance(value, list | tuple):
            items = cast("list[Any] | tuple[Any, ...]", value)
            return [self._whole(item, _NOTHING, depth + 1) for item in items]
        if isinstance(value, Mapping):
            return self._members(cast("Mapping[Any, Any]", value), tree, depth)
        raise Inexpressible

    def _members(self, value: Mapping[Any, Any], tree: Wanted, depth: int) -> dict[str, Any]:
        if len(value) > self._left or not value.keys().isdisjoint(_ESCAPES):
            raise Inexpressible
        return {
            _text(name): self._whole(item, tree.members.get(name, _NOTHING), depth + 1) for name, item in value.items()
        }


_NOTHING = Wanted()


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise Inexpressible
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half a surrogate pair
        raise Inexpressible from error
    return value


def _number(value: float, *, as_decimal: bool) -> int | dict[str, Any]:
    if isinstance(value, float):
        if not abs(value) < _LONG:  # NaN and infinity too
            raise Inexpressible
        if value.is_integer():
            value = int(value)
    if isinstance(value, int) and not as_decimal:
        if not -_LONG <= value < _LONG:
            raise Inexpressible
        return value
    return _decimal(value)


def _decimal(value: float) -> dict[str, Any]:
    if abs(value) >= _LONG / _DECIMAL_STEPS:
        raise Inexpressible
    exact = Decimal(str(value))
    steps = exact * _DECIMAL_STEPS
    if steps != steps.to_integral_value():
        raise Inexpressible
    return {"__extn": {"fn": "decimal", "arg": f"{exact:.4f}"}}

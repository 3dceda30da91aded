"""What is short as JSON is let through unseen: that must never hide what the walk would have found."""

import math
from types import MappingProxyType
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.schemas.bounds import Bounds, fault_of, too_large

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=25,
)
WIDE = Bounds(10_000, 10_000, 128, 10_000, 10_000)


def counted(value: Any, depth: int = 1) -> tuple[int, int, int, int, int]:
    """(longest string, most members, depth, size, values) of a value, counted the long way."""
    if isinstance(value, str):
        return len(value), 0, 0, len(value), 1
    if isinstance(value, dict | list):
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        members = list(fields.values()) if isinstance(value, dict) else cast("list[Any]", value)
        below = [counted(one, depth + 1) for one in members]
        names = sum(map(len, fields))
        return (
            max((one[0] for one in below), default=0),
            max([len(members), *(one[1] for one in below)]),
            max([depth, *(one[2] for one in below)]),
            2 * len(members) + names + sum(one[3] for one in below),
            1 + sum(one[4] for one in below),
        )
    return 0, 0, 0, value.bit_length() // 3 + 1 if isinstance(value, int) else 8, 1


@given(VALUES, st.integers(0, 4), st.integers(1, 60))
def test_a_bound_holds_however_short_the_answer_is(value: Any, which: int, bound: int) -> None:
    limits = [10_000, 10_000, 128, 10_000, 10_000]
    limits[which] = bound
    assert bool(too_large(value, Bounds(*limits))) == (counted(value)[which] > bound)


@pytest.mark.parametrize("value", [MappingProxyType({"a": 1}), {"a": "\ud800"}, [math.nan], b"x", 1 << 4000])
def test_what_is_no_plain_json_is_measured_all_the_same(value: Any) -> None:
    assert too_large(value, WIDE) == ""
    assert too_large([value] * 200, Bounds(10_000, 100, 128, 10_000, 10_000)).startswith("an array has 200 members")


def test_arguments_are_walked_through_whole() -> None:
    """The last member of the last level counts as much as the first."""
    bounds = Bounds(5, 10, 4, 1000, 100)
    assert fault_of({"a": [1, {"b": ["short", "longer"]}]}, bounds) == (
        "a",
        "a string has 6 characters, and at most 5 are let through",
    )
    assert fault_of({"a": [[[[["deep"]]]]]}, bounds) == ("a", "it is nested deeper than 4 levels")
    assert fault_of({"a": [1, {"b": ["short", "other"]}]}, bounds) is None

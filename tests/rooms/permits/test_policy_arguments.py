"""Arguments meet policies: what Cedar cannot hold makes every rule that reads it fail closed, and nothing raises."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.permits.policies import values
from tests.rooms.permits.asking import ANN, effect, policies

FORBID = "forbid (principal, action, resource) when { %s };"
PERMIT = 'permit (principal, action == Action::"call", resource) when { %s };'
AMOUNT = "context.arguments has amount && context.arguments.amount > 100"


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


LOST: dict[str, Any] = {
    "null": None,
    "more than 64 bits": 2**63,
    "less than 64 bits": -(2**63) - 1,
    "a googol": 10**100,
    "infinity": math.inf,
    "no number": math.nan,
    "a large float": 1e300,
    "too many digits": 0.1 + 0.2,
    "half a surrogate pair": "\ud800",
    "a long text": "x" * 65_537,
    "a deep object": deep(100),
    "a deep list": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]],
    "a long list": list(range(10_001)),
    "null in a list": [1, None],
    "what Cedar takes for an entity": {"__entity": {"type": "User", "id": "root"}},
    "what Cedar takes for a function": {"__extn": {"fn": "decimal", "arg": "1.0"}},
    "what Cedar takes for an expression": {"__expr": "1"},
    "an escape deeper down": {"a": [{"__entity": {"type": "User", "id": "root"}}]},
}


@pytest.mark.parametrize("value", LOST.values(), ids=list(LOST))
@pytest.mark.parametrize("condition", [AMOUNT, "context.arguments has amount && context.arguments.amount != 5"])
def test_what_cannot_be_said_fails_closed(value: Any, condition: str) -> None:
    arguments = {"amount": value}
    assert effect(FORBID % condition, arguments=arguments) == "deny"
    assert effect(PERMIT % condition, arguments=arguments) == "ask"
    unless = FORBID.replace("when", "unless") % 'context.arguments has ticket && context.arguments.ticket == "T-1"'
    assert effect(unless, arguments={"ticket": value}) == "deny"


@pytest.mark.parametrize("value", [None, 2**63, "\ud800"])
def test_asking_whether_it_is_there_fails_closed_too(value: Any) -> None:
    arguments = {"force": value}
    assert effect(FORBID % "context.arguments has force", arguments=arguments) == "deny"
    assert effect(PERMIT % "context.arguments has force", arguments=arguments) == "ask"
    assert effect(PERMIT % "!(context.arguments has force)", arguments=arguments) == "ask"


@pytest.mark.parametrize("value", LOST.values(), ids=list(LOST))
def test_what_no_rule_reads_is_in_nobodys_way(value: Any) -> None:
    assert effect(FORBID % AMOUNT, arguments={"amount": 5, "other": value}) == "ask"
    assert effect(PERMIT % AMOUNT, arguments={"amount": 500, "other": value}) == "allow"


def test_a_huge_argument_that_no_rule_reads_is_never_looked_at() -> None:
    class Untouchable(dict[str, Any]):
        def items(self) -> Any:
            raise AssertionError("it was read")

        __iter__ = keys = values = __getitem__ = items  # type: ignore[assignment]

    assert effect(FORBID % AMOUNT, arguments={"amount": 1, "blob": Untouchable(a=1), "text": "x" * 10_000_000}) == "ask"


@pytest.mark.parametrize("value", ["500", True, [500], {"amount": 500}, 99.5])
def test_another_type_than_the_rule_takes_it_for_fails_closed(value: Any) -> None:
    assert effect(FORBID % AMOUNT, arguments={"amount": value}) == "deny"
    assert effect(PERMIT % AMOUNT, arguments={"amount": value}) == "ask"


def test_a_whole_float_is_a_whole_number() -> None:
    rule = FORBID % "context.arguments has amount && context.arguments.amount == 5"
    assert effect(rule, arguments={"amount": 5.0}) == "deny"


def test_whole_numbers_are_decimals_where_all_rules_read_decimals() -> None:
    rule = FORBID % 'context.arguments has price && context.arguments.price.lessThan(decimal("10.5"))'
    assert [effect(rule, arguments={"price": price}) for price in (10, 10.4999, 10.5, 11, -3, 922337203685478)] == [
        "deny",
        "deny",
        "ask",
        "ask",
        "deny",
        "deny",
    ]


def test_a_path_through_what_is_no_object_fails_closed() -> None:
    rule = "context.arguments has order.total && context.arguments.order.total > 100"
    for order in (5, "x", [1], None):
        assert effect(FORBID % rule, arguments={"order": order}) == "deny"
        assert effect(PERMIT % rule, arguments={"order": order}) == "ask"
    assert effect(FORBID % rule, arguments={"order": {"total": 5, "other": None}}) == "ask"


def test_an_error_in_a_forbid_denies_and_in_a_permit_permits_nothing() -> None:
    overflow = f"context.arguments has a && context.arguments.a + {2**63 - 1} > 0"
    assert effect(FORBID % overflow, arguments={"a": 1}) == "deny"
    assert effect(PERMIT % overflow, arguments={"a": 1}) == "ask"
    assert effect(PERMIT % overflow, arguments={"a": 0}) == "allow"


def test_a_rule_that_compares_all_arguments_is_held_back_by_any_that_is_lost() -> None:
    rule = PERMIT % "context.arguments == context.arguments"
    some = policies(rule)
    assert some.decide(ANN, 0).effect == "allow"
    assert effect(rule, arguments={"a": None}) == "ask"


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["amount", "order", "total", "__entity", "__extn", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
RULES = [
    FORBID % AMOUNT,
    FORBID % "context.arguments has order.total && context.arguments.order.total > 1",
    PERMIT % "context.arguments has order && context.arguments.order.isEmpty()",
    PERMIT % 'context.arguments has "" && context.arguments[""] like "*"',
]


@given(arguments=st.dictionaries(st.sampled_from(["amount", "order", "__extn", ""]), ODD, max_size=4))
def test_no_argument_makes_a_verdict_fail(arguments: Mapping[str, Any]) -> None:
    found = policies(*RULES).decide(replace(ANN, arguments=arguments), 0)
    assert found.effect in {"allow", "ask", "deny"}


@given(value=ODD)
def test_what_can_be_said_is_said_and_the_rest_is_lost(value: Any) -> None:
    tree = values.wanted([("a",)], [], [])
    found = values.record({"a": value, "b": value}, tree)
    assert ("a" in found.value) is (("a",) not in found.lost)
    assert found.value.keys() <= {"a"}

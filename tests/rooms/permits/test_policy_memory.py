"""Verdicts are remembered only where nothing that changes from call to call can change them."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmstead.permits.contract import PolicyException, PolicyMode, PolicyQuestion
from swarmstead.permits.policies import judging
from swarmstead.permits.policies.tenant import TenantPolicies
from tests.rooms.permits.asking import ADA, ANN, SUNDAY_NOON, loaded, policies

HEADS = [
    "principal, action, resource",
    'principal, action == Action::"call", resource',
    'principal, action == Action::"plan", resource',
    'principal == Agent::"ann", action, resource',
    "principal is User, action, resource",
    'principal in Tenant::"acme", action, resource in Server::"kit"',
    'principal, action in [Action::"call", Action::"plan"], resource == Tool::"kit/put"',
    'principal is Agent in Tenant::"evil", action, resource',
]
CONDITIONS = [
    "true",
    'resource.risk == "write"',
    "context.environment.production",
    "context.time.hour >= 12",
    "context.time.weekday > 5 || resource.idempotent",
    "context.arguments has amount && context.arguments.amount > 100",
    "if context.arguments has amount then resource.idempotent else context.time.hour == 3",
    "!(context has arguments)",
    "{at: context.time}.at.hour == 12",
    'context.labels has tier && context.labels.tier == "gold"',
    'principal is Agent && principal.hasTag("team") && principal.getTag("team") == "payments"',
    'principal is User && principal.roles.contains("admin")',
]
UNTIL = PolicyException("agent/ann", "kit/*", "2026-11-22T13:00:00Z", "for now")


@st.composite
def rules(draw: st.DrawFn) -> str:
    """One rule."""
    effect, kind = draw(st.sampled_from(["permit", "forbid"])), draw(st.sampled_from(["when", "unless"]))
    return f"{effect} ({draw(st.sampled_from(HEADS))}) {kind} {{ {draw(st.sampled_from(CONDITIONS))} }};"


@dataclass(frozen=True)
class Written:
    """A policy that is not parsed yet."""

    text: str
    mode: PolicyMode
    exceptions: tuple[PolicyException, ...]
    environments: tuple[str, ...]


@st.composite
def written(draw: st.DrawFn) -> Written:
    """A policy of up to three rules."""
    modes: list[PolicyMode] = ["enforce", "monitor"]
    return Written(
        "\n".join(draw(st.lists(rules(), min_size=1, max_size=3))),
        draw(st.sampled_from(modes)),
        draw(st.sampled_from([(), (UNTIL,)])),
        draw(st.sampled_from([(), ("prod",), ("dev",)])),
    )


ARGUMENTS: list[dict[str, Any]] = [{}, {"amount": 5}, {"amount": 500}, {"amount": None}]
HOURS = (0, 8, 15, 12 + 24)  # noon and night, of a Sunday and of the days after it


@st.composite
def callers(draw: st.DrawFn) -> PolicyQuestion:
    """Any caller, tool and place that the rules above can tell apart."""
    kinds: list[Literal["agent", "user"]] = ["agent", "user"]
    return replace(
        ANN,
        kind=draw(st.sampled_from(kinds)),
        principal=draw(st.sampled_from(["ann", "bob"])),
        roles=draw(st.sampled_from([frozenset[str](), frozenset({"admin"})])),
        environment=draw(st.sampled_from(["dev", "prod", ""])),
        server=draw(st.sampled_from(["kit", "other"])),
        tool=draw(st.sampled_from(["put", "append"])),
        risk=draw(st.sampled_from(["read", "write", "danger", "unknown"])),
        idempotent=draw(st.booleans()),
    )


@settings(max_examples=150)
@given(texts=st.lists(written(), max_size=3), callers=st.lists(callers(), min_size=1, max_size=2))
def test_a_remembered_verdict_is_the_verdict(texts: list[Written], callers: list[PolicyQuestion]) -> None:
    """Each caller calls with all arguments at all hours: whatever is remembered of one call meets all others."""
    some = [
        loaded(f"p{number}", one.text, one.mode, *one.exceptions, environments=one.environments)
        for number, one in enumerate(texts)
    ]
    remembering, other = policies(*some), policies(*some)
    for caller, arguments, hour in product(callers, ARGUMENTS, HOURS):
        question = replace(caller, arguments=arguments, at_ms=SUNDAY_NOON + hour * 3_600_000)
        assert remembering.decide(question, 0) == other.decide_anew(question, 0)
    assert other.remembered == 0


@pytest.mark.parametrize("head", HEADS)
def test_one_rule_of_each_kind_is_remembered_rightly(head: str) -> None:
    for effect, kind, condition in product(["permit", "forbid"], ["when", "unless"], CONDITIONS):
        some = policies(f"{effect} ({head}) {kind} {{ {condition} }};")
        for caller, arguments, hour in product([ANN, ADA], ARGUMENTS, HOURS[:2]):
            question = replace(caller, arguments=arguments, at_ms=SUNDAY_NOON + hour * 3_600_000)
            assert some.decide(question, 0) == some.decide_anew(question, 0), (effect, kind, condition)


def times_asked(monkey: Any, some: TenantPolicies, *questions: PolicyQuestion) -> int:
    """How often Cedar was asked."""
    count = 0
    real = judging.engine.ask

    def ask(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        return real(*arguments)

    monkey.setattr(judging.engine, "ask", ask)
    for question in questions:
        some.decide(question, 0)
    return count


def test_cedar_is_asked_once_where_no_rule_reads_arguments_or_clock(monkeypatch: Any) -> None:
    read = replace(ANN, risk="read")
    later = replace(read, at_ms=0, arguments={"amount": 7})
    assert times_asked(monkeypatch, policies('forbid (principal == Agent::"bob", action, resource);'), read, later) == 1


def test_cedar_is_asked_each_time_where_a_rule_that_may_apply_reads_them(monkeypatch: Any) -> None:
    read = replace(ANN, risk="read")
    late = 'forbid (principal == Agent::"ann", action, resource) when { context.time.hour > 20 };'
    assert times_asked(monkeypatch, policies(late), read, read) == 2
    assert times_asked(monkeypatch, policies(late), *(replace(read, principal="bob"),) * 3) == 1


def test_the_memory_is_bounded() -> None:
    some = policies()
    for number in range(3_000):
        some.decide(replace(ANN, principal=f"a{number}"), 0)
    assert some.remembered == 2_048

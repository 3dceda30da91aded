"""Verdicts are remembered only where nothing that changes from call to call can change them."""

from dataclasses import replace
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from swarmstead.permits.contract import PolicyException, PolicyMode, PolicyQuestion
from swarmstead.permits.policies import judging
from swarmstead.permits.policies.tenant import Loaded, TenantPolicies
from tests.rooms.permits.asking import ANN, SUNDAY_NOON, loaded, policies

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


@st.composite
def some_policies(draw: st.DrawFn) -> list[Loaded]:
    """Up to three policies of up to three rules."""
    modes: list[PolicyMode] = ["enforce", "monitor"]
    found: list[Loaded] = []
    for number in range(draw(st.integers(0, 3))):
        text = "\n".join(draw(st.lists(rules(), min_size=1, max_size=3)))
        exceptions = draw(st.sampled_from([(), (UNTIL,)]))
        environments = draw(st.sampled_from([(), ("prod",), ("dev",)]))
        found.append(loaded(f"p{number}", text, draw(st.sampled_from(modes)), *exceptions, environments=environments))
    return found


@st.composite
def questions(draw: st.DrawFn) -> PolicyQuestion:
    """Any caller, tool, place, argument and hour that the rules above can tell apart."""
    kinds: list[Literal["agent", "user"]] = ["agent", "user"]
    arguments: list[dict[str, Any]] = [{}, {"amount": 5}, {"amount": 500}, {"amount": None}]
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
        arguments=draw(st.sampled_from(arguments)),
        at_ms=SUNDAY_NOON + draw(st.integers(0, 167)) * 3_600_000,
    )


@settings(max_examples=150)
@given(some=some_policies(), asked=st.lists(questions(), min_size=1, max_size=6))
def test_a_remembered_verdict_is_the_verdict(some: list[Loaded], asked: list[PolicyQuestion]) -> None:
    remembering, other = policies(*some), policies(*some)
    for question in (*asked, *asked):
        assert remembering.decide(question, 0) == other.decide_anew(question, 0)
    assert other.remembered == 0


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

"""What is denied whatever happens need not be shown; what may yet be permitted is."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmstead.permits.contract import PolicyException, PolicyQuestion
from swarmstead.permits.policies import judging
from swarmstead.permits.policies.tenant import TenantPolicies
from tests.rooms.permits.asking import ADA, ANN, SUNDAY_NOON, loaded, policies
from tests.rooms.permits.test_policy_memory import ARGUMENTS, HOURS, Written, callers, written

NO_PLANS = 'forbid (principal, action == Action::"plan", resource);'
UNASKED = replace(ANN, arguments=None, at_ms=None)


def hides(some: TenantPolicies, question: PolicyQuestion = UNASKED, /, **changes: Any) -> bool:
    return some.hides(replace(question, **changes), SUNDAY_NOON)


@settings(max_examples=150)
@given(texts=st.lists(written(), max_size=3), caller=callers())
def test_what_is_hidden_is_denied_with_all_arguments_at_all_hours(texts: list[Written], caller: PolicyQuestion) -> None:
    some = policies(
        *(
            loaded(f"p{number}", one.text, one.mode, *one.exceptions, environments=one.environments)
            for number, one in enumerate(texts)
        )
    )
    if some.hides(replace(caller, arguments=None, at_ms=None), SUNDAY_NOON):
        for arguments, hour in product(ARGUMENTS, HOURS):
            asked = replace(caller, arguments=arguments, at_ms=SUNDAY_NOON + hour * 3_600_000)
            later = some.decide(asked, 0)
            excepted = any(one.exceptions for one in texts)
            assert later.effect == "deny" or (excepted and later.effect == "ask"), asked


@pytest.mark.parametrize(
    ("cedar", "hidden"),
    [
        ('forbid (principal == Agent::"ann", action, resource);', True),
        ('forbid (principal == Agent::"bob", action, resource);', False),
        ('forbid (principal, action, resource == Tool::"kit/put");', True),
        ('forbid (principal, action, resource) when { resource.risk == "write" };', True),
        ('forbid (principal, action == Action::"call", resource);', False),  # a person may still be asked
        ('forbid (principal, action == Action::"plan", resource);', True),
        ("forbid (principal, action, resource) when { context.arguments has amount };", False),
        ("forbid (principal, action, resource) when { context.time.hour > 20 };", False),
        (NO_PLANS + "permit (principal, action, resource) when { context.arguments has ticket };", False),
    ],
)
def test_a_tool_is_hidden_where_nothing_can_permit_it(cedar: str, hidden: bool) -> None:
    assert hides(policies(cedar)) == hidden


def test_a_monitored_policy_hides_nothing() -> None:
    assert not hides(policies(loaded("p", "forbid (principal, action, resource);", "monitor")))


def test_what_an_exception_lets_a_person_decide_is_shown_until_it_ends() -> None:
    until = PolicyException("agent/ann", "kit/*", "2026-11-22T13:00:00Z", "for now")
    some = policies(loaded("p", "forbid (principal, action, resource);", "enforce", until))
    assert not some.hides(UNASKED, SUNDAY_NOON)
    assert some.hides(UNASKED, SUNDAY_NOON + 3_600_000)


def test_cedar_is_not_asked_about_ten_thousand_tools_that_no_rule_can_forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = judging.engine.ask

    def ask(*arguments: Any) -> Any:
        asked.append("once")
        return real(*arguments)

    monkeypatch.setattr(judging.engine, "ask", ask)
    some = policies('forbid (principal, action, resource == Tool::"kit/t7");')
    found = [number for number in range(10_000) if hides(some, tool=f"t{number}")]
    assert found == [7]
    assert len(asked) == 2
    assert some.remembered == 1
    assert not policies("permit (principal, action, resource);").may_hide("tool", "dev")


READ = replace(ANN, what="resource", tool="ticket://open/7", risk="read", idempotent=True)
PROMPT = replace(READ, what="prompt", tool="summary", arguments={"style": "long"})


@pytest.mark.parametrize("question", [READ, PROMPT, replace(READ, kind="user", principal=ADA.principal)])
def test_a_read_goes_straight_through_by_default(question: PolicyQuestion) -> None:
    verdict = policies().decide(question, 0)
    assert (verdict.effect, verdict.rules) == ("allow", ("builtin/resources",))


@pytest.mark.parametrize(
    ("cedar", "resource", "prompt"),
    [
        ('forbid (principal, action == Action::"read", resource);', "deny", "deny"),
        ("forbid (principal, action, resource is Resource);", "deny", "allow"),
        ('forbid (principal, action, resource == Prompt::"kit/summary");', "allow", "deny"),
        ('forbid (principal, action, resource) when { resource.name like "ticket://open/*" };', "deny", "allow"),
        ('forbid (principal, action, resource in Server::"kit");', "deny", "deny"),
        ('forbid (principal, action in [Action::"call", Action::"plan"], resource);', "allow", "allow"),
        ("forbid (principal, action, resource) when { context.arguments has style };", "allow", "deny"),
        ('forbid (principal, action, resource) when { resource.risk == "read" };', "deny", "deny"),
        ("forbid (principal, action, resource is Tool);", "allow", "allow"),
    ],
)
def test_rules_speak_of_resources_and_prompts(cedar: str, resource: str, prompt: str) -> None:
    some = policies(cedar)
    assert (some.decide(READ, 0).effect, some.decide(PROMPT, 0).effect) == (resource, prompt)
    unasked = [replace(one, arguments=None, at_ms=None) for one in (READ, PROMPT)]
    hidden = [hides(some, one) for one in unasked]
    assert hidden == [effect == "deny" and "arguments" not in cedar for effect in (resource, prompt)]


def test_an_exception_is_about_tools_because_nobody_is_asked_about_a_read() -> None:
    until = PolicyException("agent/ann", "kit/*", "2026-11-22T13:00:00Z", "for now")
    some = policies(loaded("p", "forbid (principal, action, resource);", "enforce", until))
    assert some.decide(READ, SUNDAY_NOON).effect == "deny"
    assert some.decide(replace(ANN, risk="read"), SUNDAY_NOON).effect == "ask"


CALLERS = [replace(ANN, principal=f"a{number}", digest="") for number in range(400)]
DENY = "forbid (principal, action, resource);"


def test_a_share_of_the_callers_meets_a_policy_and_the_rest_is_monitored() -> None:
    some = policies(loaded("p", DENY, share=0.2))
    verdicts = [some.decide(one, SUNDAY_NOON) for one in CALLERS]
    met = [one for one in verdicts if one.effect == "deny"]
    assert 50 <= len(met) <= 110
    assert all(one.monitored is None for one in met)
    rest = [one for one in verdicts if one.effect != "deny"]
    assert {one.effect for one in rest} == {"ask"}
    assert {one.monitored and one.monitored.effect for one in rest} == {"deny"}
    assert some.may_hide("tool", "dev")
    hidden = [some.hides(replace(one, arguments=None, at_ms=None), 0) for one in CALLERS]
    assert hidden == [one.effect == "deny" for one in verdicts]
    wider = policies(loaded("p", DENY, share=0.5))
    assert all(wider.decide(one, 0).effect == "deny" for one, was in zip(CALLERS, verdicts, strict=True) if was in met)


def test_what_is_remembered_of_a_share_is_what_is_met_and_its_version_is_one() -> None:
    texts = [loaded(f"p{number}", DENY, share=number / 8) for number in range(1, 8)]
    some, other = policies(*texts), policies(*texts)
    for one in CALLERS:
        assert some.decide(one, 0) == some.decide(one, 0) == other.decide_anew(one, 0)
    assert len({some.decide(one, 0).version for one in CALLERS} | {some.version("dev")}) == 1

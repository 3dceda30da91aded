"""What the built-in rules say, and how far a tenant's own can tighten and loosen them."""

from dataclasses import replace
from typing import Any

import pytest

from swarmstead.permits.contract import PolicyException
from swarmstead.permits.policies.tenant import TenantPolicies
from tests.rooms.permits.asking import ADA, ANN, HOUSE, SUNDAY_NOON, effect, loaded, policies, verdict

PERMIT_ALL = "permit (principal, action, resource);"
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("risk", "expected", "rules"),
    [
        ("read", "allow", ("builtin/read",)),
        ("write", "ask", ("builtin/write",)),
        ("danger", "ask", ("builtin/danger-always-asks",)),
        ("unknown", "deny", ("builtin/unknown",)),
        ("", "deny", ("builtin/unknown",)),
        ("READ", "deny", ("builtin/unknown",)),
    ],
)
@pytest.mark.parametrize("question", [ANN, ADA], ids=["an agent", "a person"])
def test_what_is_not_known_to_be_harmless_is_asked_or_denied(
    question: Any, risk: str, expected: str, rules: tuple[str, ...]
) -> None:
    found = policies().decide(replace(question, risk=risk), SUNDAY_NOON)
    assert (found.effect, found.rules) == (expected, rules)


def test_the_sentence_names_the_rule() -> None:
    assert policies().decide(ANN, 0).text == "write tools wait for a person (builtin/write)"
    assert verdict("forbid (principal, action, resource);").text == "forbidden by a policy (p0/0)"


def test_a_permit_for_the_call_loosens_write_tools() -> None:
    rule = 'permit (principal == Agent::"ann", action == Action::"call", resource == Tool::"kit/put");'
    assert effect(rule) == "allow"
    assert effect(rule, tool="append") == "ask"
    assert effect(rule, principal="bob") == "ask"


@pytest.mark.parametrize(("risk", "expected"), [("danger", "ask"), ("unknown", "deny"), ("other", "deny")])
def test_nothing_loosens_dangerous_and_unknown_tools(risk: str, expected: str) -> None:
    assert effect(PERMIT_ALL, risk=risk) == expected


def test_a_forbid_wins_over_any_permit() -> None:
    rules = (PERMIT_ALL, 'forbid (principal, action, resource in Server::"kit");')
    found = policies(*rules).decide(ANN, 0)
    assert (found.effect, found.rules) == ("deny", ("p1/0",))


def test_forbidding_the_call_alone_asks_a_person_about_reads_too() -> None:
    found = verdict('forbid (principal, action == Action::"call", resource);', risk="read")
    assert (found.effect, found.rules) == ("ask", ("p0/0",))


def test_rules_are_named_by_their_annotation_or_by_policy_and_number() -> None:
    text = '@id("a") forbid (principal, action, resource);\nforbid (principal, action, resource);'
    assert verdict(text).rules == ("a", "p0/1")


CONDITIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "an amount": (
        "context.arguments has amount && context.arguments.amount > 100",
        {"arguments": {"amount": 101}},
        {"arguments": {"amount": 100}},
    ),
    "an amount in an object": (
        "context.arguments has order.total && context.arguments.order.total > 100",
        {"arguments": {"order": {"total": 101}}},
        {"arguments": {"order": {"total": 100}}},
    ),
    "an amount with a fraction": (
        'context.arguments has price && context.arguments.price.greaterThan(decimal("9.99"))',
        {"arguments": {"price": 10}},
        {"arguments": {"price": 9.5}},
    ),
    "a list": (
        'context.arguments has to && context.arguments.to.contains("all@x")',
        {"arguments": {"to": ["a@x", "all@x"]}},
        {"arguments": {"to": ["a@x"]}},
    ),
    "a text": (
        'context.arguments has path && context.arguments.path like "/etc/*"',
        {"arguments": {"path": "/etc/passwd"}},
        {"arguments": {"path": "/tmp/etc/"}},
    ),
    "the hour": ("context.time.hour == 12", {}, {"at_ms": SUNDAY_NOON + HOUR_MS}),
    "the day of the week": ("context.time.weekday == 7", {}, {"at_ms": SUNDAY_NOON + 12 * HOUR_MS}),
    "the second": ("context.time.unix == 1795348800", {}, {"at_ms": SUNDAY_NOON + 1000}),
    "production": ("context.environment.production", {"environment": "prod"}, {"environment": "dev"}),
    "an environment's name": ('context.environment.name == "dev"', {}, {"environment": "prod"}),
    "a label of the agent": (
        'principal is Agent && principal.hasTag("team") && principal.getTag("team") == "payments"',
        {},
        {"principal": "bob"},
    ),
    "a label of the server": (
        'resource.hasTag("tier") && resource.getTag("tier") == "gold"',
        {},
        {"server": "other"},
    ),
    "a label by the context": (
        'context.labels has tier && context.labels.tier == "gold"',
        {},
        {"server": "other"},
    ),
    "an agent's version": ('principal is Agent && principal.digest == "sha256:a1"', {}, {"digest": "sha256:a2"}),
    "a swarm": ('principal is Agent && principal.swarm == "team"', {}, {"swarm": "other"}),
    "what may be repeated": ("resource.idempotent", {"idempotent": True}, {}),
    "the tenant": ('principal in Tenant::"acme" && resource.name == "put"', {}, {"tool": "append"}),
}


@pytest.mark.parametrize(("condition", "met", "missed"), CONDITIONS.values(), ids=list(CONDITIONS))
def test_conditions(condition: str, met: dict[str, Any], missed: dict[str, Any]) -> None:
    rule = f"forbid (principal, action, resource) when {{ {condition} }};"
    assert (effect(rule, **met), effect(rule, **missed)) == ("deny", "ask")
    loosening = f'permit (principal, action == Action::"call", resource) when {{ {condition} }};'
    assert (effect(loosening, **met), effect(loosening, **missed)) == ("allow", "ask")


def test_conditions_on_roles() -> None:
    rule = 'permit (principal is User, action == Action::"call", resource) when { principal.roles.contains("admin") };'
    assert effect(rule, ADA, roles=frozenset({"admin"})) == "allow"
    assert effect(rule, ADA) == "ask"
    assert effect(rule, ANN, roles=frozenset({"admin"})) == "ask"


def test_an_environment_that_nobody_declared_counts_as_production() -> None:
    rule = "forbid (principal, action, resource) when { context.environment.production };"
    assert effect(rule, environment="") == effect(rule, environment="staging") == "deny"


def test_a_policy_holds_in_its_environments_only() -> None:
    only = policies(loaded("p", "forbid (principal, action, resource);", environments=("prod",)))
    assert only.decide(ANN, 0).effect == "ask"
    assert only.decide(replace(ANN, environment="prod"), 0).effect == "deny"
    assert only.version("dev") == policies().version("dev") != only.version("prod")


def test_the_version_follows_the_rules() -> None:
    some = [policies(), policies(PERMIT_ALL), policies(loaded("p0", PERMIT_ALL, "monitor"))]
    assert len({one.version("dev") for one in some}) == 3


def test_an_agent_version_that_is_not_named_is_the_one_declared_now() -> None:
    rule = 'forbid (principal is Agent, action, resource) when { principal.digest == "sha256:a1" };'
    assert effect(rule, digest="") == "deny"


def test_a_name_in_an_entity_is_taken_as_it_is() -> None:
    """Quotes, backslashes, ends of lines and other scripts end no literal and start no rule."""
    rule = 'permit (principal == Agent::"boss", action == Action::"call", resource);'
    odd = ['x"', '"); permit(principal,action,resource); //', "\\", "a\nb", "\u202eé\u0000", "boss\u200b"]
    for name in odd:
        assert effect(rule, principal=name, name=name) == "ask"
        assert effect(rule, principal="boss", tool=name, server=name) == "allow"
        assert effect(PERMIT_ALL, principal=name, tool=name, risk="unknown") == "deny"


def test_a_rule_for_a_name_with_quotes_meets_that_name() -> None:
    rule = r'forbid (principal == Agent::"a\"b\\c", action, resource);'
    assert (effect(rule, principal='a"b\\c'), effect(rule, principal='a"b')) == ("deny", "ask")


def monitored() -> TenantPolicies:
    strict = loaded("strict", '@id("s") forbid (principal, action, resource);', "monitor")
    return policies(strict, loaded("free", 'permit (principal, action == Action::"call", resource);'))


def test_a_monitored_policy_never_changes_the_verdict() -> None:
    found = monitored().decide(ANN, 0)
    assert (found.effect, found.rules) == ("allow", ("free/0",))
    assert found.monitored is not None
    assert (found.monitored.effect, found.monitored.rules) == ("deny", ("s",))
    assert found.facts()["monitored"] == {"effect": "deny", "rules": ["s"]}
    assert policies().decide(ANN, 0).monitored is None


UNTIL = PolicyException("agent/ann", "kit/put", "2026-11-22T13:00:00Z", "moving house")
STRICT = "forbid (principal, action, resource);"


def test_an_exception_turns_a_denial_into_a_question_until_its_time() -> None:
    some = policies(loaded("p", STRICT, "enforce", UNTIL))
    found = some.decide(ANN, 0)
    assert (found.effect, found.rules) == ("ask", ("p/0",))
    assert found.text == "excepted until 2026-11-22T13:00:00Z: moving house (p/0)"
    assert some.decide(replace(ANN, at_ms=SUNDAY_NOON + HOUR_MS), 0).effect == "deny"
    assert some.decide(replace(ANN, at_ms=None), SUNDAY_NOON + HOUR_MS).effect == "deny"
    for other in ({"principal": "bob"}, {"tool": "append"}, {"kind": "user"}, {"server": "kat"}):
        assert some.decide(replace(ANN, **other), 0).effect == "deny"


def test_an_exception_for_a_server_is_for_all_its_tools() -> None:
    some = policies(loaded("p", STRICT, "enforce", replace(UNTIL, tool="kit/*")))
    assert some.decide(replace(ANN, tool="append"), 0).effect == "ask"


def test_an_exception_excuses_its_own_policy_only() -> None:
    assert policies(loaded("p", STRICT, "enforce", UNTIL), loaded("q", STRICT)).decide(ANN, 0).effect == "deny"


def test_no_exception_excuses_an_unknown_risk() -> None:
    some = policies(loaded("p", STRICT, "enforce", UNTIL))
    assert some.decide(replace(ANN, risk="unknown"), 0).effect == "deny"


def test_what_is_not_known_yet_is_left_out_and_named() -> None:
    """Before a run nobody knows arguments and time: the rules that read them are said to be able to change it."""
    some = policies(
        '@id("dear") forbid (principal, action, resource)'
        " when { context.arguments has amount && context.arguments.amount > 100 };",
        '@id("late") permit (principal, action == Action::"call", resource) when { context.time.hour > 20 };',
        '@id("other") forbid (principal == Agent::"bob", action, resource) when { context.time.hour > 20 };',
    )
    early = replace(ANN, arguments=None, at_ms=None)
    found = some.decide(early, SUNDAY_NOON)
    assert (found.effect, found.rules, found.conditional) == ("ask", ("builtin/write",), ("dear", "late"))
    assert some.decide(replace(early, at_ms=SUNDAY_NOON), 0).conditional == ("dear",)
    assert some.decide(ANN, 0).conditional == ()
    assert some.decide(replace(early, risk="unknown"), 0).conditional == ()  # nothing that they say can change it


def test_labels_are_what_is_declared_now() -> None:
    rule = 'permit (principal, action == Action::"call", resource) when { context.labels has tier };'
    assert policies(rule).decide(ANN, 0).effect == "allow"
    assert policies(rule, house=replace(HOUSE, server_labels={})).decide(ANN, 0).effect == "ask"

"""A policy that is not sound is refused when it is applied, with line, field and way out."""

from typing import Any

import pytest

from swarmstead.permits.contract import PolicySpec
from swarmstead.permits.policies.checks import check_policy
from swarmstead.permits.policies.reading import Unreadable, check
from swarmstead.permits.policies.syntax import Reads
from swarmstead.resources.errors import ManifestRefused
from swarmstead.resources.manifests import parse
from swarmstead.wiring import KINDS

HEAD = "apiVersion: swarmstead.dev/v1alpha1\nkind: Policy\nmetadata: {name: p}\nspec:\n"
FAULTS: dict[str, tuple[str, int, str, str]] = {
    "an early end": ("permit (principal,\n  action, resource)\n", 2, "unexpected end of input", ""),
    "a token too many": ("permit (principal, action, resource)\nwhen {\n  resource. };", 3, "unexpected token `}`", ""),
    "in the second rule": (
        "permit (principal, action, resource);\n\n// a remark;\nforbid (principal, action, resource)\nwhen { 1 == };",
        5,
        "unexpected token `}`",
        "",
    ),
    "an open text": ('permit (principal, action, resource)\nwhen { "x };', 2, "invalid token", ""),
    "a function": (
        "permit (principal, action, resource) when {\n  shout(1) };",
        2,
        "`shout` is not a valid function",
        "",
    ),
    "an entity": ('permit (principal == Usr::"x",\n action, resource);', 1, "entity type `Usr`", "Agent, User, Tool"),
    "an action": (
        'permit (principal,\n action == Action::"cal", resource);',
        2,
        'action `Action::"cal"`',
        'Action::"call" and Action::"plan"',
    ),
    "an attribute of a tool": (
        'permit (principal, action, resource)\nwhen { resource.rsk == "x" };',
        2,
        "attribute `rsk`",
        "A Tool has server, name, risk and idempotent",
    ),
    "an attribute of some principals": (
        'permit (principal, action, resource)\nwhen { principal.roles.contains("x") };',
        2,
        "attribute `roles`",
        "principal is User",
    ),
    "an attribute of the context": (
        "permit (principal, action, resource)\nwhen { context.envronment.production };",
        2,
        "attribute `envronment` in context",
        "arguments, environment",
    ),
    "an argument that may be absent": (
        "permit (principal, action, resource)\nwhen {\n context.arguments.amount > 5 };",
        3,
        "optional attribute `arguments.amount`",
        "context.arguments has NAME",
    ),
    "a tag that may be absent": (
        'permit (principal, action, resource)\nwhen { resource.getTag("team") == "x" };',
        2,
        "access to tag",
        "hasTag",
    ),
    "two types": (
        'permit (principal, action, resource)\nwhen { context.arguments has a && context.arguments.a > "x" };',
        1,
        "expected Long but saw String",
        "",
    ),
    "a template": ("permit (principal == ?principal, action, resource);", 1, "templates", ""),
    "nothing": ("// nothing", 1, "there is no rule", ""),
    "an id twice": (
        '@id("a") permit (principal, action, resource);\n@id("a") permit (principal, action, resource);',
        2,
        "two rules have the id 'a'",
        "",
    ),
    "a built-in id": ('\n@id("builtin/read") permit (principal, action, resource);', 2, "built-in rule", ""),
    "depth": (f"\npermit (principal, action, resource) when {{ {'(' * 20_000}true{')' * 20_000} }};", 2, "nested", ""),
    "a chain": (f"permit (principal, action, resource) when {{ {'!true||' * 5_000}true }};", 1, "too long", ""),
    "a chain of has": (
        f"permit (principal, action, resource) when {{ context has {'a.' * 9_000}a }};",
        1,
        "too long",
        "",
    ),
    "a tower of ifs": (
        f"permit (principal, action, resource) when {{ {'if true then ' * 900}true{' else true' * 900} }};",
        1,
        "nested deeper",
        "",
    ),
    "too many rules": ("permit (principal, action, resource);\n" * 501, 501, "more than 500 rules", "Split"),
}


@pytest.mark.parametrize(("text", "line", "words", "way_out"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_is_reported_at_its_line_in_the_file(text: str, line: int, words: str, way_out: str) -> None:
    block = "".join(f"    {one}\n" for one in text.split("\n"))
    with pytest.raises(ManifestRefused) as refused:
        parse(f"{HEAD}  mode: enforce\n  cedar: |\n{block}", KINDS, "policy.yaml")
    first = refused.value.errors[0]
    assert (first.file, first.line, first.field) == ("policy.yaml", 6 + line, "spec.cedar")
    assert words in first.message
    assert way_out in first.message


def test_a_fault_in_a_text_on_one_line_names_its_own_line() -> None:
    with pytest.raises(ManifestRefused) as refused:
        parse(f'{HEAD}  cedar: "permit (principal, action, resource)\\nwhen {{ resource. }};"\n', KINDS)
    assert (refused.value.errors[0].line, refused.value.errors[0].message[:7]) == (5, "line 2:")


def test_every_fault_is_named() -> None:
    text = 'permit (principal == Usr::"x", action, resource);\npermit (principal, action == Action::"x", resource);'
    with pytest.raises(Unreadable) as refused:
        check(text)
    assert [(fault.line, fault.problem) for fault in refused.value.faults] == [
        (1, "unrecognized entity type `Usr`"),
        (2, 'unrecognized action `Action::"x"`'),
    ]


EXCEPTION = {"principal": "agent/ann", "tool": "kit/put", "until": "2026-12-01T00:00:00Z", "reason": "x"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("principal", "ann"),
        ("principal", "agent/"),
        ("tool", "put"),
        ("until", "2026-12-01T00:00:00"),
        ("until", "tomorrow"),
        ("until", "2026-02-30T00:00:00Z"),
    ],
)
def test_an_exception_that_can_match_nothing_is_refused(field: str, value: str) -> None:
    text = f"{HEAD}  cedar: permit (principal, action, resource);\n  exceptions:\n  - {EXCEPTION | {field: value}}\n"
    with pytest.raises(ManifestRefused) as refused:
        parse(text, KINDS)
    assert [error.field for error in refused.value.errors] == [f"spec.exceptions.0.{field}"]


READS: dict[str, Reads] = {
    "resource.risk == context.environment.name": Reads(),
    "context.time.hour > 1": Reads(clock=True),
    "context.arguments has a.b && context.arguments.a.b == 1": Reads(
        frozenset({("a", "b")}), frozenset({("a",), ("a", "b")})
    ),
    'context.labels has "x/y" && context.labels["x/y"] == "z"': Reads(labels=frozenset({"x/y"})),
    "context has arguments": Reads(frozenset({()})),
    "context.arguments == {}": Reads(frozenset({()})),
    "{a: context}.a.time.hour == 1": Reads(frozenset({()}), clock=True),
    "context == context": Reads(frozenset({()}), clock=True),
    '["context.arguments.a"].contains(resource.name)': Reads(),
}


@pytest.mark.parametrize(("condition", "found"), READS.items(), ids=list(READS))
def test_what_a_rule_reads_is_found_in_its_expressions(condition: str, found: Reads) -> None:
    from swarmstead.permits.policies.reading import read

    assert read(f"permit (principal, action, resource) when {{ {condition} }};")[0].reads == found


@pytest.mark.parametrize(
    "condition",
    [
        "context.arguments has o.p && context.arguments.o.p && context.arguments has n && -context.arguments.n + 1 > 2",
        'context.arguments has s && ["a", "b"].contains(context.arguments.s)',
        "context.arguments has n && [1, 2].contains(context.arguments.n)",
        'context.arguments has l && context.arguments.l.containsAll(["a"]) && !context.arguments.l.isEmpty()',
        "context.arguments has l && context.arguments.l.contains(5)",
        'context.arguments has s && principal.name == context.arguments.s && context.arguments.s like "a*"',
        'context.arguments has "odd \\"name\\"\\\\" && context.arguments["odd \\"name\\"\\\\"] == 5',
        "context.arguments has a && (if context.arguments.a then resource.idempotent else context.arguments.a)",
        'context.arguments has d && decimal("1.5").greaterThan(context.arguments.d)',
    ],
)
def test_the_types_of_arguments_follow_from_their_use(condition: str) -> None:
    check_policy(PolicySpec(f"forbid (principal, action, resource) when {{ {condition} }};"))


def test_the_shipped_policies_are_sound() -> None:
    from swarmstead.permits.policies.reading import package_text

    rules: Any = check(package_text("builtin.cedar"))
    assert all(rule.id.startswith("builtin/") and rule.reason and not rule.reads.words for rule in rules)

"""What a tool's schemas may say, what its calls may carry, and what it may answer."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmstead.gateway.contract import Tool, ToolServerSpec
from swarmstead.gateway.model import tool_from
from swarmstead.gateway.schemas.compiled import Contract, contract_of
from swarmstead.gateway.schemas.limits import ContractLimits
from tests.fakes.upstream import TEXT, WRITE, tool
from tests.fakes.web import Request, Response, serving
from tests.rooms.gateway.desk import Desk

READ = {"readOnlyHint": True}
STRING = {"type": "object", "properties": {"a": {"type": "string"}}}
LIMITS = ContractLimits()


def contract(
    schema: Mapping[str, Any], output: Mapping[str, Any] | None = None, limits: ContractLimits = LIMITS
) -> Contract:
    made = Tool("kit", "t", "", schema, output, "read", idempotent=True, schema_hash="sha256:1")
    return contract_of(made, limits)


def refused(schema: Mapping[str, Any], arguments: dict[str, Any], limits: ContractLimits = LIMITS) -> str:
    made = contract(schema, limits=limits)
    assert made.arguments is not None, made.problem
    fault = made.arguments.fault(arguments)
    return "" if fault is None else f"{fault.path}: {fault.text}"


# Schemas that are not used --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference",
    [
        "http://127.0.0.1:9/x",
        "https://example.org/x.json",
        "file:///etc/hostname",
        "other.json",
        "urn:a:b",
        "//h/x",
        "#/no",
    ],
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$recursiveRef"])
def test_a_reference_that_leads_out_makes_the_tool_unusable(reference: str, keyword: str) -> None:
    made = contract({"type": "object", "properties": {"a": {keyword: reference}}})
    assert made.arguments is None
    assert made.problem.startswith("The schema of its arguments cannot be used: it refers to ")


@pytest.mark.parametrize(
    "schema", [{"$schema": "http://127.0.0.1:9/s"}, {"properties": {"a": {"$id": "http://h/", "$ref": "#"}}}]
)
def test_neither_a_dialect_nor_another_base_is_fetched(schema: dict[str, Any]) -> None:
    assert contract(schema).problem.startswith("The schema of its arguments cannot be used: ")


async def test_nothing_is_fetched_while_a_tool_is_listed(desk: Desk) -> None:
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return Response(body=b"{}")

    async with serving(answer) as url:
        out = {"$ref": f"{url}/latest/meta-data/"}
        desk.upstream.tools = [
            tool("read", READ, name=TEXT),
            tool("put", WRITE, name=out),
            tool("look", READ, line=TEXT),
        ]
        outcome = await desk.call("put", {"name": "x"})
        assert asked == []
    assert (outcome.verdict, outcome.code) == ("denied", "tool_unusable")
    assert "nothing outside of it is fetched" in outcome.reason
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"


def test_references_inside_are_followed() -> None:
    schema = {
        "$id": "https://example.org/s",
        "properties": {"a": {"$ref": "https://example.org/s#/$defs/x"}, "b": {"$ref": "#n"}},
    }
    schema["$defs"] = {"x": {"type": "integer"}, "y": {"$anchor": "n", "type": "integer"}}
    assert refused(schema, {"a": 1, "b": 2}) == ""
    assert refused(schema, {"a": "one"}).startswith("a: ")
    assert refused(schema, {"b": "two"}).startswith("b: ")


def doubling(steps: int) -> dict[str, Any]:
    """A schema that asks 2 ** steps things of one value."""
    definitions: dict[str, Any] = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(steps)}
    return {"$defs": definitions | {f"d{steps}": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/d0"}}}


def chain(length: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}]} for n in range(length)}
    return {"$defs": definitions | {f"d{length}": {}}, "$ref": "#/$defs/d0"}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        doubling(22),
        chain(1000),
        nested(2000),
        {"$ref": "#"},
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#"}]}}},
        {"anyOf": [{"properties": {"a": {"$ref": "#"}}}] * 30},
        {"properties": {f"p{n}": {"type": "string"} for n in range(6000)}},
        {"type": 7},
        {"properties": []},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"pattern": "^((a{1,1000}){1,1000}){1,1000}$"}}},
    ],
    ids=[
        "doubling",
        "chain",
        "nested",
        "itself",
        "circle",
        "branching",
        "huge",
        "type",
        "properties",
        "pattern",
        "blown-up",
    ],
)
def test_a_schema_that_is_wrong_or_costs_too_much_is_not_used(schema: dict[str, Any]) -> None:
    assert contract(schema).problem.startswith("The schema of its arguments cannot be used: ")
    assert contract(STRING, schema).problem.startswith("The schema of its result cannot be used: ")


def test_what_costs_much_on_deep_values_takes_shallow_ones_only() -> None:
    either = {"anyOf": [{"properties": {"a": {"$ref": "#"}, "k": {"const": k}}, "required": ["k"]} for k in (1, 2)]}
    deep: dict[str, Any] = {"k": 2}
    for _ in range(20):
        deep = {"k": 2, "a": deep}
    assert refused(either, {"k": 2, "a": {"k": 1}}) == ""
    assert "nested deeper than" in refused(either, deep)
    tree = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
    assert refused(tree, {"left": deep, "right": deep}) == ""


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", r"^(\w+\s?)+$", "(?=a)(a|aa)+$", r"^(a+)+\1$"])
def test_no_pattern_runs_away(pattern: str) -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": pattern}}}
    assert refused(schema, {"a": "a" * 60_000 + "!"}) != ""
    assert refused(schema, {"a": "aa"}) == ""


async def test_one_unusable_tool_does_not_take_the_server_with_it(desk: Desk) -> None:
    broken = {"name": "put", "inputSchema": {"type": 7}, "annotations": WRITE}
    odd: dict[str, Any] = {"name": "a\x1b[31m", "inputSchema": {}}
    half: dict[str, Any] = {"name": "half", "description": "\ud800", "inputSchema": {}}
    listless = {"name": "list", "inputSchema": ["x"]}
    desk.upstream.tools = [tool("read", READ, name=TEXT), broken, odd, half, listless]
    caller = desk.request("read").caller
    listed = {one.name: one for one in await desk.gateway.inspect(caller, "kit", desk.root)}
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"
    assert {name: one.state for name, one in listed.items()} == {
        "read": "accepted",
        "put": "unusable",
        "a\ufffd[31m": "unusable",
        "half": "unusable",
        "list": "unusable",
    }
    assert all(one.problem for name, one in listed.items() if name != "read")
    shown = next(one for one in await desk.gateway.tools(caller, desk.root) if one.server == "kit")
    assert [one.name for one in shown.tools] == ["read"]


WORDS = [
    "$ref",
    "$defs",
    "$id",
    "$anchor",
    "type",
    "properties",
    "items",
    "prefixItems",
    "anyOf",
    "allOf",
    "not",
    "if",
    "const",
    "patternProperties",
]
MORE = ["additionalProperties", "dependentSchemas", "unevaluatedProperties", "pattern", "maxLength"]
KEYWORDS = st.sampled_from([*WORDS, *MORE])
NAMES = st.sampled_from(["a", "b", "$ref", "items", "not"])
VALUES = st.sampled_from(["#", "#/$defs/a", "string", "object", None, True, False, -1, 0, 9, "", "("])
SCHEMAS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYWORDS, inner, max_size=4),
        st.dictionaries(NAMES, inner, max_size=3),
    ),
    max_leaves=25,
)


@settings(max_examples=400)
@given(schema=st.dictionaries(KEYWORDS, SCHEMAS, max_size=5), arguments=st.dictionaries(NAMES, SCHEMAS, max_size=3))
def test_whatever_a_server_calls_a_schema_is_used_or_refused(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    made = contract(schema, schema)
    assert (made.arguments is None) == bool(made.problem)
    if made.arguments is not None:
        fault = made.arguments.fault(arguments)
        assert fault is None or fault.text != ""


# Bounds ---------------------------------------------------------------------------------------------------------------


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"a": "x" * 65_536}, ""),
        ({"a": "x" * 65_537}, "a: a string has 65,537 characters"),
        ({"a": [0] * 1_001}, "a: an array has 1,001 members"),
        ({"a": {str(n): 0 for n in range(1_001)}}, "a: an object has 1,001 members"),
        ({str(n): 0 for n in range(1_001)}, ": an object has 1,001 members"),
        ({"a": deep(32)}, ""),
        ({"a": deep(33)}, "a: it is nested deeper than 32 levels"),
        ({"a": ["x" * 60_000] * 20}, "a: all together it has more than 1,048,576 bytes"),
        ({"a": "x" * 60_000, "b": {"y" * 600_000: 1, "z" * 600_000: 1}}, "b: all together"),
        ({"a": 10**5_000_000}, "a: all together"),
        ({"a": "\ud800"}, "a: a string is not valid Unicode"),
        ({"a": "é"}, ""),
        ({"b": {"\ud800": 1}}, "b: a name is not valid Unicode"),
        ({"\ud800": 1}, ": a name is not valid Unicode"),
        ({"a": [float("nan")]}, "a: a number is not finite"),
    ],
)
def test_arguments_have_bounds_where_the_schema_names_none(arguments: dict[str, Any], words: str) -> None:
    found = refused(
        {"type": "object", "properties": {"a": {"type": ["string", "array", "object", "number"]}}}, arguments
    )
    assert found.startswith(words) if words else found == ""


def test_a_schema_may_declare_larger_bounds_and_never_more_than_all_together() -> None:
    large = {"properties": {"a": {"type": "string", "maxLength": 500_000}, "b": {"type": "array", "maxItems": 5_000}}}
    assert refused(large, {"a": "x" * 500_000, "b": [0] * 5_000}) == ""
    assert refused(large, {"a": "x" * 500_001}) != ""
    endless = {"properties": {"a": {"type": "string", "maxLength": 10**9}}}
    assert "all together" in refused(endless, {"a": "x" * 2_000_000})


def test_limits_are_settings() -> None:
    small = ContractLimits(characters=10, items=2, depth=3, argument_bytes=1_000)
    assert "at most 10" in refused(STRING, {"a": "x" * 11}, small)
    assert "at most 2" in refused({}, {"a": [1, 2, 3]}, small)
    assert "deeper than 3" in refused({}, {"a": deep(4)}, small)


def test_what_a_schema_leaves_open_is_told() -> None:
    items = {"type": "array", "items": {"type": "string"}}
    closed = {"c": {"type": "string", "maxLength": 9}, "d": {"enum": ["x"]}, "e": {"type": "string", "enum": ["x"]}}
    made = contract({"type": "object", "properties": {"a": {"type": "string"}, "b": items, **closed}})
    assert made.warnings == (
        "No maxLength: a, b[]. At most 65,536 characters are let through.",
        "No maxItems: b. At most 1,000 items are let through.",
    )
    assert contract({"type": "object", "properties": closed}).warnings == ()


async def test_warnings_reach_those_who_look(desk: Desk) -> None:
    found = await desk.gateway.inspect(desk.request("read").caller, "kit", desk.root)
    assert next(one for one in found if one.name == "read").warnings[0].startswith("No maxLength: name.")
    unclassed = next(one for one in found if one.name == "note")
    assert (unclassed.state, "calls are denied" in unclassed.warnings[0]) == ("accepted", True)


# Free-form tools ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotations", "risk"),
    [
        ({}, "unknown"),
        ({"title": "Run"}, "unknown"),
        ({"readOnlyHint": None, "destructiveHint": None}, "unknown"),
        ({"readOnlyHint": "yes"}, "unknown"),
        ({"readOnlyHint": True, "destructiveHint": True}, "read"),
        ({"readOnlyHint": False}, "danger"),
        ({"destructiveHint": True}, "danger"),
        ({"destructiveHint": False}, "write"),
        ({"readOnlyHint": False, "destructiveHint": False}, "write"),
    ],
)
def test_a_class_is_what_the_annotations_say_with_the_defaults_of_mcp(annotations: Any, risk: str) -> None:
    assert tool_from("kit", ToolServerSpec("stdio"), tool("run", annotations)).risk == risk


@pytest.mark.parametrize(
    ("node", "annotations", "risk"),
    [
        (TEXT, WRITE, "danger"),
        ({}, WRITE, "danger"),
        ({"type": ["string", "null"]}, WRITE, "danger"),
        (TEXT | {"maxLength": 100_000}, WRITE, "danger"),
        (TEXT | {"maxLength": 100}, WRITE, "write"),
        (TEXT | {"pattern": "^[a-z]+$"}, WRITE, "write"),
        ({"enum": ["start", "stop"]}, WRITE, "write"),
        ({"type": "integer"}, WRITE, "write"),
        (TEXT, READ, "read"),
        (TEXT, None, "unknown"),
    ],
)
def test_a_tool_that_can_be_told_anything_is_danger(node: Any, annotations: Any, risk: str) -> None:
    for name in ("command", "SQL", "query", "code", "script"):
        assert tool_from("kit", ToolServerSpec("stdio"), tool("run", annotations, **{name: node})).risk == risk


def test_an_operator_classes_it_otherwise_and_the_warning_stays() -> None:
    spec = ToolServerSpec("stdio", risk={"run": "write"})
    made = tool_from("kit", spec, tool("run", WRITE, command=TEXT))
    assert made.risk == "write"
    assert contract_of(made, LIMITS).warnings[0].startswith("The free text 'command' lets it do anything")

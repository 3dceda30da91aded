"""Which arguments are repeated in headers, and when the two agree."""

from typing import Any

import pytest

from swarmstead.gateway.mirrored import disagreement, headers_for, mirrors_of


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def marked(header: str, kind: str = "string") -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": header}


NESTED = mirrors_of(
    schema(region=marked("Region"), size=marked("Size", "integer"), who=schema(dry=marked("D", "boolean")))
)


def test_marked_properties_are_found_wherever_properties_alone_lead() -> None:
    assert [(one.path, one.header, one.kind) for one in NESTED] == [
        (("region",), "region", "string"),
        (("size",), "size", "integer"),
        (("who", "dry"), "d", "boolean"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        schema(a=marked("")),
        schema(a=marked("x y")),
        schema(a=marked("x\r\nHost")),
        schema(a=marked("x", "number")),
        schema(a=marked("x", "object")),
        schema(a=marked("x"), b=marked("X")),
        schema(a={"x-mcp-header": "x"}),
        {"properties": []},
        {"properties": {"a": None}},
        {"x-mcp-header": "x"},
        {},
    ],
)
def test_a_schema_that_nobody_could_follow_has_none(bad: dict[str, Any]) -> None:
    assert mirrors_of(bad) == ()


def test_headers_say_what_the_arguments_say_and_nothing_of_what_is_absent() -> None:
    arguments = {"region": "eu", "size": 42, "who": {"dry": True}, "other": 1}
    assert headers_for(NESTED, arguments) == {
        "mcp-param-region": "eu",
        "mcp-param-size": "42",
        "mcp-param-d": "true",
    }
    assert headers_for(NESTED, {"region": None, "who": "x"}) == {}
    assert headers_for(NESTED, {"region": ["eu"]}) == {}


@pytest.mark.parametrize(
    ("arguments", "given", "header"),
    [
        ({}, {}, ""),
        ({"region": "eu"}, {"mcp-param-region": "eu"}, ""),
        ({"region": "eu"}, {"mcp-param-region": "EU"}, "mcp-param-region"),
        ({"region": "eu"}, {}, "mcp-param-region"),
        ({"region": "eu"}, {"mcp-param-region": None}, "mcp-param-region"),
        ({}, {"mcp-param-region": "eu"}, "mcp-param-region"),
        ({"region": None}, {"mcp-param-region": ""}, "mcp-param-region"),
        ({"size": 42}, {"mcp-param-size": "42.0"}, ""),
        ({"size": 42}, {"mcp-param-size": "4.2e1"}, "mcp-param-size"),
        ({"size": 42}, {"mcp-param-size": "42.5"}, "mcp-param-size"),
        ({"who": {"dry": False}}, {"mcp-param-d": "false"}, ""),
        ({}, {"mcp-param-unknown": "x"}, ""),
    ],
)
def test_body_and_headers_have_to_agree(arguments: dict[str, Any], given: dict[str, str | None], header: str) -> None:
    assert disagreement(NESTED, arguments, given) == header

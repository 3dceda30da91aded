"""Templates read data and nothing else; mistakes are told in the author's words."""

from typing import Any

import pytest

from swarmstead.models import templates
from swarmstead.models.templates import MAX_OUTPUT_CHARS, TemplateProblem, ToolResult

RESULT = ToolResult("git__log", '{"items": [1, 2], "name": "ü", "n": {"get": 7}}', is_error=False)
CONTEXT: dict[str, Any] = {
    "task": "a task",
    "last": [RESULT],
    "text": "one\ntwo",
    "table": {"b": 1, "a": 2},
    "huge": "1e999",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ last[0].json.items }}", "[1, 2]"),  # the data's key wins over dict.items
        ("{{ last[0].json.n.get }}", "7"),
        ("{{ table.get('c', 'none') }} {{ table.items()|length }}", "none 2"),
        ("{{ table | tojson }}", '{"b": 1, "a": 2}'),
        ("{{ last[0].json.name | tojson }}", '"ü"'),  # prompts are not HTML: nothing is escaped
        ("{{ '<b>' }}", "<b>"),
        ("{{ text | lines | last }}", "two"),
        ("{{ 'abcdef' | truncate(5) }}", "ab..."),
        ("{{ text.split('\n')[0].upper() }}", "ONE"),
        ("{% for line in text | lines %}{{ loop.index }}:{{ line }} {% endfor %}", "1:one 2:two "),
        ("{% set n = 2 %}{{ n * 3 }} {{ 7 % 4 }}", "6 3"),
        ("a\n{% if task %}\nb\n{% endif %}\nc", "a\nb\nc"),
    ],
)
def test_what_templates_can_do(source: str, expected: str) -> None:
    assert templates.render(source, CONTEXT) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ last[0].__init__.__globals__ }}",
        "{{ last[0].__dict__ }}",
        "{{ last.append(1) }}",
        "{{ table.pop('a') }}",
        "{{ table.update({}) }}",
        "{{ task | attr('upper') }}",
        "{{ cycler.__init__ }}",
        "{{ lipsum(n=100000) }}",
        "{{ namespace(a=1) }}",
        "{{ [1, 2, 3] | random }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 10 ** 10 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ range(1000000000) | list }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends 'x' %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% for a in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
        "{% set a %}text{% endset %}",
        "{{ missing }}",
        "{{ last[0] }}",
        "{{ 1 / 0 }}",
        "{{ 'a",
        "{{ 'a' | nosuchfilter }}",
        "x" * (templates.MAX_SOURCE_CHARS + 1),
    ],
)
def test_what_templates_cannot_do(source: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        templates.render(source, CONTEXT)
    assert str(caught.value)


def test_output_is_bounded() -> None:
    with pytest.raises(TemplateProblem, match="longer than 262,144 characters"):
        templates.render("{% for a in range(100000) %}0123456789{% endfor %}", CONTEXT)
    longest = templates.render("{{ text }}", {"text": "x" * MAX_OUTPUT_CHARS})
    assert len(longest) == MAX_OUTPUT_CHARS


@pytest.mark.parametrize(
    ("source", "sole"),
    [
        ("{{ task }}", True),
        ("  {{- task | upper -}}\n", True),
        ("{{ '}}' }}", True),
        ("{{ task }}{{ task }}", False),
        ("{{ task }} x", False),
        ("{% if task %}{{ task }}{% endif %}", False),
        ("plain", False),
        ("", False),
    ],
)
def test_one_expression_alone_is_told_from_text(source: str, sole: bool) -> None:
    assert templates.is_expression(source) is sole


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ last[0] }}", "a whole tool result"),
        ("{{ last }}", "a whole tool result"),
        ("{{ task.upper }}", "not plain data"),
        ("{{ huge | float }}", "JSON cannot hold"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ [nobody] }}", "'nobody' is undefined"),
    ],
)
def test_a_value_that_is_no_plain_data_is_refused(source: str, problem: str) -> None:
    with pytest.raises(TemplateProblem, match=problem):
        templates.evaluate(source, CONTEXT)


def test_text_that_is_not_json_has_no_json() -> None:
    assert ToolResult("t", "not json", is_error=False).json is None
    assert ToolResult("t", "[" * 100_000, is_error=False).json is None


def test_loops_in_loops_come_to_an_end() -> None:
    nested = "{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateProblem, match="its loops go round more than 100,000 times"):
        templates.render(nested, {})
    assert templates.render("{% for a in range(300) %}{{ loop.last and a }}{% endfor %}", {}).endswith("299")


@pytest.mark.parametrize("wide", ["{{ ('a'|indent(200000000))|length }}", "{{ [1]|tojson(indent=100000000) }}"])
def test_no_filter_pads_without_bound(wide: str) -> None:
    with pytest.raises(TemplateProblem):
        templates.render(wide, {})

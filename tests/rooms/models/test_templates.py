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


LONG = "y" * 200_000


def _many(what: str, times: int) -> str:
    return f"[{', '.join([what] * times)}]"


@pytest.mark.parametrize(
    "source",
    [
        "{{ range(99999) | join(long) | length }}",
        "{{ " + _many("long", 200) + " | join | length }}",
        "{{ long | replace('', long) | length }}",
        "{% set a = long %}" + "{% set a = a ~ a %}" * 40,
        "{% set a = [1] %}" + "{% set a = a + a %}" * 40,
        "{% set a = (1,) %}" + "{% set a = a + a %}" * 40,
        "{% for n in range(1000) %}{% set a = long[1:] %}{% endfor %}",
        "{% for n in range(1000) %}{% set a = long.split('') | length if false else long.upper() %}{% endfor %}",
        "{% for n in range(1000) %}{% set a = range(90000) | list %}{% endfor %}",
        "{{ " + _many("range(90000)", 1000) + " | map('list') | list | length }}",
        "{{ " + _many("range(90000)", 1000) + " | tojson | length }}",
        "{{ " + _many("long", 1000) + " }}",
        "{% for n in range(100000) %}{% set a = range(90000) | sum %}{% endfor %}",
        "{% for n in range(100000) %}{% set a = range(90000) | map('string') | join %}{% endfor %}",
    ],
)
def test_nothing_grows_or_goes_on_without_bound(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmstead.models.work.MAX_CPU_S", 0.5)
    with pytest.raises(TemplateProblem, match=r"makes more than|takes more than|longer than"):
        templates.render(source, {"long": LONG})


@pytest.mark.parametrize(
    "source",
    [
        "{{ [1, [2]] | string }}",
        "{{ ['a'] | upper }}",
        "{{ 'a' | replace('a', ['b']) }}",
        "{{ [[1], [2]] | sum(start=[]) }}",
        "{{ 'a' | batch(1000000000) | list }}",
        "{{ 'a' | slice(1000000000) | list }}",
        "{{ 'a' | wordwrap(1) }}",
    ],
)
def test_no_filter_makes_text_of_lists_or_much_of_little(source: str) -> None:
    with pytest.raises(TemplateProblem):
        templates.render(source, CONTEXT)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 'a' ~ 1 ~ [2] }}", "a1[2]"),
        ("{{ ('a' ~ 'b')[1:] }}{{ [1, 2, 3][:2] }}", "b[1, 2]"),
        ("{{ [1, 2] + [3] }} {{ 'a' + 'b' }} {{ 1 + 2 }}", "[1, 2, 3] ab 3"),
        ("{{ [{'n': 1}, {'n': 2}] | sum(attribute='n') }}", "3"),
        ("{{ [{'n': 1}, {'n': 2}] | join('-', attribute='n') }}", "1-2"),
        ("{{ ['a', 'b'] | map('upper') | join(', ') }}", "A, B"),
        ("{{ 'aXbX' | replace('X', '-', 1) }}", "a-bX"),
        ("{% for key, value in table | dictsort %}{{ key ~ value }}{% endfor %}", "a2b1"),
        ("{{ [1, 2, 3] | select('odd') | list }}", "[1, 3]"),
    ],
)
def test_what_is_watched_does_what_it_did(source: str, expected: str) -> None:
    assert templates.render(source, CONTEXT) == expected


@pytest.mark.parametrize("source", ["{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{{ " + "-" * 20_000 + "1 }}"])
def test_what_is_nested_too_deep_is_refused(source: str) -> None:
    with pytest.raises(TemplateProblem, match="nested too deep"):
        templates.check(source)


def test_an_expression_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmstead.models.work.MAX_CPU_S", 0.5)
    with pytest.raises(TemplateProblem, match="makes more than"):
        templates.evaluate("[" + "range(90000), " * 1000 + "]", {})
    for no_expression in ("1 }} text {{ 2", "1 }}{{ 2", ""):
        with pytest.raises(TemplateProblem):
            templates.evaluate(no_expression, {})

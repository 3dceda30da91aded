"""Templates of the scripted model: Jinja2 that reads plain data and does nothing else.

Invariants:
- A template reads data. It cannot reach Python objects behind it, load other templates, define macros or draw chance.
- Its source, its output, its loops, what it makes on the way and its time are bounded (`models.work`): neither a
  mistake nor a tool result of any size keeps a thread or fills the memory.

Cost: importing this module imports Jinja2, about 0.1 s; a compiled template is kept and renders in microseconds.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import GeneratorType
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, nodes, pass_environment
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.filters import make_attrgetter
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from swarmstead.models import work

MAX_OUTPUT_CHARS = 262_144
MAX_SOURCE_CHARS = 65_536
_LARGEST_NUMBER = 10**12
_WIDEST_INDENT = 8
# No names that a template could write.
_COUNTED, _CONCATENATED, _CUT = "counted loop", "concatenated", "cut out"
_METHODS: Mapping[Any, frozenset[str]] = {
    str: frozenset({"count", "endswith", "find", "index", "isdigit", "lower", "lstrip", "rstrip", "split"})
    | frozenset({"splitlines", "startswith", "strip", "title", "upper"}),
    dict: frozenset({"get", "items", "keys", "values"}),
}
_STATEMENTS = (nodes.Output, nodes.If, nodes.For, nodes.Assign)
# Each makes a text of what it gets.
_OF_TEXT = (
    *("capitalize", "e", "escape", "filesizeformat", "float", "forceescape", "int", "lower", "string", "striptags"),
    *("title", "trim", "truncate", "upper", "urlencode", "wordcount"),
)
_OF_ANY = (
    *("abs", "count", "d", "default", "dictsort", "first", "groupby", "items", "last", "length", "list", "map", "max"),
    *("min", "reject", "rejectattr", "reverse", "round", "safe", "select", "selectattr", "sort", "unique"),
)
_UNFIT = (TemplateSyntaxError, RecursionError, SyntaxError, MemoryError)
_KINDS: Mapping[Any, str] = {
    dict: "an object",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}


class TemplateProblem(Exception):
    """What is wrong with a template, or with what it met in the data."""


@dataclass(frozen=True)
class ToolResult:
    """One tool's answer as templates see it: `name`, `text`, `is_error` and `json`."""

    name: str
    text: str
    is_error: bool

    @cached_property
    def json(self) -> Any:
        """The text parsed, or None when it is not JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


def render(source: str, context: Mapping[str, Any]) -> str:
    """The template's text, at most MAX_OUTPUT_CHARS characters. Fails: TemplateProblem."""
    with work.bounded():
        return "".join(_bounded(_compiled(source), context))


def evaluate(source: str, context: Mapping[str, Any]) -> Any:
    """The value of one expression, with or without its braces, as plain JSON data. Fails: TemplateProblem."""
    expression = _compiled_expression(_bare(source))
    try:
        with work.bounded():
            return plain(expression(context))
    except Exception as error:  # noqa: BLE001 - whatever the expression did wrong with the data it met
        raise TemplateProblem(_said(error)) from None


def is_expression(source: str) -> bool:
    """Whether the text is exactly one `{{ … }}`, so that its value keeps its type. Fails: TemplateProblem."""
    text = source.strip()
    if not (text.startswith("{{") and text.endswith("}}")):
        return False
    body = _parsed(text).body
    first = body[0] if len(body) == 1 else None
    if not isinstance(first, nodes.Output) or len(first.nodes) != 1:
        return False
    return not isinstance(first.nodes[0], nodes.TemplateData)


def check(source: str) -> None:
    """The template's grammar. Fails: TemplateProblem."""
    _compiled(source)


def check_expression(source: str) -> None:
    """The expression's grammar. Fails: TemplateProblem."""
    _compiled_expression(_bare(source))


def plain(value: Any) -> Any:
    """The value as JSON can hold it. Fails: TypeError, or Jinja2's UndefinedError where a name has no value."""
    work.made(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError("the expression gives a number that JSON cannot hold")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | Undefined):
        return str(value)  # an Undefined raises here and says what is missing
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple | range | GeneratorType) or type(value).__name__.startswith("dict_"):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    raise TypeError(f"the expression gives {kind(value)}, which is not plain data")


def kind(value: Any) -> str:
    """What to call a value in a message."""
    if isinstance(value, ToolResult):
        return "a whole tool result (take its `.text` or `.json`)"
    return _KINDS.get(type(value), "something else")


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.items` is the key `items` where the data has one: in JSON that is what the author means."""
        if isinstance(obj, Mapping) and attribute in obj:
            return cast("Mapping[str, Any]", obj)[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> None:
        """No `format`: `'{:999999999}'.format(1)` is as bad as `'a' * 10**9`."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may read `obj.attr`, where that is no key of the data."""
        if isinstance(obj, ToolResult):
            return attr in {"name", "text", "json", "is_error"}
        if type(obj).__module__ == "jinja2.runtime":  # `loop.index` and its like
            return super().is_safe_attribute(obj, attr, value)
        return attr in _METHODS.get(type(obj), ())

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Numbers of ordinary size only: `'a' * 10**9` would fill the memory before any bound is looked at.

        `+` also joins two texts or two lists.
        """
        sides = (left, right)
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            work.charge(len(cast("Sized", left)) + len(cast("Sized", right)))
            return super().call_binop(context, operator, left, right)
        plain_numbers = all(isinstance(side, int | float) and abs(side) < _LARGEST_NUMBER for side in sides)
        if operator == "**" or not plain_numbers:
            raise SecurityError(f"`{operator}` works on numbers of ordinary size only")
        return super().call_binop(context, operator, left, right)

    def call(self, *given: Any, **options: Any) -> Any:
        """A method of a text or an object; what it gives is counted."""
        return work.made(super().call(*given, **options))


def _shown(value: Any) -> Any:
    if isinstance(value, ToolResult):
        raise TypeError(f"this is {kind(value)}")
    return _tojson(value) if isinstance(value, dict | list | tuple) else value


def _tojson(value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= _WIDEST_INDENT:
        raise SecurityError(f"`indent` is a number from 0 to {_WIDEST_INDENT}")
    return json.dumps(plain(value), ensure_ascii=False, indent=indent)


def _concatenated(parts: list[Any]) -> str:
    return work.joined([_text(part) for part in parts])


def _text(value: Any) -> str:
    return str(_shown(value))


@pass_environment
def _join(environment: Any, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    items = value if attribute is None else map(make_attrgetter(environment, attribute), value)
    return work.joined([_text(item) for item in items], _text(d))


@pass_environment
def _sum(environment: Any, value: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> float:
    return work.total(value if attribute is None else map(make_attrgetter(environment, attribute), value), start)


def _lines(value: str) -> list[str]:
    return value.splitlines()


def _sandbox() -> _Sandbox:
    # autoescape is for HTML; what comes out here is a prompt, an argument or a report in Markdown.
    env = _Sandbox(
        undefined=StrictUndefined,
        finalize=_shown,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    for name in set(env.globals) - {"range"}:
        del env.globals[name]
    known = cast("dict[str, Any]", env.filters)
    filters = {name: work.of_text(name, known[name]) for name in _OF_TEXT}
    filters |= {name: work.of_any(known[name]) for name in _OF_ANY}
    filters |= {"tojson": _tojson, "lines": work.of_text("lines", _lines), "join": _join, "sum": _sum}
    filters["replace"] = work.of_text("replace", work.replace)
    filters |= {_COUNTED: work.rounds, _CONCATENATED: _concatenated, _CUT: work.made}
    env.filters = filters
    env.policies["truncate.leeway"] = 0
    return env


_ENV = _sandbox()


@lru_cache(maxsize=1024)
def _compiled(source: str) -> Template:
    parsed = _parsed(source)
    for node in parsed.find_all(nodes.Stmt):
        if not isinstance(node, _STATEMENTS) or (isinstance(node, nodes.For) and node.recursive):
            raise TemplateProblem(f"line {node.lineno}: only expressions, `if`, `for` and `set` may be used")
    try:
        return _ENV.from_string(_watched(parsed))
    except _UNFIT as error:  # an unknown filter or test, or what Python finds nested too deep
        raise TemplateProblem(_said(error)) from None


@lru_cache(maxsize=1024)
def _compiled_expression(source: str) -> TemplateExpression:
    output = _parsed(f"{{{{ {source} }}}}").body
    values = output[0].nodes if len(output) == 1 and isinstance(output[0], nodes.Output) else []
    if len(values) != 1 or isinstance(values[0], nodes.TemplateData):
        raise TemplateProblem("this is not one expression")
    kept = nodes.Assign(nodes.Name("result", "store"), values[0], lineno=1)
    try:
        return TemplateExpression(_ENV.from_string(_watched(nodes.Template([kept], lineno=1))), False)
    except _UNFIT as error:
        raise TemplateProblem(_said(error)) from None


def _watched(parsed: nodes.Template) -> nodes.Template:
    """The template with everything in it counted that repeats or grows and is no filter."""
    for loop in parsed.find_all(nodes.For):
        loop.iter = _filtered(loop.iter, _COUNTED)
    _Growing().visit(parsed)
    return parsed


class _Growing(NodeTransformer):
    """`a ~ b` and `a[1:]` are compiled to Python that nobody could look at: both become filters."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja2's form
        """`a ~ b`."""
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), _CONCATENATED)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - Jinja2's form
        """`a[b]`, of which `a[1:]` is one."""
        self.generic_visit(node)
        return _filtered(node, _CUT) if isinstance(node.arg, nodes.Slice) else node


def _filtered(value: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(cast("nodes.Expr", value), name, [], [], None, None, lineno=value.lineno)


def _parsed(source: str) -> nodes.Template:
    if len(source) > MAX_SOURCE_CHARS:
        raise TemplateProblem(f"the template is longer than {MAX_SOURCE_CHARS:,} characters")
    try:
        return _ENV.parse(source)
    except _UNFIT as error:
        raise TemplateProblem(_said(error)) from None


def _bare(source: str) -> str:
    text = source.strip()
    if text.startswith("{{") and text.endswith("}}"):
        return text[2:-2].strip("-+ \n\t")
    return text


def _bounded(template: Template, context: Mapping[str, Any]) -> Iterator[str]:
    size = 0
    try:
        for piece in template.generate(context):
            size += len(piece)
            if size > MAX_OUTPUT_CHARS:
                break
            yield piece
    except Exception as error:  # noqa: BLE001 - whatever an expression did wrong with the data it met
        raise TemplateProblem(_said(error)) from None
    if size > MAX_OUTPUT_CHARS:
        raise TemplateProblem(f"the text is longer than {MAX_OUTPUT_CHARS:,} characters; shorten it with `truncate`")


def _said(error: Exception) -> str:
    if isinstance(error, RecursionError | SyntaxError | MemoryError):
        return "its expressions are nested too deep"
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) and error.lineno > 1 else ""
    return f"{line}{str(error) or type(error).__name__}"[:300]

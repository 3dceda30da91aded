"""Templates of the scripted model: Jinja2 that reads plain data and does nothing else.

Invariants:
- A template reads data. It cannot reach Python objects behind it, load other templates, define macros or draw chance.
- The bounds on source and output are there for mistakes and for tool results of any size. They are no fence against the
  author of a script, who may apply resources anyway.

Cost: importing this module imports Jinja2, about 0.1 s; a compiled template is kept and renders in microseconds.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import count
from types import GeneratorType
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT_CHARS = 262_144
MAX_SOURCE_CHARS = 65_536
MAX_ROUNDS = 100_000
_ROUNDS: ContextVar[Iterator[int]] = ContextVar("rounds")
_LARGEST_NUMBER = 10**12
_WIDEST_INDENT = 8
_COUNTED = "counted loop"  # no name that a template could write
_METHODS: Mapping[Any, frozenset[str]] = {
    str: frozenset({"count", "endswith", "find", "index", "isdigit", "lower", "lstrip", "rstrip", "split"})
    | frozenset({"splitlines", "startswith", "strip", "title", "upper"}),
    dict: frozenset({"get", "items", "keys", "values"}),
}
_STATEMENTS = (nodes.Output, nodes.If, nodes.For, nodes.Assign)
_DROPPED_FILTERS = frozenset({"attr", "center", "format", "indent", "pprint", "random", "urlize", "xmlattr"})
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
    _ROUNDS.set(count(1))
    return "".join(_bounded(_compiled(source), context))


def evaluate(source: str, context: Mapping[str, Any]) -> Any:
    """The value of one expression, with or without its braces, as plain JSON data. Fails: TemplateProblem."""
    expression = _compiled_expression(_bare(source))
    try:
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
    intercepted_binops = frozenset({"*", "**", "%"})

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
        """Numbers of ordinary size only: `'a' * 10**9` would fill the memory before any bound is looked at."""
        sides = (left, right)
        plain_numbers = all(isinstance(side, int | float) and abs(side) < _LARGEST_NUMBER for side in sides)
        if operator == "**" or not plain_numbers:
            raise SecurityError(f"`{operator}` works on numbers of ordinary size only")
        return super().call_binop(context, operator, left, right)


def _shown(value: Any) -> Any:
    if isinstance(value, ToolResult):
        raise TypeError(f"this is {kind(value)}")
    return _tojson(value) if isinstance(value, dict | list | tuple) else value


def _tojson(value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= _WIDEST_INDENT:
        raise SecurityError(f"`indent` is a number from 0 to {_WIDEST_INDENT}")
    return json.dumps(plain(value), ensure_ascii=False, indent=indent)


def _counted(value: Iterable[Any]) -> Iterator[Any]:
    """What a `for` goes over. All rounds of all loops of a template count together, so that nested ones end as well."""
    rounds = _ROUNDS.get()
    for item in value:
        if next(rounds) > MAX_ROUNDS:
            raise SecurityError(f"its loops go round more than {MAX_ROUNDS:,} times")
        yield item


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
    filters = cast("dict[str, Any]", env.filters)
    for name in _DROPPED_FILTERS:
        del filters[name]
    filters.update(tojson=_tojson, lines=_lines)
    filters[_COUNTED] = _counted
    env.policies["truncate.leeway"] = 0
    return env


_ENV = _sandbox()


@lru_cache(maxsize=1024)
def _compiled(source: str) -> Template:
    parsed = _parsed(source)
    for node in parsed.find_all(nodes.Stmt):
        if not isinstance(node, _STATEMENTS) or (isinstance(node, nodes.For) and node.recursive):
            raise TemplateProblem(f"line {node.lineno}: only expressions, `if`, `for` and `set` may be used")
    for loop in parsed.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
    try:
        return _ENV.from_string(parsed)
    except TemplateSyntaxError as error:  # an unknown filter or test
        raise TemplateProblem(_said(error)) from None


@lru_cache(maxsize=1024)
def _compiled_expression(source: str) -> TemplateExpression:
    _parsed(f"{{{{ {source} }}}}")
    try:
        return _ENV.compile_expression(source, undefined_to_none=False)
    except TemplateSyntaxError as error:
        raise TemplateProblem(_said(error)) from None


def _parsed(source: str) -> nodes.Template:
    if len(source) > MAX_SOURCE_CHARS:
        raise TemplateProblem(f"the template is longer than {MAX_SOURCE_CHARS:,} characters")
    try:
        return _ENV.parse(source)
    except TemplateSyntaxError as error:
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
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) and error.lineno > 1 else ""
    return f"{line}{str(error) or type(error).__name__}"[:300]

"""The steps of the scripted model: what an agent says and calls at a turn. docs/rooms/models.md shows the language.

Invariants: a step sees the request's messages and nothing else (no clock, no chance, no network, no earlier run), so
the same messages always give the same turn. That is what replay and forks need.
"""

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from swarmstead.kernel.plain import plain, plain_text
from swarmstead.models import templates
from swarmstead.models.contract import Message, ModelRequest, ScriptStep, ToolCall
from swarmstead.models.templates import TemplateProblem, ToolResult

MAX_FAN_OUT = 32
_FENCE = "```json"


class ScriptProblem(Exception):
    """What is wrong with a step, and where in it; `where` is a path such as `calls[0].arguments.path`."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(problem)
        self.where = where
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a step's `calls`, checked for its form."""

    tool: str
    arguments: Mapping[str, Any]
    each: str | None


def context_of(request: ModelRequest) -> dict[str, Any]:
    """What templates can name: `task`, `input`, `results` (by turn, then by call) and `last`."""
    task = next((message.text for message in request.messages if message.role == "user"), "")
    answers = {message.tool_call_id: message for message in request.messages if message.role == "tool"}
    results = [
        [_result(call, answers.get(call.id)) for call in message.tool_calls]
        for message in request.messages
        if message.role == "assistant"
    ]
    return {"task": task, "input": _input_of(task), "results": results, "last": results[-1] if results else []}


def play(step: ScriptStep, context: Mapping[str, Any], turn: int) -> tuple[str, tuple[ToolCall, ...]]:
    """The text and the tool calls of one step. Call ids are `call_<turn>_<n>`. Fails: ScriptProblem."""
    with _at("say"):
        text = plain_text(templates.render(step.say, context))
    made = [call for n, entry in enumerate(step.calls) for call in _calls(entry, context, f"calls[{n}]")]
    return text, tuple(ToolCall(f"call_{turn}_{n}", tool, arguments) for n, (tool, arguments) in enumerate(made))


def check(step: ScriptStep) -> None:
    """What can be known about a step before it is played: its form and its templates' grammar. Fails: ScriptProblem."""
    with _at("say"):
        templates.check(step.say)
    for n, raw in enumerate(step.calls):
        where = f"calls[{n}]"
        entry = _entry(raw, where)
        if entry.each is not None:
            with _at(f"{where}.each"):
                templates.check_expression(entry.each)
        for path, text in _strings(entry.arguments, f"{where}.arguments"):
            with _at(path):
                templates.check(text)


def _result(call: ToolCall, answer: Message | None) -> ToolResult:
    if answer is None:  # interrupted before an answer came; the position must stay
        return ToolResult(call.name, "", is_error=True)
    return ToolResult(call.name, answer.text, answer.is_error)


def _input_of(task: str) -> Mapping[str, Any]:
    """The object in the fenced json block that ends the task; {} when there is none."""
    _, fence, tail = task.rstrip().rpartition(_FENCE)
    if not fence or not tail.endswith("```"):
        return {}
    try:
        value = json.loads(tail.removesuffix("```"))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _entry(raw: Mapping[str, Any], where: str) -> _Entry:
    unknown = sorted(raw.keys() - {"tool", "arguments", "each"})
    if unknown:
        raise ScriptProblem(f"{where}.{unknown[0]}", "a call has `tool`, `arguments` and `each`, nothing else")
    tool, arguments, each = raw.get("tool"), raw.get("arguments", {}), raw.get("each")
    if not isinstance(tool, str) or not tool:
        raise ScriptProblem(f"{where}.tool", "name the tool as `server__tool`")
    if not isinstance(arguments, Mapping):
        raise ScriptProblem(f"{where}.arguments", "arguments are an object: `{name: value}`")
    if each is not None and not isinstance(each, str):
        raise ScriptProblem(f"{where}.each", "`each` is an expression that gives a list, such as `last[0].json.pods`")
    return _Entry(tool, cast("Mapping[str, Any]", arguments), each)


def _calls(raw: Mapping[str, Any], context: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    entry = _entry(raw, where)
    scopes: Iterable[Mapping[str, Any]] = [context]
    if entry.each is not None:
        scopes = [{**context, "item": item} for item in _items(entry.each, context, f"{where}.each")]
    for scope in scopes:
        arguments = _kept(_filled(entry.arguments, scope, f"{where}.arguments"), f"{where}.arguments")
        if len(json.dumps(arguments)) > templates.MAX_OUTPUT_CHARS:
            most = f"{templates.MAX_OUTPUT_CHARS:,}"
            raise ScriptProblem(f"{where}.arguments", f"the arguments are longer than {most} characters")
        yield plain_text(entry.tool), arguments


def _kept(arguments: Any, where: str) -> Any:
    try:
        return plain(arguments)
    except ValueError as error:
        raise ScriptProblem(where, f"the arguments hold {error}") from None


def _items(source: str, context: Mapping[str, Any], where: str) -> list[Any]:
    with _at(where):
        value = templates.evaluate(source, context)
    if not isinstance(value, list):
        raise ScriptProblem(where, f"the expression gives {templates.kind(value)}, not a list")
    items = cast("list[Any]", value)
    if len(items) > MAX_FAN_OUT:
        raise ScriptProblem(where, f"{len(items)} items, and one entry calls at most {MAX_FAN_OUT}; cut with `[:32]`")
    return items


def _filled(value: Any, context: Mapping[str, Any], where: str) -> Any:
    """`value` with every string rendered; a string that is exactly one `{{ … }}` keeps the expression's type."""
    if isinstance(value, str):
        with _at(where):
            sole = templates.is_expression(value)
            return templates.evaluate(value, context) if sole else templates.render(value, context)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: _filled(item, context, f"{where}.{key}") for key, item in fields.items()}
    if isinstance(value, list | tuple):
        entries = cast("Sequence[Any]", value)
        return [_filled(item, context, f"{where}[{n}]") for n, item in enumerate(entries)]
    return value


def _strings(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _strings(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for n, item in enumerate(cast("Sequence[Any]", value)):
            yield from _strings(item, f"{where}[{n}]")


@contextmanager
def _at(where: str) -> Generator[None]:
    try:
        yield
    except TemplateProblem as problem:
        raise ScriptProblem(where, str(problem)) from None

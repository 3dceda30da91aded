"""The scripted model: which step it plays, what templates see, and what it says when a script is wrong."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from swarmstead.kernel.errors import BadInput
from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.contract import Message, ModelReply, ModelRequest, ModelSpec, ToolCall
from swarmstead.models.errors import ScriptExhausted
from swarmstead.models.script import MAX_FAN_OUT

SPEC: TypeAdapter[ModelSpec] = TypeAdapter(ModelSpec)
TASK = 'Look into the failing check.\n\n```json\n{"repo": "/srv/app", "depth": 3}\n```\n'


def spec(**parts: list[dict[str, Any]]) -> ModelSpec:
    return SPEC.validate_python({"provider": "scripted", "script": parts})


def turn(n: int, *calls: tuple[str, dict[str, Any]], text: str = "") -> Message:
    made = tuple(ToolCall(f"call_{n}_{at}", name, arguments) for at, (name, arguments) in enumerate(calls))
    return Message("assistant", text, made)


def answer(call_id: str, value: Any, *, is_error: bool = False) -> Message:
    text = value if isinstance(value, str) else json.dumps(value)
    return Message("tool", text, tool_call_id=call_id, is_error=is_error)


async def play(
    model: ModelSpec, *history: Message, agent: str = "triage", task: str = TASK, limit: int = 4_096
) -> ModelReply:
    messages = (Message("system", "You triage."), Message("user", task), *history)
    return await ScriptedModel().request(model, ModelRequest(agent, messages, (), limit))


async def refused(model: ModelSpec, *history: Message, agent: str = "triage") -> ScriptExhausted:
    with pytest.raises(ScriptExhausted) as caught:
        await play(model, *history, agent=agent)
    return caught.value


async def test_the_turn_is_the_number_of_assistant_messages_so_far() -> None:
    model = spec(triage=[{"say": "one", "calls": [{"tool": "git__log"}]}, {"say": "two"}])
    first = await play(model)
    again = await play(model)
    second = await play(model, turn(0, ("git__log", {})), answer("call_0_0", "x"), Message("user", "hurry"))
    assert first == again
    assert (first.text, first.finish) == ("one", "tool_calls")
    assert first.tool_calls == (ToolCall("call_0_0", "git__log", {}),)
    assert (second.text, second.finish, second.tool_calls) == ("two", "stop", ())


async def test_templates_see_the_task_its_input_and_all_results() -> None:
    model = spec(
        triage=[
            {"calls": [{"tool": "git__log", "arguments": {"repo": "{{ input.repo }}", "n": "{{ input.depth }}"}}]},
            {
                "say": "{{ results|length }} turns; {{ last[1].name }} said {{ last[1].text|lines|first }}"
                "{% if last[1].is_error %} (an error){% endif %}; head {{ results[0][0].json.head }};"
                " {{ task|truncate(9) }}"
            },
        ]
    )
    first = await play(model)
    assert first.tool_calls[0].arguments == {"repo": "/srv/app", "n": 3}
    history = [
        turn(0, ("git__log", {}), ("git__show", {})),
        answer("call_0_1", "no such commit\ndetails", is_error=True),  # answers may come in any order
        answer("call_0_0", {"head": "abc"}),
    ]
    second = await play(model, *history)
    assert second.text == "1 turns; git__show said no such commit (an error); head abc; Look..."


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("No block at all.", {}),
        ("Text\n```json\n{}\n```\nand more text", {}),
        ("Text\n```json\n[1, 2]\n```", {}),
        ("Text\n```json\n{broken\n```", {}),
        ('Two\n```json\n{"a": 1}\n```\nthen\n```json\n{"a": 2}\n```\n\n', {"a": 2}),
    ],
)
async def test_the_input_is_the_json_block_that_ends_the_task(task: str, expected: dict[str, Any]) -> None:
    model = spec(triage=[{"calls": [{"tool": "t__t", "arguments": {"input": "{{ input }}"}}]}])
    reply = await play(model, task=task)
    assert reply.tool_calls[0].arguments == {"input": expected}


async def test_one_expression_keeps_its_type_and_mixed_text_is_text() -> None:
    arguments = {
        "list": "{{ last[0].json.pods }}",
        "number": "{{ last[0].json.n + 1 }}",
        "flag": "{{ last[0].is_error }}",
        "nothing": "{{ last[0].json.missing | default(none) }}",
        "text": "n={{ last[0].json.n }}",
        "version": "{{ last[0].json.version }}",
        "deep": [{"pods": "{{ last[0].json.pods | map('upper') | list }}"}, 7, None],
        "keys": "{{ last[0].json.keys() }}",
        "braces": "{{ last[0].json.n }}{{ last[0].json.n }}",
    }
    model = spec(triage=[{"calls": [{"tool": "k8s__pods"}]}, {"calls": [{"tool": "t__t", "arguments": arguments}]}])
    found = {"pods": ["a", "b"], "n": 4, "version": "1.10"}
    reply = await play(model, turn(0, ("k8s__pods", {})), answer("call_0_0", found))
    assert reply.tool_calls[0].arguments == {
        "list": ["a", "b"],
        "number": 5,
        "flag": False,
        "nothing": None,
        "text": "n=4",
        "version": "1.10",
        "deep": [{"pods": ["A", "B"]}, 7, None],
        "keys": ["pods", "n", "version"],
        "braces": "44",
    }


async def test_each_fans_one_entry_out_over_earlier_results() -> None:
    model = spec(
        triage=[
            {"calls": [{"tool": "k8s__pods"}]},
            {
                "calls": [
                    {
                        "tool": "k8s__logs",
                        "each": "last[0].json.items | selectattr('ready', 'equalto', false)",
                        "arguments": {"pod": "{{ item.name }}"},
                    },
                    {"tool": "git__log"},
                ]
            },
        ]
    )
    pods = {"items": [{"name": "a", "ready": False}, {"name": "b", "ready": True}, {"name": "c", "ready": False}]}
    reply = await play(model, turn(0, ("k8s__pods", {})), answer("call_0_0", pods))
    assert [(call.id, call.name, call.arguments) for call in reply.tool_calls] == [
        ("call_1_0", "k8s__logs", {"pod": "a"}),
        ("call_1_1", "k8s__logs", {"pod": "c"}),
        ("call_1_2", "git__log", {}),
    ]


async def test_a_fan_out_is_bounded_and_says_how_to_cut() -> None:
    entry: dict[str, Any] = {"tool": "t__t", "each": f"range({MAX_FAN_OUT + 1})", "arguments": {}}
    error = await refused(spec(triage=[{"calls": [entry]}]))
    assert "at most 32" in error.message
    assert "[:32]" in error.message
    fits = await play(spec(triage=[{"calls": [entry | {"each": f"{{{{ range({MAX_FAN_OUT + 1})[:32] }}}}"}]}]))
    assert len(fits.tool_calls) == MAX_FAN_OUT


async def test_a_step_whose_calls_all_fan_out_over_nothing_ends_the_work() -> None:
    model = spec(triage=[{"say": "nothing to do", "calls": [{"tool": "t__t", "each": "last"}]}])
    reply = await play(model)
    assert (reply.finish, reply.text, reply.tool_calls) == ("stop", "nothing to do", ())


async def test_an_unanswered_call_keeps_its_place_as_an_error() -> None:
    model = spec(triage=[{"calls": [{"tool": "a__a"}]}, {"say": "{{ last|map(attribute='is_error')|join(' ') }}"}])
    reply = await play(model, turn(0, ("a__a", {}), ("b__b", {})), answer("call_0_1", "fine"))
    assert reply.text == "True False"


async def test_an_agent_without_a_part_plays_the_part_of_all() -> None:
    model = SPEC.validate_python(
        {"provider": "scripted", "script": {"*": [{"say": "any"}], "triage": [{"say": "own"}]}}
    )
    assert (await play(model)).text == "own"
    assert (await play(model, agent="planner")).text == "any"


async def test_a_missing_part_and_a_missing_turn_are_told_apart() -> None:
    nobody = await refused(spec(planner=[{"say": "hi"}]))
    assert nobody.message == "The script has no part for agent 'triage'."
    assert "triage:" in nobody.way_out
    over = await refused(spec(triage=[{"calls": [{"tool": "a__a"}]}]), turn(0, ("a__a", {})))
    assert over.message == "The script of agent 'triage' has 1 turns and was asked for turn 2."
    assert over.field == "spec.script.triage"
    assert isinstance(over, BadInput)
    assert over.code == "script_wrong"


async def test_a_wrong_template_names_agent_turn_and_place() -> None:
    entry = {"tool": "t__t", "arguments": {"filter": {"path": "{{ input.pth }}"}}}
    error = await refused(spec(triage=[{"calls": [{"tool": "a__a"}, entry]}]))
    assert "agent 'triage'" in error.message
    assert "turn 1, calls[1].arguments.filter.path: 'dict object' has no attribute 'pth'" in error.message
    assert error.field == "spec.script.triage[0].calls[1].arguments.filter.path"
    assert error.__suppress_context__


async def test_what_cannot_be_kept_is_mended_or_refused() -> None:
    mended = spec(triage=[{"say": "a{{ '\0' }}", "calls": [{"tool": "t", "arguments": {"half": "\ud83d"}}]}])
    reply = await play(mended)
    assert (reply.text, reply.tool_calls[0].arguments) == ("a\ufffd", {"half": "\ufffd"})
    error = await refused(spec(triage=[{"calls": [{"tool": "t", "arguments": {"n": float("inf")}}]}]))
    assert "calls[0].arguments: the arguments hold a number that JSON does not have" in error.message


async def test_usage_is_a_quarter_of_the_characters_rounded_up() -> None:
    model = spec(triage=[{"say": "12345"}])
    messages = (Message("user", "1234567"), Message("user", "89"))
    reply = await ScriptedModel().request(model, ModelRequest("triage", messages, (), 100))
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == (3, 2, 0)


async def test_a_text_is_cut_at_the_output_limit_as_a_hosted_model_would() -> None:
    shown: list[str] = []
    request = ModelRequest("triage", (Message("user", "x"),), (), max_output_tokens=2)
    reply = await ScriptedModel().request(spec(triage=[{"say": "0123456789"}]), request, shown.append)
    assert (reply.text, reply.finish, shown) == ("01234567", "length", ["01234567"])
    assert reply.usage.output_tokens == 2

"""What every ModelProvider does: the scripted model, and pydantic-ai against fakes that speak the true wire formats."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import TypeAdapter

from swarmstead.kernel.errors import SteadError
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.contract import Message, ModelReply, ModelRequest, ModelSpec, Provider, ScriptStep, ToolSpec
from swarmstead.models.ports import ModelProvider
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, Call, ModelServer, Refusal
from tests.fakes.openai import OpenAIServer
from tests.fakes.reach import this_machine

TASK = (Message("system", "You look after a repository."), Message("user", "What changed last week?"))
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOLS = (
    ToolSpec("git__log", "Read the log.", NUMBER),
    ToolSpec("k8s__apps/v1.deployments", "A name that MCP allows and providers do not.", NUMBER),
)


@dataclass
class Setup:
    """A provider, and how to tell its model what to answer at the next turns."""

    provider: ModelProvider
    plan: Callable[..., ModelSpec]


@asynccontextmanager
async def scripted() -> AsyncGenerator[Setup]:
    def plan(*answers: Answer) -> ModelSpec:
        steps = [
            ScriptStep(
                tuple({"tool": call.name, "arguments": json.loads(call.raw)} for call in answer.calls), answer.text
            )
            for answer in answers
        ]
        return ModelSpec("scripted", script={"triage": tuple(steps)})

    yield Setup(ScriptedModel(), plan)


@asynccontextmanager
async def direct(name: Provider, model: str, server: ModelServer) -> AsyncGenerator[Setup]:
    provider = DirectModel(this_machine())
    async with server:

        def plan(*answers: Answer) -> ModelSpec:
            server.plan(*(answers or (Refusal(400, "no more"),)))
            return ModelSpec(name, model, server.base_url, "env:FAKE_MODEL_KEY")

        yield Setup(provider, plan)
        await provider.aclose()


SETUPS: dict[str, Callable[[], AbstractAsyncContextManager[Setup]]] = {
    "scripted": scripted,
    "openai": lambda: direct("openai", "gpt-4.1-mini", OpenAIServer()),
    "anthropic": lambda: direct("anthropic", "claude-haiku-5-5", AnthropicServer()),
    "google": lambda: direct("google", "gemini-2.5-flash", GoogleServer()),
    "ollama": lambda: direct("ollama", "qwen3", OpenAIServer()),
}


@pytest.fixture(params=sorted(SETUPS))
async def setup(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Setup]:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    async with SETUPS[request.param]() as made:
        yield made


def asked(*more: Message, limit: int = 1_000) -> ModelRequest:
    return ModelRequest("triage", (*TASK, *more), TOOLS, limit)


async def test_a_text_is_answered_with_its_usage(setup: Setup) -> None:
    spec = setup.plan(Answer("Two fixes and a release."))
    reply = await setup.provider.request(spec, asked())
    assert (reply.text, reply.tool_calls, reply.finish) == ("Two fixes and a release.", (), "stop")
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0
    assert reply.attempts == 1
    assert reply.model == (spec.model or "scripted")


async def test_what_is_shown_while_it_comes_is_the_text(setup: Setup) -> None:
    spec = setup.plan(Answer("Two fixes, a release and\na long tail of chores.", thinking="They ask about commits."))
    shown: list[str] = []
    reply = await setup.provider.request(spec, asked(), shown.append)
    assert "".join(shown) == reply.text == "Two fixes, a release and\na long tail of chores."


async def test_parallel_calls_keep_their_order_names_and_arguments(setup: Setup) -> None:
    calls = (
        Call("c1", "git__log", {"n": 1}),
        Call("c2", "k8s__apps/v1.deployments", {"n": 2, "deep": {"list": [1, None, "ü"]}}),
        Call("c3", "git__log", {}),
    )
    spec = setup.plan(Answer("", calls), Answer("", calls))
    known = asked(Message("assistant", "", ()))  # an earlier turn that said nothing
    for request in (asked(), known):
        reply = await setup.provider.request(spec, request)
        assert reply.finish == "tool_calls"
        assert [(call.name, call.arguments) for call in reply.tool_calls] == [
            ("git__log", {"n": 1}),
            ("k8s__apps/v1.deployments", {"n": 2, "deep": {"list": [1, None, "ü"]}}),
            ("git__log", {}),
        ]
        assert len({call.id for call in reply.tool_calls}) == 3


async def test_the_conversation_goes_on_after_results_and_errors(setup: Setup) -> None:
    calls = (Call("c1", "git__log", {"n": 1}), Call("c2", "git__log", {"n": 2}))
    spec = setup.plan(Answer("Looking.", calls), Answer("Done."))
    first = await setup.provider.request(spec, asked())
    results = [
        Message("tool", "3 commits", tool_call_id=first.tool_calls[0].id),
        Message("tool", "Denied: path is outside the repository", tool_call_id=first.tool_calls[1].id, is_error=True),
    ]
    said = Message("assistant", first.text, first.tool_calls)
    second = await setup.provider.request(spec, asked(said, *results, Message("user", "Be brief.")))
    assert (second.text, second.finish) == ("Done.", "stop")


async def test_a_reply_that_reaches_the_limit_says_so(setup: Setup) -> None:
    spec = setup.plan(Answer("0123456789" * 4, cut_by_limit=True))
    reply = await setup.provider.request(spec, asked(limit=5))
    assert reply.finish == "length"
    assert reply.text.startswith("0123456789")


async def test_a_reply_survives_storage_as_json(setup: Setup) -> None:
    spec = setup.plan(Answer("Looking.", (Call("c1", "git__log", {"n": 1}),)))
    reply = await setup.provider.request(spec, asked())
    adapter: TypeAdapter[Any] = TypeAdapter(ModelReply)
    assert adapter.validate_json(adapter.dump_json(reply)) == reply


async def test_many_requests_at_once_are_each_answered(setup: Setup) -> None:
    spec = setup.plan(*[Answer("Same for all.")] * 8)
    replies = await asyncio.gather(*(setup.provider.request(spec, asked()) for _ in range(8)))
    assert [reply.text for reply in replies] == ["Same for all."] * 8


async def test_a_refusal_names_a_way_out(setup: Setup) -> None:
    spec = setup.plan()
    with pytest.raises(SteadError) as caught:
        await setup.provider.request(spec, asked())
    assert caught.value.way_out
    assert caught.value.exit_code == 2
    assert caught.value.code in {"script_wrong", "model_refused_request"}


async def test_closing_twice_is_harmless(setup: Setup) -> None:
    spec = setup.plan(Answer("Hello."))
    await setup.provider.request(spec, asked())
    await setup.provider.aclose()
    await setup.provider.aclose()

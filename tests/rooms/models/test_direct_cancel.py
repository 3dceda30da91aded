"""Cancelling and time-outs cut the provider's connection at once: the fake sees its client go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.contract import Message, ModelRequest, ModelSpec
from swarmstead.models.errors import ModelFailed
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, Held, ModelServer
from tests.fakes.model_timing import ManualTiming
from tests.fakes.openai import OpenAIServer
from tests.fakes.reach import this_machine

ASKED = ModelRequest("triage", (Message("user", "hi"),), (), 1_000)
LONG = Answer("A long answer that comes in several pieces.")


@dataclass
class Line:
    server: ModelServer
    timing: ManualTiming
    model: DirectModel
    spec: ModelSpec


@pytest.fixture(params=["openai", "anthropic", "google"])
async def line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    kinds = {
        "openai": (OpenAIServer, "gpt-4.1-mini"),
        "anthropic": (AnthropicServer, "claude-haiku-5-5"),
        "google": (GoogleServer, "gemini-2.5-flash"),
    }
    kind, name = kinds[request.param]
    timing = ManualTiming()
    async with kind() as server:
        model = DirectModel(this_machine(), timing)
        yield Line(server, timing, model, ModelSpec(request.param, name, server.base_url, "env:FAKE_MODEL_KEY"))
        await model.aclose()


@pytest.mark.parametrize("frames", [0, 1])
async def test_cancelling_cuts_the_connection(line: Line, frames: int) -> None:
    line.server.plan(Held(LONG, frames), LONG)
    task = asyncio.create_task(line.model.request(line.spec, ASKED))
    await line.server.held.wait()
    task.cancel()
    async with asyncio.timeout(30):
        await line.server.left.wait()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await line.model.request(line.spec, ASKED)).text == LONG.text


async def test_a_slow_first_byte_is_a_timeout(line: Line) -> None:
    line.server.plan(Held(LONG))
    task = asyncio.create_task(line.model.request(line.spec, ASKED))
    await line.server.held.wait()
    line.timing.expire()
    with pytest.raises(ModelFailed) as caught:
        await task
    assert caught.value.code == "model_timeout"
    assert f"{line.spec.provider} model {line.spec.model} sent nothing within 120 s" in caught.value.message
    assert "timeout_s" in caught.value.way_out
    async with asyncio.timeout(30):
        await line.server.left.wait()


async def test_a_slow_first_byte_within_the_deadline_is_waited_for(line: Line) -> None:
    turn = Held(LONG)
    line.server.plan(turn)
    task = asyncio.create_task(line.model.request(line.spec, ASKED))
    await line.server.held.wait()
    turn.release.set()
    reply = await task
    assert (reply.text, reply.attempts) == (LONG.text, 1)


async def test_an_answer_that_never_ends_is_a_timeout_too(line: Line) -> None:
    turn = Held(LONG, frames=4 if line.spec.provider != "google" else 1)
    line.server.plan(turn)
    shown = asyncio.Event()
    task = asyncio.create_task(line.model.request(line.spec, ASKED, lambda _: shown.set()))
    await shown.wait()
    line.timing.expire()
    with pytest.raises(ModelFailed, match="did not finish within 120 s") as caught:
        await task
    tokens = caught.value.extra["input_tokens"]
    assert isinstance(tokens, int)
    assert tokens > 0  # what had come is charged for
    async with asyncio.timeout(30):
        await line.server.left.wait()


async def test_closing_ends_every_connection(line: Line) -> None:
    line.server.plan(LONG)
    await line.model.request(line.spec, ASKED)
    await line.model.aclose()
    line.server.plan(LONG)
    assert (await line.model.request(line.spec, ASKED)).text == LONG.text  # a new client is made when one is needed
    assert line.server.connections == 2

"""Keys: taken from their reference for each request, and in nothing that the adapter says, logs or raises."""

import logging
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from swarmstead.kernel.errors import SteadError
from swarmstead.models.adapters import direct
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.contract import Message, ModelRequest, ModelSpec
from swarmstead.models.errors import ModelRefusedKey
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, Broken, ModelServer, Refusal
from tests.fakes.model_timing import ManualTiming
from tests.fakes.openai import OpenAIServer
from tests.fakes.reach import this_machine

ASKED = ModelRequest("triage", (Message("user", "hi"),), (), 1_000)
SERVERS = {
    "openai": (OpenAIServer, "gpt-4.1-mini"),
    "anthropic": (AnthropicServer, "claude-haiku-5-5"),
    "google": (GoogleServer, "gemini-2.5-flash"),
}
Pair = tuple[ModelServer, ModelSpec]


@pytest.fixture(params=sorted(SERVERS))
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    kind, name = SERVERS[request.param]
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    async with kind() as server:
        yield server, ModelSpec(request.param, name, server.base_url, f"file:{file}")


def key_file(spec: ModelSpec) -> Path:
    return Path(spec.api_key.removeprefix("file:"))


async def test_no_failure_holds_the_key(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """The fake repeats the key in what it says, as far as a provider could go."""
    server, spec = pair
    canary = "sk-other-canary-9876543210"
    caplog.set_level(logging.DEBUG)
    model = DirectModel(this_machine(), ManualTiming())
    for turn in (
        Refusal(400, f"bad {canary}"),
        Refusal(403, canary),
        Refusal(404, canary),
        Broken(Answer(canary), 1, "end"),
    ):
        key_file(spec).write_text(canary)
        server.key = canary
        server.plan(*[turn] * 6)
        with pytest.raises(SteadError) as caught:
            await model.request(spec, ASKED)
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.problem())
        assert canary not in told
        assert caught.value.__context__ is None
        server.forget()
    server.key = KEY
    with pytest.raises(ModelRefusedKey) as refused:
        await model.request(spec, ASKED)
    assert canary not in refused.value.message
    assert f"refused the key at {spec.api_key}" in refused.value.message
    assert "Incorrect API key provided: [key]" in refused.value.message
    assert canary not in caplog.text
    await model.aclose()


async def test_a_rotated_key_is_used_at_once(pair: Pair) -> None:
    server, spec = pair
    model = DirectModel(this_machine(), ManualTiming())
    server.plan(Answer("one"), Answer("two"))
    assert (await model.request(spec, ASKED)).text == "one"
    server.key = "sk-rotated"
    key_file(spec).write_text("sk-rotated")
    assert (await model.request(spec, ASKED)).text == "two"
    await model.aclose()


@pytest.mark.parametrize("content", ["", "two words", "two\nlines", "schlüssel"])
async def test_a_key_that_cannot_be_one_is_refused_before_anything_is_sent(pair: Pair, content: str) -> None:
    server, spec = pair
    key_file(spec).write_text(content)
    with pytest.raises(ModelRefusedKey) as caught:
        await DirectModel(this_machine(), ManualTiming()).request(spec, ASKED)
    assert f"There is no usable key for {spec.provider} model {spec.model}" in caught.value.message
    assert spec.api_key in caught.value.message
    assert not content or content not in "".join(traceback.format_exception(caught.value))
    assert server.seen == []


async def test_the_environment_of_the_server_is_never_sent_by_itself(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SDKs fall back to keys and addresses of the environment; a model of one's own must not get a provider's key."""
    server, spec = pair
    for name in ("OPENAI", "ANTHROPIC", "GOOGLE", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-from-the-environment")
        monkeypatch.setenv(f"{name}_BASE_URL", "http://127.0.0.1:1")
    model = DirectModel(this_machine(), ManualTiming())
    without = ModelSpec(spec.provider, spec.model, spec.base_url)
    with pytest.raises(ModelRefusedKey, match="the model has none"):
        await model.request(without, ASKED)
    assert "sk-from-the-environment" not in repr(server.seen)
    await model.aclose()


async def test_redirects_are_not_followed(pair: Pair) -> None:
    server, spec = pair
    async with OpenAIServer() as elsewhere:
        server.plan(Refusal(307, headers={"Location": f"{elsewhere.origin}/v1/chat/completions"}))
        model = DirectModel(this_machine(), ManualTiming())
        with pytest.raises(SteadError):
            await model.request(spec, ASKED)
        await model.aclose()
        assert elsewhere.seen == []


async def test_idle_clients_are_dropped_where_keys_rotate(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "_MOST_CLIENTS", 2)
    server, spec = pair
    model = DirectModel(this_machine(), ManualTiming())

    async def connections_after(key: str) -> int:
        server.key = key
        key_file(spec).write_text(key)
        server.plan(Answer("ok"))
        await model.request(spec, ASKED)
        return server.connections

    assert [await connections_after(f"sk-{n}") for n in (0, 1, 2)] == [1, 2, 3]
    assert await connections_after("sk-1") == 3  # one of the two that are kept
    assert await connections_after("sk-0") == 4  # the oldest had gone and is made anew
    await model.aclose()

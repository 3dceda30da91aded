"""Hosted models over the wire: what is tried again, what is refused, and how each failure reads."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from swarmstead.kernel.errors import SteadError, TooMuch
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.retries import MAX_ATTEMPTS
from swarmstead.models.contract import Message, ModelRequest, ModelSpec, ToolSpec, Usage
from swarmstead.models.errors import ModelFailed, ModelRateLimited, ModelRefusedKey, ModelRefusedRequest, usage_of
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, Broken, Call, ModelServer, Refusal
from tests.fakes.model_timing import ManualTiming
from tests.fakes.openai import OpenAIServer
from tests.fakes.reach import this_machine

LOG = ToolSpec("git__log", "Read the log.", {"type": "object", "properties": {"n": {"type": "integer"}}})
ASKED = ModelRequest("triage", (Message("system", "Be brief."), Message("user", "hi")), (LOG,), 1_000)
FINE = Answer("All is well, and nothing has changed since.")
ONCE = Usage(FINE.input_tokens, FINE.output_tokens)


class Rig:
    """A fake provider, an adapter whose time stands still, and the spec that brings them together."""

    def __init__(self, server: ModelServer, spec: ModelSpec) -> None:
        self.server = server
        self.spec = spec
        self.timing = ManualTiming()
        self.model = DirectModel(this_machine(), self.timing)

    async def failed(self, spec: ModelSpec | None = None) -> SteadError:
        with pytest.raises(SteadError) as caught:
            await self.model.request(spec or self.spec, ASKED)
        return caught.value


@pytest.fixture(params=["openai", "anthropic"])
async def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    name = "gpt-4.1-mini" if request.param == "openai" else "claude-haiku-5-5"
    made = OpenAIServer(models=[name]) if request.param == "openai" else AnthropicServer(models=[name])
    async with made as server:
        made_rig = Rig(server, ModelSpec(request.param, name, server.base_url, "env:FAKE_MODEL_KEY", timeout_s=120))
        yield made_rig
        await made_rig.model.aclose()


# What is tried again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        Refusal(500),
        Refusal(502),
        Refusal(503),
        Refusal(524),
        Refusal(529),
        Refusal(408),
        Refusal(429),
        Broken(FINE, 0, "reset"),
        Broken(FINE, 0, "end"),
        Broken(FINE, 0, "garbage"),
        Broken(FINE, 3, "reset"),
        Broken(FINE, 3, "end"),
        Broken(FINE, 3, "garbage"),
    ],
    ids=lambda trouble: f"{trouble.status}" if isinstance(trouble, Refusal) else f"{trouble.then}-{trouble.frames}",
)
async def test_passing_trouble_is_tried_again(rig: Rig, trouble: Refusal | Broken) -> None:
    rig.server.plan(trouble, FINE)
    reply = await rig.model.request(rig.spec, ASKED)
    assert (reply.text, reply.attempts) == (FINE.text, 2)
    assert rig.timing.waits == [0.5]
    assert len(rig.server.seen) == 2


async def test_waits_grow_and_attempts_are_bounded(rig: Rig) -> None:
    rig.server.plan(*[Refusal(503, "overloaded")] * 10)
    error = await rig.failed()
    assert rig.timing.waits == [0.5, 1, 2, 4, 8]
    assert isinstance(error, ModelFailed)
    assert error.extra["attempts"] == MAX_ATTEMPTS
    assert error.message == (
        f"{rig.spec.provider} model {rig.spec.model} does not answer at the moment (HTTP 503). Tried 6 times."
        " It said: overloaded"
    )


async def test_retry_after_in_seconds_is_honoured(rig: Rig) -> None:
    rig.server.plan(Refusal(429, headers={"Retry-After": "7"}), FINE)
    assert (await rig.model.request(rig.spec, ASKED)).attempts == 2
    assert rig.timing.waits == [7]


async def test_retry_after_as_a_date_is_honoured(rig: Rig) -> None:
    then = datetime.now(UTC) + timedelta(seconds=60)
    rig.server.plan(Refusal(429, headers={"Retry-After": format_datetime(then, usegmt=True)}), FINE)
    assert (await rig.model.request(rig.spec, ASKED)).attempts == 2
    assert 1 < rig.timing.waits[0] <= 60


async def test_a_wait_beyond_the_deadline_is_not_begun(rig: Rig) -> None:
    rig.server.plan(Refusal(429, "slow down", headers={"Retry-After": "3600"}), FINE)
    error = await rig.failed()
    assert isinstance(error, ModelRateLimited)
    assert rig.timing.waits == []
    assert "asks to wait 3600 s" in error.message
    assert error.way_out


async def test_all_attempts_share_one_deadline(rig: Rig) -> None:
    rig.server.plan(*[Refusal(500)] * 10)
    error = await rig.failed(replace(rig.spec, timeout_s=3))
    assert rig.timing.waits == [0.5, 1]  # a third wait of 2 s would end after the deadline
    assert error.extra["attempts"] == 3


async def test_malformed_arguments_are_asked_for_once_more_and_both_answers_are_counted(rig: Rig) -> None:
    rig.server.plan(Answer("", (Call("c1", "git__log", '{"n": '),)), FINE)
    reply = await rig.model.request(rig.spec, ASKED)
    assert (reply.text, reply.attempts) == (FINE.text, 2)
    assert reply.usage == Usage(2 * ONCE.input_tokens, 2 * ONCE.output_tokens)
    assert rig.timing.waits == [0]


@pytest.mark.parametrize(
    "raw", ["{n: 1}", "[1]", '"text"', '{"n": NaN}', '{"n": 1e999}', f'{{"n": {"[" * 101 + "]" * 101}}}']
)
async def test_arguments_malformed_twice_fail_with_their_cost(rig: Rig, raw: str) -> None:
    rig.server.plan(*[Answer("", (Call("c1", "git__log", raw),))] * 3)
    error = await rig.failed()
    assert (error.code, error.status) == ("model_arguments_malformed", 503)
    assert error.extra == {"attempts": 2, "input_tokens": 240, "output_tokens": 60}


async def test_text_that_no_database_keeps_is_mended_where_it_comes_in(rig: Rig) -> None:
    rig.server.plan(Answer("a\0b", (Call("c\0", "git__log", '{"n": "half \\ud83d, \\u0000"}'),)))
    reply = await rig.model.request(rig.spec, ASKED)
    (call,) = reply.tool_calls
    assert (reply.text, call.id, call.arguments) == ("a\ufffdb", "c\ufffd", {"n": "half \ufffd, \ufffd"})


async def test_a_count_below_nothing_is_no_credit(rig: Rig) -> None:
    rig.server.plan(*[Answer("Three words said.", input_tokens=-50, output_tokens=-9)] * 20)
    try:
        used = (await rig.model.request(rig.spec, ASKED)).usage
    except ModelFailed as error:  # an SDK that prices what is counted refuses such an answer: it was said all the same
        used = usage_of(error)
    assert min(used.input_tokens, used.output_tokens) > 0


async def test_another_attempt_is_asked_for_when_the_last_one_used_tokens(rig: Rig) -> None:
    rig.server.plan(Refusal(503), Answer("", (Call("c1", "git__log", "{"),)), FINE)
    asked: list[Usage] = []

    async def before_retry(used: Usage) -> None:
        asked.append(used)

    await rig.model.request(rig.spec, ASKED, None, before_retry)
    assert asked == [Usage(120, 30)]


async def test_another_attempt_that_is_refused_is_not_sent_and_the_error_tells_what_was_used(rig: Rig) -> None:
    rig.server.plan(Answer("", (Call("c1", "git__log", "{"),)), FINE)

    async def refuse(_used: Usage) -> None:
        raise TooMuch("The budget is reached.")

    with pytest.raises(TooMuch) as caught:
        await rig.model.request(rig.spec, ASKED, None, refuse)
    assert (usage_of(caught.value), len(rig.server.seen)) == (Usage(120, 30), 1)


async def test_a_refusal_after_an_attempt_that_used_tokens_tells_them(rig: Rig) -> None:
    rig.server.plan(Answer("", (Call("c1", "git__log", "{"),)), Refusal(401))
    assert usage_of(await rig.failed()) == Usage(120, 30)


async def test_arguments_cut_by_the_output_limit_are_not_asked_for_again(rig: Rig) -> None:
    rig.server.plan(Answer("", (Call("c1", "git__log", '{"n": '),), cut_by_limit=True), FINE)
    error = await rig.failed()
    assert error.code == "model_output_limit"
    assert "max_output_tokens" in error.way_out
    assert len(rig.server.seen) == 1


@pytest.mark.parametrize("raw", ["", "null", "{}"])
async def test_no_arguments_at_all_are_an_empty_object(rig: Rig, raw: str) -> None:
    rig.server.plan(Answer("", (Call("c1", "git__log", raw),)))
    assert (await rig.model.request(rig.spec, ASKED)).tool_calls[0].arguments == {}


async def test_calls_that_share_an_id_get_ids_of_their_own(rig: Rig) -> None:
    rig.server.plan(Answer("", (Call("c", "git__log", "{}"), Call("c", "git__log", "{}"))))
    reply = await rig.model.request(rig.spec, ASKED)
    assert [call.id for call in reply.tool_calls] == ["c", "c_1"]


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, ModelRefusedRequest, "model_refused_request"),
        (413, ModelRefusedRequest, "model_refused_request"),
        (422, ModelRefusedRequest, "model_refused_request"),
        (401, ModelRefusedKey, "model_key_refused"),
        (403, ModelRefusedKey, "model_key_refused"),
        (402, ModelFailed, "model_quota_exhausted"),
    ],
)
async def test_what_repeating_cannot_mend_is_refused_at_once(rig: Rig, status: int, kind: type, code: str) -> None:
    rig.server.plan(Refusal(status, "what the provider says"), FINE)
    error = await rig.failed()
    assert len(rig.server.seen) == 1
    assert type(error) is kind
    assert error.code == code
    for part in (rig.spec.provider, rig.spec.model, f"HTTP {status}", "It said: what the provider says"):
        assert part in error.message
    assert error.way_out


async def test_an_unknown_model_names_the_field(rig: Rig) -> None:
    error = await rig.failed(replace(rig.spec, model="no-such-model"))
    assert isinstance(error, ModelRefusedRequest)
    assert f"{rig.spec.provider} does not know model no-such-model (HTTP 404)" in error.message
    assert error.field == "spec.model"


async def test_a_server_that_is_not_there(rig: Rig, unused_tcp_port: int) -> None:
    error = await rig.failed(replace(rig.spec, base_url=f"http://127.0.0.1:{unused_tcp_port}/v1"))
    assert isinstance(error, ModelFailed)
    assert f"cannot be reached at http://127.0.0.1:{unused_tcp_port}/v1" in error.message
    assert error.extra["attempts"] == MAX_ATTEMPTS


async def test_a_server_that_speaks_something_else(rig: Rig) -> None:
    rig.server.plan(*[Broken(FINE, 0, "garbage")] * MAX_ATTEMPTS)
    error = await rig.failed()
    assert "sent an answer that cannot be read" in error.message
    assert "`base_url`" in error.way_out


async def test_a_tool_error_goes_out_as_an_error(rig: Rig) -> None:
    rig.server.plan(Answer("", (Call("c1", "git__log", {}),)), FINE)
    first = await rig.model.request(rig.spec, ASKED)
    said = Message("assistant", "", first.tool_calls)
    result = Message("tool", "half a pair: \ud83d", tool_call_id=first.tool_calls[0].id, is_error=True)
    await rig.model.request(rig.spec, replace(ASKED, messages=(*ASKED.messages, said, result)))
    last = rig.server.seen[-1].body["messages"][-1]
    if rig.spec.provider == "anthropic":
        assert last["content"][0] | {"content": ""} == {
            "type": "tool_result",
            "tool_use_id": "c1",
            "is_error": True,
            "content": "",
        }
    else:
        assert (last["role"], last["tool_call_id"]) == ("tool", "c1")
        assert "error" in last["content"]
    assert "half a pair: ?" in str(last)


async def test_thinking_is_neither_shown_nor_kept(rig: Rig) -> None:
    rig.server.plan(Answer("Answer.", thinking="a private chain of thought"))
    shown: list[str] = []
    reply = await rig.model.request(rig.spec, ASKED, shown.append)
    assert "".join(shown) == "Answer."
    assert "private" not in repr(reply)


async def test_a_viewer_that_fails_is_not_taken_for_a_failing_model(rig: Rig) -> None:
    rig.server.plan(FINE, FINE)

    def broken(_: str) -> None:
        raise LookupError("viewer")

    with pytest.raises(LookupError, match="viewer"):
        await rig.model.request(rig.spec, ASKED, broken)
    assert len(rig.server.seen) == 1


# Usage, limits and connections ---------------------------------------------------------------------------------------


async def test_cached_tokens_are_part_of_the_input(rig: Rig) -> None:
    rig.server.plan(Answer("x", input_tokens=500, cached_tokens=400, output_tokens=3))
    assert (await rig.model.request(rig.spec, ASKED)).usage == Usage(500, 3, cached_tokens=400)


async def test_the_output_limit_is_always_sent(rig: Rig) -> None:
    rig.server.plan(FINE)
    await rig.model.request(rig.spec, replace(ASKED, max_output_tokens=77))
    body = rig.server.seen[-1].body
    assert 77 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["stream"] is True


async def test_connections_are_used_again(rig: Rig) -> None:
    rig.server.plan(*[FINE] * 5)
    for _ in range(5):
        await rig.model.request(rig.spec, ASKED)
    assert rig.server.connections == 1


async def test_the_dialects_of_the_output_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI's models insist on the newer field; servers that only speak its API may know the older one alone."""
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    model = DirectModel(this_machine())
    async with OpenAIServer() as server:
        server.plan(FINE, FINE, FINE)
        for provider, name in (("openai", "gpt-5-mini"), ("openai", "llama-3.3-70b"), ("ollama", "qwen3")):
            spec = ModelSpec(provider, name, server.base_url, "env:FAKE_MODEL_KEY")  # type: ignore[arg-type]
            await model.request(spec, ASKED)
        await model.aclose()
    fields = [seen.body.keys() & {"max_tokens", "max_completion_tokens"} for seen in server.seen]
    assert fields == [{"max_completion_tokens"}, {"max_tokens"}, {"max_tokens"}]


async def test_usage_that_is_not_told_is_taken_at_its_upper_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    model = DirectModel(this_machine())
    async with OpenAIServer() as server:
        server.plan(Answer("13 bytes long", (Call("c", "git__log", {"n": 1}),), counted=False))
        reply = await model.request(ModelSpec("openai", "own", server.base_url, "env:FAKE_MODEL_KEY"), ASKED)
        await model.aclose()
    assert reply.usage.input_tokens > 1_000  # the allowance for tools alone is more
    assert reply.usage.output_tokens == len("13 bytes long" + "git__log" + '{"n": 1}')


async def test_google_says_400_to_a_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    model = DirectModel(this_machine())
    async with GoogleServer() as server:
        server.plan(Refusal(400, "API key not valid. API_KEY_INVALID"))
        with pytest.raises(ModelRefusedKey):
            await model.request(ModelSpec("google", "gemini-2.5-flash", server.base_url, "env:FAKE_MODEL_KEY"), ASKED)
        await model.aclose()

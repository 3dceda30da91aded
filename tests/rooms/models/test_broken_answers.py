"""What an attempt is charged for that did not end: never less than the provider may bill, never more than was held."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from swarmstead.budgets.contract import Account
from swarmstead.budgets.errors import BudgetReached
from swarmstead.kernel.errors import SteadError
from swarmstead.models import prices
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.mapping import usage_of as usage_of_answer
from swarmstead.models.adapters.retries import MAX_ATTEMPTS
from swarmstead.models.contract import Message, ModelPrice, ModelRequest, ModelSpec, Provider, ToolSpec, Usage
from swarmstead.models.errors import ModelFailed, usage_of
from swarmstead.models.routing import Models
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, Broken, Call, Held, ModelServer, Refusal
from tests.fakes.model_timing import ManualTiming
from tests.fakes.openai import OpenAIServer
from tests.fakes.reach import this_machine

LOG = ToolSpec("git__log", "Read the log.", {"type": "object", "properties": {"n": {"type": "string"}}})
ASKED = ModelRequest("triage", (Message("system", "Be brief."), Message("user", "hi")), (LOG,), 2_000)
WHOLE = Usage(prices.token_upper_bound(ASKED), ASKED.max_output_tokens)
LONG = Answer("word " * 800, input_tokens=50, output_tokens=900)
FAKES: dict[Provider, type[ModelServer]] = {
    "openai": OpenAIServer,
    "anthropic": AnthropicServer,
    "google": GoogleServer,
}


@dataclass
class Rig:
    server: ModelServer
    spec: ModelSpec
    timing: ManualTiming
    model: DirectModel

    async def charged(self) -> tuple[Usage, int]:
        """What an error tells was used, in how many attempts."""
        with pytest.raises(SteadError) as caught:
            await self.model.request(self.spec, ASKED)
        self.server.forget()
        attempts = caught.value.extra["attempts"]
        assert isinstance(attempts, int)
        return usage_of(caught.value), attempts

    def frames_before_the_end(self, answer: Answer) -> int:
        """All frames in which the answer is said, and none in which the provider counts or ends it."""
        frames = self.server.frames(answer, "m", {"stream_options": {"include_usage": True}})
        return len(frames) - {"openai": 3, "anthropic": 3, "google": 1}[self.spec.provider]


@pytest.fixture(params=sorted(FAKES))
async def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    timing = ManualTiming()
    model = DirectModel(this_machine(), timing)
    async with FAKES[request.param]() as server:
        spec = ModelSpec(request.param, "m", server.base_url, "env:FAKE_MODEL_KEY", ModelPrice("1", "5"))
        yield Rig(server, spec, timing, model)
        await model.aclose()


@pytest.mark.parametrize("then", ["reset", "end", "garbage"])
@pytest.mark.parametrize(
    "answer",
    [
        LONG,
        Answer("Done.", thinking="thought " * 250, input_tokens=50, output_tokens=600),
        Answer("", (Call("c1", "git__log", {"n": "x" * 3_000}),), input_tokens=50, output_tokens=900),
    ],
    ids=["text", "thinking", "call"],
)
async def test_what_was_streamed_is_charged(rig: Rig, answer: Answer, then: Literal["reset", "end", "garbage"]) -> None:
    if rig.spec.provider == "google":  # says a call, and thoughts, in a frame of their own
        answer = replace(answer, text=answer.text or "And more.", calls=(*answer.calls, Call("c2", "git__log", {})))
    rig.server.plan(*[Broken(answer, rig.frames_before_the_end(answer), then)] * MAX_ATTEMPTS)
    used, attempts = await rig.charged()
    assert attempts == MAX_ATTEMPTS
    models = Models({})
    billed = models.cost_of_failure(rig.spec, Usage(attempts * answer.input_tokens, attempts * answer.output_tokens))
    assert billed <= models.cost_of_failure(rig.spec, used) <= attempts * models.estimate(rig.spec, ASKED)
    assert used.output_tokens >= attempts * answer.output_tokens


async def test_what_was_told_is_charged_where_it_is_a_count(rig: Rig) -> None:
    rig.server.plan(*[Broken(replace(LONG, text="word " * 20), 5, "end")] * MAX_ATTEMPTS)
    used, attempts = await rig.charged()
    one = Usage(used.input_tokens // attempts, used.output_tokens // attempts)
    if rig.spec.provider == "openai":  # counts at the end alone, and may have thought unseen
        assert one == WHOLE
    else:  # its input, and an output of 1 so far: what was streamed is more, and each byte of it is a token at most
        pieces = 2 if rig.spec.provider == "anthropic" else 5
        assert one == Usage(LONG.input_tokens, 12 * pieces)


@pytest.mark.parametrize("then", ["reset", "end", "garbage"])
async def test_silence_after_the_request_was_taken_is_charged_whole(
    rig: Rig, then: Literal["reset", "end", "garbage"]
) -> None:
    """The provider may have done all the work: the same is charged when a run is cancelled or its process dies."""
    rig.server.plan(*[Broken(LONG, 0, then)] * MAX_ATTEMPTS)
    used, attempts = await rig.charged()
    assert used == Usage(attempts * WHOLE.input_tokens, attempts * WHOLE.output_tokens)
    assert Models({}).cost_of_failure(rig.spec, used) == attempts * Models({}).estimate(rig.spec, ASKED)


async def test_silence_until_the_time_is_over_is_charged_whole(rig: Rig) -> None:
    rig.server.plan(Held(LONG))
    waiting = asyncio.create_task(rig.charged())
    await rig.server.held.wait()
    rig.timing.expire()
    assert await waiting == (WHOLE, 1)


async def test_a_beginning_without_a_word_is_charged_whole(rig: Rig) -> None:
    """Anthropic counts 1 token as it begins; what it thinks before its first word may not be shown at all."""
    first = {"openai": 1, "anthropic": 3, "google": 0}[rig.spec.provider]
    rig.server.plan(*[Broken(LONG, first, "end")] * MAX_ATTEMPTS)
    used, attempts = await rig.charged()
    assert used.output_tokens == attempts * WHOLE.output_tokens


@pytest.mark.parametrize("status", [504, 524])
async def test_a_gateway_that_waited_in_vain_is_silence_too(rig: Rig, status: int) -> None:
    rig.server.plan(*[Refusal(status)] * MAX_ATTEMPTS)
    used, attempts = await rig.charged()
    assert used == Usage(attempts * WHOLE.input_tokens, attempts * WHOLE.output_tokens)


@pytest.mark.parametrize("status", [307, 400, 401, 402, 404, 413, 422, 429, 500, 502, 503, 529])
async def test_a_refusal_costs_nothing(rig: Rig, status: int) -> None:
    rig.server.plan(*[Refusal(status)] * MAX_ATTEMPTS)
    assert (await rig.charged())[0] == Usage()


async def test_a_refusal_in_the_first_event_costs_nothing_and_a_later_one_does(rig: Rig) -> None:
    rig.server.plan(*[Broken(LONG, 0, "error")] * MAX_ATTEMPTS)
    assert (await rig.charged())[0] == Usage()
    rig.server.plan(*[Broken(LONG, 6, "error")] * MAX_ATTEMPTS)
    used, attempts = await rig.charged()
    assert used.output_tokens >= attempts * 12


async def test_an_error_in_a_stream_is_not_told_as_a_status_that_nobody_sent(rig: Rig) -> None:
    rig.server.plan(*[Broken(LONG, 0, "error")] * MAX_ATTEMPTS)
    with pytest.raises(SteadError, match="HTTP 200, with an error in the answer") as caught:
        await rig.model.request(rig.spec, ASKED)
    assert "HTTP 5" not in caught.value.message


async def test_what_was_not_sent_costs_nothing(rig: Rig, unused_tcp_port: int) -> None:
    rig.spec = replace(rig.spec, base_url=f"http://127.0.0.1:{unused_tcp_port}")
    assert await rig.charged() == (Usage(), MAX_ATTEMPTS)


@pytest.mark.parametrize(("told", "taken"), [(900_000, 900_000), (10**25, 10**12)])
async def test_a_count_is_taken_as_told_as_far_as_a_ledger_can_hold_it(rig: Rig, told: int, taken: int) -> None:
    rig.server.plan(Answer("Yes.", input_tokens=told, output_tokens=told))
    assert (await rig.model.request(rig.spec, ASKED)).usage == Usage(taken, taken)


async def test_a_count_below_nothing_gives_no_money_back(rig: Rig) -> None:
    rig.server.plan(*[Answer("Yes.", input_tokens=-5, output_tokens=-5)] * MAX_ATTEMPTS)
    used, attempts = await rig.charged()
    assert used == Usage(attempts * WHOLE.input_tokens, attempts * WHOLE.output_tokens)


_MANY = 10**400  # and no float
_ODD: list[Any] = [
    12.0,
    "12",
    12.5,
    "12.5",
    "many",
    [],
    *map(float, ("inf", "-inf", "nan")),
    "-Infinity",
    "NaN",
    _MANY,
    -_MANY,
]


@pytest.mark.parametrize("told", _ODD, ids=lambda told: str(told)[:9])
async def test_a_count_that_is_no_whole_number_is_one_in_the_ledger_or_no_answer(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    model = DirectModel(this_machine(), ManualTiming())
    async with OpenAIServer() as server:
        spec = ModelSpec("openai", "m", server.base_url, "env:FAKE_MODEL_KEY", ModelPrice("1", "5"))
        server.plan(*[Answer("Yes.", input_tokens=told, output_tokens=told)] * MAX_ATTEMPTS)
        try:
            used = (await model.request(spec, ASKED)).usage
        except ModelFailed as unreadable:
            used = usage_of(unreadable)
        await model.aclose()
    assert used in {
        Usage(12, 12),
        Usage(10**12, 10**12),
        Usage(WHOLE.input_tokens, len("Yes.")),
        Usage(MAX_ATTEMPTS * WHOLE.input_tokens, MAX_ATTEMPTS * WHOLE.output_tokens),
    }
    assert {type(used.input_tokens), type(used.output_tokens), type(prices.cost(spec, "m", used))} == {int}


@pytest.mark.parametrize(("told", "taken"), [(float("-inf"), 0), ("-1e999", 0), (-_MANY, 0), (_MANY, 10**12)])
def test_no_count_that_an_sdk_hands_on_ends_in_an_error(told: Any, taken: int) -> None:
    answer = ModelResponse([TextPart("Yes.")], usage=RequestUsage(input_tokens=told, output_tokens=told))
    assert usage_of_answer(answer, ASKED) == (Usage(taken, taken) if taken else Usage(WHOLE.input_tokens, len("Yes.")))


async def test_a_retry_that_is_refused_tells_why_it_was_needed(rig: Rig) -> None:
    async def refuse(_used: Usage) -> None:
        raise BudgetReached(Account("run/r_1", 10, "run"), 10, 0, 5)

    rig.server.plan(Broken(LONG, 3, "garbage"))
    with pytest.raises(BudgetReached) as caught:
        await rig.model.request(rig.spec, ASKED, None, refuse)
    assert "The run budget of" in caught.value.message
    assert f"because {rig.spec.provider} model m " in caught.value.message
    assert "Or: Raise the budget" in caught.value.way_out

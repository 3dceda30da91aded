"""What may stand at a model's address: it learns no secret of the server, and no answer of it is without an end."""

import asyncio
import gc
import gzip
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass

import pytest

from swarmstead.kernel.errors import SteadError
from swarmstead.models import prices
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.retries import MAX_ATTEMPTS
from swarmstead.models.contract import Message, ModelPrice, ModelRequest, ModelSpec, Provider, Usage
from swarmstead.models.errors import ModelFailed, ModelRefusedKey, usage_of
from tests.fakes import raw_server
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, ModelServer, sse
from tests.fakes.model_timing import ManualTiming
from tests.fakes.openai import OpenAIServer
from tests.fakes.reach import this_machine

ASKED = ModelRequest("triage", (Message("user", "hi"),), (), 16)
WHOLE = Usage(prices.token_upper_bound(ASKED), ASKED.max_output_tokens)
FAKES: dict[Provider, type[ModelServer]] = {
    "openai": OpenAIServer,
    "anthropic": AnthropicServer,
    "google": GoogleServer,
    "ollama": OpenAIServer,
}
KEY_HEADERS = {"anthropic": ("x-api-key", KEY), "google": ("x-goog-api-key", KEY)}
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
HTML = b"<html><body>nothing of a model</body></html>"


@dataclass
class Rig:
    """Whatever a test says it is, at the address of a model."""

    server: raw_server.RawServer
    spec: ModelSpec
    model: DirectModel

    async def failed(self, *turns: raw_server.Turn) -> SteadError:
        """What an answer, or each of several attempts, comes to."""
        self.server.plan(*turns)
        async with asyncio.timeout(60):
            with pytest.raises(SteadError) as caught:
                await self.model.request(self.spec, ASKED)
        self.server.forget()
        return caught.value

    def said(self, words: int) -> tuple[bytes, bytes]:
        """The beginning of an answer in this provider's form, and one more piece of it."""
        frames = FAKES[self.spec.provider]().frames(Answer("word " * words), "m", {})
        begins = {"anthropic": 3, "google": 0}.get(self.spec.provider, 1)
        return "".join(frames[:begins]).encode(), frames[begins].encode()


@pytest.fixture(params=sorted(FAKES))
async def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    model = DirectModel(this_machine(), ManualTiming())
    async with raw_server.serving() as server:
        spec = ModelSpec(
            request.param, "m", f"http://127.0.0.1:{server.port}/v1", "env:FAKE_MODEL_KEY", ModelPrice("1", "5")
        )
        yield Rig(server, spec, model)
        await model.aclose()


def page(status: int, body: bytes, kind: str = "text/html", head: str = "") -> raw_server.Turn:
    lines = f"HTTP/1.1 {status} Such\r\ncontent-type: {kind}\r\n{head}content-length: {len(body)}\r\n\r\n"
    return raw_server.Turn(lines.encode() + body)


# What goes out --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", sorted(FAKES))
async def test_nothing_of_the_servers_environment_goes_to_a_models_address(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = "X-Corp-Token: corp-SECRET\nAuthorization: Bearer other-SECRET\nX-Api-Key: third-SECRET"
    for name, value in {
        "FAKE_MODEL_KEY": KEY,
        "OPENAI_ORG_ID": "org-SECRET",
        "OPENAI_PROJECT_ID": "proj-SECRET",
        "OPENAI_ADMIN_KEY": "admin-SECRET",
        "OPENAI_CUSTOM_HEADERS": theirs,
        "ANTHROPIC_CUSTOM_HEADERS": theirs,
        "ANTHROPIC_AUTH_TOKEN": "auth-SECRET",
    }.items():
        monkeypatch.setenv(name, value)
    model = DirectModel(this_machine(), ManualTiming())
    async with FAKES[provider]() as server:
        server.plan(Answer("Yes."))
        spec = ModelSpec(provider, "m", server.base_url, "env:FAKE_MODEL_KEY", ModelPrice("1", "5"))
        assert (await model.request(spec, ASKED)).text == "Yes."
        server.key = "another"
        with pytest.raises(ModelRefusedKey) as refused:
            await model.request(spec, ASKED)
        await model.aclose()
    assert "SECRET" not in str(refused.value.problem())
    for seen in server.seen:
        assert "SECRET" not in str(seen.headers)
        name, value = KEY_HEADERS.get(provider, ("authorization", f"Bearer {KEY}"))
        assert seen.headers[name] == value


# What comes back ------------------------------------------------------------------------------------------------------


async def test_an_answer_longer_than_its_limit_can_be_is_cut_and_not_asked_for_again(rig: Rig) -> None:
    begins, more = rig.said(100)
    error = await rig.failed(raw_server.Turn(STREAM + begins, flood=more))
    assert error.code == "model_answer_endless"
    assert "more than an answer of 4,096 tokens can hold" in error.message
    assert "timeout_s" not in error.way_out
    assert len(rig.server.requests) == 1
    assert usage_of(error).output_tokens <= WHOLE.output_tokens or rig.spec.provider == "anthropic"
    async with asyncio.timeout(10):
        await rig.server.left.wait()


@pytest.mark.parametrize(
    "turn",
    [
        raw_server.Turn(STREAM, flood=b"\n\n" * 8_000),
        raw_server.Turn(STREAM, flood=b"data: " + b"x" * 65_536),
        raw_server.Turn(b"HTTP/1.1 400 No\r\ncontent-type: application/json\r\n\r\n{", flood=b" " * 65_536),
        raw_server.Turn(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n", flood=b"<p>" * 20_000),
    ],
    ids=["nothing", "a line", "an error", "a page"],
)
async def test_what_never_ends_is_not_gathered(rig: Rig, turn: raw_server.Turn) -> None:
    error = await rig.failed(turn)
    assert (error.code, len(rig.server.requests)) == ("model_answer_endless", 1)


async def test_a_compressed_answer_is_not_asked_for_and_not_unpacked(rig: Rig) -> None:
    bomb = gzip.compress(b"data: " + b"x" * (64 << 20))
    error = await rig.failed(*[page(200, bomb, "text/event-stream", "content-encoding: gzip\r\n")] * MAX_ATTEMPTS)
    assert "HTTP 200, compressed" in error.message
    assert all(b"accept-encoding: identity" in request.lower() for request in rig.server.requests)


@pytest.fixture
def no_collector() -> Generator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
async def test_an_answer_that_broke_is_let_go_at_once(rig: Rig) -> None:
    """Else the provider streams on, and bills, until the garbage collector comes."""
    begins, more = rig.said(1)
    fake = FAKES[rig.spec.provider]()
    fault = sse(fake.error(529, "overloaded"), fake.error_event).encode()
    rig.server.plan(*[raw_server.Turn(STREAM + begins + more + fault, flood=b": on\n\n" * 9_000)] * MAX_ATTEMPTS)
    with pytest.raises(ModelFailed):
        await rig.model.request(rig.spec, ASKED)
    async with asyncio.timeout(10):
        await rig.server.left.wait()


# What it costs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 520, 530])
async def test_what_a_gateway_says_is_no_refusal_of_the_provider(rig: Rig, status: int) -> None:
    """It may have had the question, and be at work. Only an error in the provider's own form says that it is not."""
    error = await rig.failed(*[page(status, HTML)] * MAX_ATTEMPTS)
    attempts = error.extra["attempts"]
    assert isinstance(attempts, int)
    assert usage_of(error) == Usage(attempts * WHOLE.input_tokens, attempts * WHOLE.output_tokens)


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "An invalid response was received from the upstream server"}',
        b'{"statusCode": 502, "message": "Bad gateway"}',
        b'{"detail": "upstream connect error"}',
        b'{"timestamp": 1, "status": 502, "error": "Bad Gateway", "path": "/v1"}',
        b'{"error": {"message": "cut o',
        b'"upstream request timeout"',
        b'["message"]',
        b'{"error": null, "message": "no"}',
        b"[" * 100_000,
    ],
    ids=["kong", "azure", "fastapi", "spring", "cut", "text", "list", "null", "deep"],
)
async def test_json_of_a_gateway_is_no_refusal_either(rig: Rig, body: bytes) -> None:
    error = await rig.failed(*[page(502, body, "application/json")] * MAX_ATTEMPTS)
    attempts = error.extra["attempts"]
    assert isinstance(attempts, int)
    assert usage_of(error) == Usage(attempts * WHOLE.input_tokens, attempts * WHOLE.output_tokens)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "overloaded", "type": "server_error"}}',
        b'[{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}]',
        b'{"error": "the model is being loaded"}',
        b'{"error": "overloaded", "error_type": "overloaded"}',
        b'{"object": "error", "message": "overloaded", "code": 503}',
        b'{"message": "overloaded", "type": "server_error"}',
    ],
    ids=["openai", "google", "ollama", "tgi", "vllm", "flat"],
)
async def test_an_error_in_a_form_of_providers_is_a_refusal(rig: Rig, body: bytes) -> None:
    assert usage_of(await rig.failed(*[page(503, body, "application/json")] * MAX_ATTEMPTS)) == Usage()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429])
async def test_what_a_gateway_does_not_let_through_costs_nothing(rig: Rig, status: int) -> None:
    assert usage_of(await rig.failed(*[page(status, HTML)] * MAX_ATTEMPTS)) == Usage()


@pytest.mark.parametrize(
    ("turn", "seen"),
    [
        (page(200, HTML), "HTTP 200, text/html"),
        (page(200, b"", "text/html; charset=utf-8"), "HTTP 200, text/html"),
        (page(200, b'{"choices": []}', "application/json"), "HTTP 200, application/json"),
        (page(200, HTML, "<b>/of no kind"), "HTTP 200, of no type"),
    ],
    ids=["a page", "nothing", "all at once", "an odd type"],
)
async def test_what_cannot_be_read_is_told_with_what_came(rig: Rig, turn: raw_server.Turn, seen: str) -> None:
    error = await rig.failed(*[turn] * MAX_ATTEMPTS)
    assert f"sent an answer that cannot be read ({seen}). Tried 6 times." in error.message
    assert "base_url" in error.way_out

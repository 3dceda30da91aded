"""The room's front picks the adapter by provider and closes each adapter once."""

import pytest

from swarmstead.kernel.errors import BadInput
from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.contract import BeforeRetry, Message, ModelReply, ModelRequest, ModelSpec, ScriptStep, Usage
from swarmstead.models.errors import ModelFailed, ModelRefusedRequest, told, usage_of
from swarmstead.models.ports import OnDelta
from swarmstead.models.routing import Models

ASKED = ModelRequest("triage", (Message("user", "hi"),), (), 1_000)


class Recorder:
    """Stands for an adapter; notes who was asked and how often it was closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = 0

    async def request(
        self,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: OnDelta | None = None,
        before_retry: BeforeRetry | None = None,
    ) -> ModelReply:
        self.asked.append(spec.provider)
        return ModelReply("", (), Usage(1_000_000, 0), "stop", spec.model)

    async def aclose(self) -> None:
        self.closed += 1


async def test_each_provider_is_asked_through_its_adapter() -> None:
    hosted = Recorder()
    models = Models({"scripted": ScriptedModel(), "openai": hosted, "anthropic": hosted})
    shown: list[str] = []
    scripted = ModelSpec("scripted", script={"triage": (ScriptStep(say="hello"),)})
    assert (await models.request(scripted, ASKED, shown.append)).text == "hello"
    await models.request(ModelSpec("anthropic", "claude-haiku-5-5"), ASKED)
    assert (shown, hosted.asked) == (["hello"], ["anthropic"])
    await models.close()
    assert hosted.closed == 1


async def test_a_provider_that_is_not_set_up_is_refused_by_name() -> None:
    models = Models({"scripted": ScriptedModel()})
    with pytest.raises(BadInput) as caught:
        await models.request(ModelSpec("google", "gemini-2.5-flash"), ASKED)
    assert "google" in caught.value.message
    assert "scripted" in caught.value.way_out


async def test_reserving_and_settling_use_the_rooms_prices() -> None:
    models = Models({"openai": Recorder()})
    spec = ModelSpec("openai", "gpt-4.1-mini")
    reply = await models.request(spec, ASKED)
    assert models.cost(spec, reply) == 400_000
    # 2 bytes of text and 16 tokens for the message, 1,000 tokens of output at most.
    assert models.estimate(spec, ASKED) == 1_608


def test_a_failure_costs_what_its_attempts_used() -> None:
    models = Models({})
    spec = ModelSpec("openai", "gpt-4.1-mini")
    used = ModelFailed("broke off", extra=told(2, Usage(1_000_000, 0)))
    assert models.cost_of_failure(spec, usage_of(used)) == 400_000
    assert models.cost_of_failure(spec, usage_of(ModelRefusedRequest("too long"))) == 0


def test_what_a_model_lacks_is_known_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAKE_MODEL_KEY", raising=False)
    models = Models({})
    spec = ModelSpec("openai", "gpt-4.1-mini", api_key="env:FAKE_MODEL_KEY")
    lack = models.missing(spec)
    assert lack is not None
    assert "env:FAKE_MODEL_KEY" in lack[0]
    monkeypatch.setenv("FAKE_MODEL_KEY", "sk-1")
    assert models.missing(spec) is None
    unpriced = models.missing(ModelSpec("openai", "nobody-sells-this", api_key="env:FAKE_MODEL_KEY"))
    assert unpriced is not None
    assert "price:" in unpriced[1]

"""What is reserved for a question covers what goes out for it, byte by byte, whatever an SDK makes of it on the way."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from swarmstead.gateway.adapters.http.admitted import AdmittedAddresses
from swarmstead.gateway.egress import Egress, parse_entries
from swarmstead.models import prices
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.contract import Message, ModelRequest, ModelSpec, Provider, ToolCall, ToolSpec
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, ModelServer
from tests.fakes.model_timing import ManualTiming
from tests.fakes.openai import OpenAIServer
from tests.fakes.resolvers import StubResolver

FAKES: dict[str, tuple[type[ModelServer], Provider, str]] = {
    "openai": (OpenAIServer, "openai", "gpt-4.1-mini"),
    "openai-reasoning": (OpenAIServer, "openai", "gpt-5-mini"),
    "openai-own": (OpenAIServer, "openai", "gpt-oss-120b"),
    "ollama": (OpenAIServer, "ollama", "qwen3"),
    "anthropic": (AnthropicServer, "anthropic", "claude-haiku-5-5"),
    "google": (GoogleServer, "google", "gemini-2.5-flash"),
}
ALLOWANCES = ("_TOKENS_PER_MESSAGE", "_TOKENS_PER_CALL", "_TOKENS_PER_TOOL", "_TOKENS_FOR_TOOL_USE")
AS_JSON = {"parameters", "input_schema", "parameters_json_schema", "parametersJsonSchema", "input", "args", "response"}
FORM = {"role", "type", "thoughtSignature"}
READ_BY_THE_MODEL = ("messages", "contents", "system", "systemInstruction", "tools")

ENTRY = {
    "type": "object",
    "properties": {
        "when": {"type": "string", "format": "date-time"},
        "at": {"type": "string", "format": "uri", "description": "Where."},
        "kind": {"const": "x"},
        "more": {"anyOf": [{"const": n, "description": f"The {n}"} for n in ("one", "two")]},
        "again": {"$ref": "#/$defs/Other", "description": "A sibling."},
    },
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "plain": {"type": "object", "properties": {"n": {"type": "integer"}}},
    "words": ENTRY | {"$defs": {"Other": {"type": "string"}}},
    "shared": {
        "type": "object",
        "properties": {f"p{n}": {"$ref": "#/$defs/Entry"} for n in range(40)},
        "$defs": {"Entry": ENTRY, "Other": {"type": "string"}},
    },
    "recursive root": {
        "type": "object",
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "x" * 900: {}}}},
    },
    "empty": {},
}
QUOTES = '"\\\n\x01é漢' * 50
LONG_ID = "call_" + "i" * 3_000


def conversation(text: str, *, failed: bool) -> tuple[Message, ...]:
    calls = (ToolCall(LONG_ID, "k8s__apps/v1.deployments", {"text": text}), ToolCall("c2", "a" * 200, {}))
    return (
        Message("system", text),
        Message("user", text),
        Message("assistant", text, calls),
        Message("tool", text, tool_call_id=LONG_ID, is_error=failed),
        Message("tool", "", tool_call_id="c2", is_error=failed),
        Message("assistant", "", (ToolCall("c3", "git__log", {}),)),
        Message("tool", "x", tool_call_id="c3"),
    )


@pytest.fixture(params=sorted(FAKES))
async def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    kind, provider, name = FAKES[request.param]
    addresses = AdmittedAddresses(Egress(parse_entries("127.0.0.1")), StubResolver(**{"sold.test": ["127.0.0.1"]}))
    model = DirectModel(addresses, ManualTiming())
    async with kind() as server:
        address = server.base_url.replace("127.0.0.1", "sold.test")

        async def sent(asked: ModelRequest) -> Any:
            server.plan(Answer("ok"))
            await model.request(ModelSpec(provider, name, address, "env:FAKE_MODEL_KEY"), asked)
            return server.seen[-1].body

        yield sent
        await model.aclose()


def compact(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def read(value: Any, key: str = "") -> int:
    """Bytes of all that a model is shown of a request: texts, names, ids, and objects as JSON."""
    if key in AS_JSON and isinstance(value, dict):
        return compact(value)
    if isinstance(value, dict):
        return sum(read(inner, name) for name, inner in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    if isinstance(value, list):
        return sum(read(inner, key) for inner in value)  # pyright: ignore[reportUnknownVariableType] - JSON
    return len(value.encode()) if isinstance(value, str) and key not in FORM else 0


@pytest.mark.parametrize("schema", sorted(SCHEMAS))
@pytest.mark.parametrize("text", ["", "Plain words.", QUOTES, "word " * 500], ids=["none", "plain", "quotes", "long"])
async def test_what_goes_out_is_within_what_is_reserved(
    asked: Any, schema: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = (ToolSpec("k8s__apps/v1.deployments", text, SCHEMAS[schema]), ToolSpec("é", "", SCHEMAS["plain"]))
    for allowance in ALLOWANCES:  # what providers add has to fit besides
        monkeypatch.setattr(prices, allowance, 0)
    for failed in (True, False):
        request = ModelRequest("triage", conversation(text, failed=failed), tools, 1_000)
        body = await asked(request)
        shown = sum(read(body.get(name), name) for name in READ_BY_THE_MODEL)
        assert sum(len(message.text) for message in request.messages) < shown <= prices.token_upper_bound(request)

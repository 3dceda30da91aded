"""Specs that contradict themselves are refused before they are stored, and a pasted key is never repeated."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from swarmstead.kernel.errors import BadInput
from swarmstead.models.contract import ModelSpec
from swarmstead.models.rules import check_spec

SPEC: TypeAdapter[ModelSpec] = TypeAdapter(ModelSpec)
OPENAI = {"provider": "openai", "model": "gpt-4.1-mini", "api_key": "env:OPENAI_API_KEY"}
CANARY = "sk-proj-canary-0123456789"


def spec(values: dict[str, Any]) -> ModelSpec:
    return SPEC.validate_python(values)


@pytest.mark.parametrize(
    "values",
    [
        OPENAI,
        OPENAI | {"api_key": "file:/run/secrets/openai"},
        OPENAI | {"api_key": "", "base_url": "http://127.0.0.1:8000/v1"},
        OPENAI
        | {
            "base_url": "https://[::1]:8000/v1",
            "price": {"input_per_million_usd": "0", "output_per_million_usd": "1.5"},
        },
        {"provider": "anthropic", "model": "claude-haiku-5-5", "api_key": "env:A"},
        {"provider": "ollama", "model": "qwen3"},
        {"provider": "scripted", "script": {"*": [{"say": "{{ task }}"}]}},
    ],
)
def test_sound_specs_pass(values: dict[str, Any]) -> None:
    check_spec(spec(values))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (OPENAI | {"model": ""}, "spec.model"),
        ({"provider": "ollama"}, "spec.model"),
        (OPENAI | {"api_key": ""}, "spec.api_key"),
        (OPENAI | {"base_url": "ftp://host/v1"}, "spec.base_url"),
        (OPENAI | {"base_url": "127.0.0.1:8000"}, "spec.base_url"),
        (OPENAI | {"base_url": "http:///v1"}, "spec.base_url"),
        (OPENAI | {"base_url": "http://host:99999/v1"}, "spec.base_url"),
        (OPENAI | {"base_url": "http://[::1/v1"}, "spec.base_url"),
        (OPENAI | {"base_url": "http://host/v1?a=b"}, "spec.base_url"),
        (OPENAI | {"script": {"a": [{"say": "x"}]}}, "spec.script"),
        (
            OPENAI | {"price": {"input_per_million_usd": "cheap", "output_per_million_usd": "1"}},
            "spec.price.input_per_million_usd",
        ),
        (
            OPENAI | {"price": {"input_per_million_usd": "1", "output_per_million_usd": "-1"}},
            "spec.price.output_per_million_usd",
        ),
        ({"provider": "scripted"}, "spec.script"),
        ({"provider": "scripted", "script": {"a": []}}, "spec.script.a"),
        ({"provider": "scripted", "script": {"a": [{"say": "{{ x"}]}}, "spec.script.a[0].say"),
    ],
)
def test_unsound_specs_name_the_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_spec(spec(values))
    assert caught.value.field == field
    assert caught.value.way_out


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ({"arguments": {}}, "tool"),
        ({"tool": 7}, "tool"),
        ({"tool": "a__a", "arguments": [1]}, "arguments"),
        ({"tool": "a__a", "each": 7}, "each"),
        ({"tool": "a__a", "each": "last["}, "each"),
        ({"tool": "a__a", "when": "x"}, "when"),
        ({"tool": "a__a", "arguments": {"a": [{"b": "{{ 1 +"}]}}, "arguments.a[0].b"),
        ({"tool": "a__a", "arguments": {"a": "{% include 'x' %}"}}, "arguments.a"),
    ],
)
def test_a_wrong_call_is_found_when_the_script_is_applied(call: dict[str, Any], path: str) -> None:
    script = {"triage": [{"say": "fine"}, {"calls": [{"tool": "ok__ok"}, call]}]}
    with pytest.raises(BadInput) as caught:
        check_spec(spec({"provider": "scripted", "script": script}))
    assert caught.value.field == f"spec.script.triage[1].calls[1].{path}"


@pytest.mark.parametrize(
    "values",
    [
        OPENAI | {"api_key": CANARY},
        OPENAI | {"api_key": f"env:{CANARY}"},
        OPENAI | {"api_key": f"env:{CANARY}\n"},
        OPENAI | {"api_key": f"file:{CANARY}"},
        OPENAI | {"base_url": f"https://user:{CANARY}@host/v1"},
        OPENAI | {"base_url": f"https://host/v1#{CANARY}"},
    ],
)
def test_a_pasted_key_is_refused_and_not_repeated(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        check_spec(spec(values))
    assert CANARY not in repr(caught.value.problem())

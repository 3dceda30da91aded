"""docs/rooms/models.md can be followed: its specs are sound, and its worked example plays as it is told."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.contract import Message, ModelReply, ModelRequest, ModelSpec
from swarmstead.models.rules import check_spec

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/rooms/models.md").read_text()
SPEC: TypeAdapter[ModelSpec] = TypeAdapter(ModelSpec)
TASK = 'Why is checkout slow?\n\n```json\n{"service": "checkout", "limit": 20}\n```'
PODS = {"pods": [{"name": "checkout-7f", "ready": False}, {"name": "checkout-9c", "ready": True}]}
LOG = "started\nconnection to payments refused\n"


def specs(text: str) -> dict[str, ModelSpec]:
    documents: list[Any] = list(yaml.safe_load_all(text))
    return {one["metadata"]["name"]: SPEC.validate_python(one["spec"]) for one in documents if one["kind"] == "Model"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def told(turn: int, reply: ModelReply) -> str:
    lines = [line for line in reply.text.splitlines() if line.strip()]
    lines += [f"{call.name} {json.dumps(call.arguments)}" for call in reply.tool_calls]
    return f"turn {turn}: " + "\n        ".join(lines) + "\n"


def test_every_model_on_the_page_is_sound() -> None:
    found = {name: spec for text in blocks("yaml") for name, spec in specs(text).items()}
    assert found.keys() == {"mini", "own", "rehearsal"}
    for spec in found.values():
        check_spec(spec)


async def test_the_worked_example_plays_as_it_is_told() -> None:
    spec = specs(blocks("yaml")[-1])["rehearsal"]
    messages = [Message("system", "You triage."), Message("user", TASK)]
    transcript, finish = "", ""
    for turn, answer in enumerate([json.dumps(PODS), LOG, ""], 1):
        reply = await ScriptedModel().request(spec, ModelRequest("triage", tuple(messages), (), 4_096))
        transcript, finish = transcript + told(turn, reply), reply.finish
        messages.append(Message("assistant", reply.text, reply.tool_calls))
        messages += [Message("tool", answer, tool_call_id=call.id) for call in reply.tool_calls]
    assert transcript == blocks("text")[0]
    assert finish == "stop"


def test_the_models_that_are_shipped_are_sound() -> None:
    samples = sorted((ROOT / "src/swarmstead/samples").glob("*.yaml"))
    shipped = [spec for sample in samples for spec in specs(sample.read_text()).values()]
    assert shipped
    for spec in shipped:
        check_spec(spec)

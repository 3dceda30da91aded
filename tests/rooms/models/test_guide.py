"""docs/rooms/models.md can be followed: its specs are sound, and its worked example plays as it is told."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.contract import Message, ModelReply, ModelRequest, ModelSpec
from swarmstead.models.rules import check_spec
from swarmstead.models.script import play
from swarmstead.models.templates import ToolResult

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


@pytest.mark.parametrize("cut", [True, False])
def test_the_sample_report_says_when_a_listing_was_cut(*, cut: bool) -> None:
    text = (ROOT / "src/swarmstead/samples/repo-review.yaml").read_text()
    (model,) = [spec for spec in specs(text).values() if "code-analyst" in spec.script]
    hits = [{"path": "a.py", "line": 1, "text": "later"}]
    answers: tuple[dict[str, Any], ...] = (
        {"files": 2_004, "bytes": 4_096, "extensions": [], "largest": [], "truncated": cut},
        {"hits": hits, "truncated": False},
        {"hits": hits, "truncated": cut},
        {"entries": [], "truncated": False},
    )
    last = [ToolResult("files", json.dumps(answer), is_error=False) for answer in answers]
    report, _ = play(model.script["code-analyst"][1], {"last": last}, 1)
    assert ("The listing was cut" in report) is cut
    assert ("2+ notes" in report) is cut


def test_the_models_that_are_shipped_are_sound() -> None:
    samples = sorted((ROOT / "src/swarmstead/samples").glob("*.yaml"))
    shipped = [spec for sample in samples for spec in specs(sample.read_text()).values()]
    assert shipped
    for spec in shipped:
        check_spec(spec)

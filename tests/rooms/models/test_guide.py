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
SAMPLE = ROOT / "src/swarmstead/samples/repo-review.yaml"
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
    (model,) = [spec for spec in specs(SAMPLE.read_text()).values() if "code-analyst" in spec.script]
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


def test_the_sample_report_says_which_files_it_has_not_counted() -> None:
    (model,) = [spec for spec in specs(SAMPLE.read_text()).values() if "code-analyst" in spec.script]
    text = {"extension": ".txt", "files": 5, "lines": 4, "bytes": 44_000_000, "left_out": 1}
    code = {"extension": ".py", "files": 2, "lines": 9, "bytes": 90, "left_out": 0}
    stats = {"files": 7, "bytes": 1, "extensions": [text, code], "largest": [], "truncated": False}
    nothing: dict[str, Any] = {"hits": [], "entries": [], "truncated": False}
    answers: tuple[dict[str, Any], ...] = (stats, nothing, nothing, nothing)
    last = [ToolResult("files", json.dumps(answer), is_error=False) for answer in answers]
    report, _ = play(model.script["code-analyst"][1], {"last": last}, 1)
    assert "| .txt | 5 | 4 (without 1 over 4 MiB or unreadable) |\n| .py | 2 | 9 |\n" in report


@pytest.mark.parametrize("has_readme", [True, False])
def test_nothing_follows_a_finding_of_the_sample_report_as_if_it_belonged_to_it(*, has_readme: bool) -> None:
    (model,) = [spec for spec in specs(SAMPLE.read_text()).values() if "docs-analyst" in spec.script]
    last = [
        ToolResult("files", json.dumps({"entries": [{"path": "docs"}]}), is_error=False),
        ToolResult("files", json.dumps({"total_lines": 3}), is_error=not has_readme),
    ]
    report, _ = play(model.script["docs-analyst"][1], {"last": last}, 1)
    lines = [line for line in report.splitlines() if line]
    assert "There is a folder of documentation." in lines
    first = next(at for at, line in enumerate(lines) if line.startswith("- **Finding:** "))
    assert all(line.startswith("- **Finding:** ") for line in lines[first:])


def test_the_models_that_are_shipped_are_sound() -> None:
    samples = sorted((ROOT / "src/swarmstead/samples").glob("*.yaml"))
    shipped = [spec for sample in samples for spec in specs(sample.read_text()).values()]
    assert shipped
    for spec in shipped:
        check_spec(spec)

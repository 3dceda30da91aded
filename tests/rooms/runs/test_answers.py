"""What a model reads of a tool's answer."""

import json
from typing import Any

import pytest

from swarmstead.gateway.contract import CallResult
from swarmstead.runs.steps.answers import MOST_TEXT, readable
from swarmstead.telemetry.contract import redact


def _result(data: dict[str, Any]) -> CallResult:
    return CallResult(({"type": "text", "text": json.dumps(data, ensure_ascii=False)},), data)


def test_data_that_is_too_long_loses_entries_and_stays_data() -> None:
    commits = [{"sha": f"{number:040}", "subject": f"Mend {number}: \N{EURO SIGN}" * 20} for number in range(400)]
    text = readable(_result({"commits": commits, "truncated": False}))
    told = json.loads(text)
    assert told["commits"] == commits[: len(told["commits"])]
    assert len(told["commits"]) > 100
    assert told["truncated"] is True
    assert told["[cut]"].endswith("more characters")
    assert MOST_TEXT * 0.8 < len(text) < MOST_TEXT + 100


def test_a_long_text_in_data_is_cut_where_it_stands() -> None:
    told = json.loads(readable(_result({"path": "a.md", "pages": [{"text": "x" * 70_000}], "total_lines": 3})))
    assert (told["path"], told["total_lines"]) == ("a.md", 3)
    assert 40_000 < len(told["pages"][0]["text"]) < MOST_TEXT
    assert "truncated" not in told


def test_data_without_anything_long_in_it_is_cut_as_text() -> None:
    text = readable(_result({f"{number:06}": number for number in range(10_000)}))
    assert text.startswith('{"000000":0,')
    assert text.endswith(" more characters]")


def test_data_of_which_a_credential_was_taken_still_parses() -> None:
    data = {"commits": [{"subject": "-----BEGIN RSA PRIVATE KEY-----"}, {"subject": "Next"}]}
    dirty = _result(data)
    clean = CallResult(tuple(redact(block) for block in dirty.content), redact(data))
    assert json.loads(readable(clean)) == {"commits": [{"subject": "[redacted]"}, {"subject": "Next"}]}


def test_prose_beside_data_is_what_is_read() -> None:
    assert readable(CallResult(({"type": "text", "text": "Two pods are down."},), {"down": 2})) == "Two pods are down."


@pytest.mark.parametrize("entries", [700, 6_000, 30_000])
def test_the_longer_it_is_the_same_is_left(entries: int) -> None:
    told = json.loads(readable(_result({"items": ["x" * 98] * entries})))
    assert 400 < len(told["items"]) < 600
    told = json.loads(readable(_result({"text": "x" * entries * 100})))
    assert 50_000 < len(told["text"]) < 60_000


def test_text_that_is_not_the_datas_own_json_is_read() -> None:
    warned = CallResult(
        ({"type": "text", "text": '{"ok":true}'}, {"type": "text", "text": "3 are left out."}), {"ok": True}
    )
    assert "3 are left out." in readable(warned)
    assert "do X" in readable(CallResult(({"type": "text", "text": "{not json} do X"},), {"b": 2}))


def test_a_tools_own_word_for_cut_stays() -> None:
    told = json.loads(readable(_result({"[cut]": "mine", "items": ["x" * 98] * 2_000})))
    assert told["[cut]"] == "mine"


def test_data_that_is_too_deep_is_cut_as_text() -> None:
    deep: dict[str, Any] = {"text": "x" * 70_000}
    for _ in range(90):
        deep = {"in": deep}
    assert readable(_result(deep)).endswith(" more characters]")

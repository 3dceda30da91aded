"""The line that stands beside a step: the sizes of a structured answer, in words."""

import json
from typing import Any

import pytest

from swarmstead.models.contract import ModelReply, ToolCall, Usage
from swarmstead.runs.steps.toolcalls import summary_of
from swarmstead.runs.steps.words import summary_of as summary_of_reply


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"commits": [1], "truncated": True}, "1 commit, truncated"),
        ({"entries": [1], "branches": [1], "largest": [1]}, "1 entry, 1 branch, 1 largest"),
        ({"entries": [1, 2], "branches": []}, "2 entries, 0 branches"),
        ({"hits": [], "files_searched": 20, "truncated": False}, "0 hits, 20 files searched"),
        ({"files": 1, "bytes": 0, "exit_code": 2, "status": 3}, "1 file, exit code 2, status 3"),
    ],
)
def test_a_structured_answer_is_told_by_its_sizes(answer: Any, line: str) -> None:
    assert summary_of(json.dumps(answer)) == line


@pytest.mark.parametrize(("text", "line"), [("\n found it\nand more", "found it"), ("{half", "{half"), ("", "")])
def test_any_other_answer_is_told_by_its_first_line(text: str, line: str) -> None:
    assert summary_of(text) == line


@pytest.mark.parametrize(
    "text", ['{"a":' + "[" * 5_000, '{"a":' + "[" * 50_000 + "]" * 50_000 + "}", '{"a":' + "9" * 9_000 + "}"]
)
def test_an_answer_that_nobody_can_read_is_its_first_line(text: str) -> None:
    assert summary_of(text) == text[:200]


@pytest.mark.parametrize(("count", "end"), [(1, "git/t0"), (6, "git/t5"), (7, "git/t5 and 1 more")])
def test_a_reply_that_asks_for_many_calls_says_how_many_are_not_named(count: int, end: str) -> None:
    calls = tuple(ToolCall(f"c{n}", f"git__t{n}", {}) for n in range(count))
    line = summary_of_reply(ModelReply(text="", tool_calls=calls, usage=Usage(1, 1), model="m", finish="tool_calls"))
    assert line.startswith("Asked for git/t0")
    assert line.endswith(end)

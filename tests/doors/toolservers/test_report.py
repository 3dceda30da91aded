"""The report server: one file below one folder, whole or not at all."""

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from swarmstead.doors.toolservers import report
from swarmstead.doors.toolservers.report import make_tools
from swarmstead.doors.toolservers.tools import ToolError
from tests.doors.toolservers.conftest import Connect
from tests.doors.toolservers.helpers import Called, Raw, request

Start = Callable[..., Raw]

BAD_PATHS = [
    ("././.", "the path names a folder"),
    ("../a.md", "outside the server's folder"),
    ("/tmp/a.md", "outside the server's folder"),
    ("a/../../b.md", "outside the server's folder"),
    ("a/../b.md", "outside the server's folder"),
    (".git/a.md", "repository's own files"),
    ("x/.GIT/a.txt", "repository's own files"),
    ("run.sh", "only files that end in .md or .txt"),
    ("a.md/b", "only files that end in"),
    ("a.md.py", "only files that end in"),
    ("a//b.md", "has at most 16 parts"),
    ("a/" * 16 + "b.md", "has at most 16 parts"),
    ("n" * 201 + ".md", "1 to 200 bytes"),
    ("a\nb.md", "argument 'path'"),
    (".md\0", "argument 'path'"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def tools(root: Path) -> Called:
    return Called(make_tools(str(root)))


async def test_the_official_client_previews_then_writes(connect: Connect, root: Path) -> None:
    asked = {"path": "reports/week.md", "content": "# Wöche\n"}
    async with connect("report", "--root", str(root)) as client:
        preview = await client.call_tool("preview", asked)
        assert preview.structured_content == {
            "path": "reports/week.md",
            "exists": False,
            "before": None,
            "before_truncated": False,
            "after": "# Wöche\n",
            "expect": {"absent": True},
        }
        assert not (root / "reports").exists()
        result = await client.call_tool("write", asked)
    assert result.structured_content is not None
    assert result.structured_content["created"]
    assert (root / "reports" / "week.md").read_text() == "# Wöche\n"


def test_preview_shows_what_is_there_and_changes_nothing(tools: Called, root: Path) -> None:
    (root / "a.md").write_text("old\n")
    shown = tools("preview", path="./a.md", content="new\n")
    assert (shown["path"], shown["exists"], shown["before"], shown["after"]) == ("a.md", True, "old\n", "new\n")
    assert (root / "a.md").read_text() == "old\n"
    (root / "big.txt").write_text("x" * (256 * 1024 + 1))
    big = tools("preview", path="big.txt", content="")
    assert big["before_truncated"]
    assert len(big["before"]) == 256 * 1024


def test_write_replaces_and_twice_is_once(tools: Called, root: Path) -> None:
    (root / "a.md").write_text("old")
    (root / "a.md").chmod(0o600)
    first = tools("write", path="a.md", content="new")
    assert first == tools("write", path="a.md", content="new")
    assert (first["bytes"], first["created"]) == (3, False)
    assert first["sha256"] == "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437"
    assert (root / "a.md").read_text() == "new"
    assert (root / "a.md").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in root.iterdir()] == ["a.md"]


@pytest.mark.parametrize(("expect", "words"), [({"absent": True}, "not as it was"), ("absent", "must be an object")])
def test_what_to_expect_comes_beside_the_arguments(raw: Start, root: Path, expect: object, words: str) -> None:
    """As the gateway sends it: in `_meta`, where no agent can put it."""
    (root / "a.md").write_text("theirs")
    server = raw("report", "--root", str(root))
    server.start()
    meta = {"swarmstead.dev/expect": expect}
    call = {"name": "write", "arguments": {"path": "a.md", "content": "ours"}, "_meta": meta}
    assert words in json.dumps(server.ask(request("tools/call", call)))
    assert (root / "a.md").read_text() == "theirs"


def guarded(tools: Called, content: str, expect: dict[str, Any]) -> dict[str, Any]:
    return tools.tools["write"].call({"path": "a.md", "content": content}, expect)


def test_a_file_that_has_come_to_be_since_the_preview_is_not_replaced(tools: Called, root: Path) -> None:
    expect = tools("preview", path="a.md", content="ours")["expect"]
    (root / "a.md").write_text("theirs")
    with pytest.raises(ToolError, match=r"a\.md is not as it was when this was previewed\. Nothing was written"):
        guarded(tools, "ours", expect)
    assert (root / "a.md").read_text() == "theirs"
    assert [one.name for one in root.iterdir()] == ["a.md"]


@pytest.mark.parametrize("now", ["theirs", None])
def test_a_file_that_has_changed_since_the_preview_is_not_replaced(tools: Called, root: Path, now: str | None) -> None:
    file = root / "a.md"
    file.write_text("x" * 300_000)  # the change is past what a preview shows
    expect = tools("preview", path="a.md", content="ours")["expect"]
    file.write_text("x" * 299_999 + "y")
    if now is None:
        file.unlink()
    with pytest.raises(ToolError, match="not as it was"):
        guarded(tools, "ours", expect)
    assert file.exists() == (now is not None)


def test_what_is_as_it_was_is_written_and_a_repeat_finds_it_done(tools: Called, root: Path) -> None:
    first = guarded(tools, "one", tools("preview", path="a.md", content="one")["expect"])
    assert first["created"]
    expect = tools("preview", path="a.md", content="two")["expect"]
    for _ in range(2):
        assert guarded(tools, "two", expect)["bytes"] == 3
    assert (root / "a.md").read_text() == "two"


@pytest.mark.parametrize("expect", [{}, {"sha256": 5}, {"absent": False}, {"other": 1}])
def test_an_expectation_that_says_nothing_is_refused(tools: Called, root: Path, expect: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="expect"):
        guarded(tools, "ours", expect)
    assert list(root.iterdir()) == []


def test_a_tool_that_cannot_check_refuses_an_expectation(tools: Called) -> None:
    with pytest.raises(ToolError, match="expect"):
        tools.tools["preview"].call({"path": "a.md", "content": ""}, {"absent": True})


def test_of_many_writers_who_saw_the_same_one_wins(tools: Called, root: Path) -> None:
    won: list[str] = []

    def write(words: str) -> None:
        with suppress(ToolError):
            guarded(tools, words, {"absent": True})
            won.append(words)

    writers = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert won == [(root / "a.md").read_text()]


@pytest.mark.parametrize(("path", "words"), BAD_PATHS)
@pytest.mark.parametrize("tool", ["write", "preview"])
def test_a_path_that_may_not_be_written_is_refused_by_both(
    tools: Called, root: Path, tool: str, path: str, words: str
) -> None:
    with pytest.raises(ToolError, match=words):
        tools(tool, path=path, content="x")
    assert list(root.rglob("*")) == []


@pytest.mark.parametrize("tool", ["write", "preview"])
def test_no_link_is_written_through(tools: Called, root: Path, tool: str) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a.md").write_text("theirs")
    (root / "out").symlink_to(outside)
    (root / "a.md").symlink_to(outside / "a.md")
    (root / "in").symlink_to(".")
    (root / "gone.md").symlink_to("nowhere.md")
    (root / "folder.md").mkdir()
    os.mkfifo(root / "pipe.md")
    (root / "file").touch()
    for path in ["out/b.md", "a.md", "in/b.md", "gone.md", "folder.md", "pipe.md", "file/b.md"]:
        with pytest.raises(ToolError, match="Denied"):
            tools(tool, path=path, content="mine")
    assert (outside / "a.md").read_text() == "theirs"
    assert [one.name for one in outside.iterdir()] == ["a.md"]


def test_content_is_limited_in_bytes_not_characters(tools: Called, root: Path) -> None:
    with pytest.raises(ToolError, match="has 262146 bytes"):
        tools("write", path="a.md", content="é" * 131_073)
    with pytest.raises(ToolError, match="longer than 262144 characters"):
        tools("write", path="a.md", content="x" * 262_145)
    assert list(root.iterdir()) == []
    tools("write", path="a.md", content="x" * 262_144)


def test_a_failed_write_leaves_the_old_text_and_no_scraps(
    tools: Called, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools("write", path="a.md", content="old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.os, "fsync", full)
    with pytest.raises(ToolError, match=r"No space left on device\. What was there before is unchanged"):
        tools("write", path="a.md", content="new")
    assert (root / "a.md").read_text() == "old"
    assert [one.name for one in root.iterdir()] == ["a.md"]


def test_a_failure_after_the_file_is_in_place_says_so(
    tools: Called, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync
    calls: list[int] = []

    def second_fails(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        real(fd)

    monkeypatch.setattr(report.os, "fsync", second_fails)
    with pytest.raises(ToolError, match="The file was written, but may be lost"):
        tools("write", path="a.md", content="new")
    assert (root / "a.md").read_text() == "new"


def test_a_reader_sees_one_text_or_the_other(tools: Called, root: Path) -> None:
    texts = ["a" * 100_000, "b" * 100_000]
    tools("write", path="a.md", content=texts[0])
    stop = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add((root / "a.md").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(50):
            tools("write", path="a.md", content=texts[turn % 2])
    finally:
        stop.set()
        reader.join()
    assert seen <= set(texts)
    assert seen

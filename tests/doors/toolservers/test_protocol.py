"""What every shipped server does with messages, whichever tools it has."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp import MCPError
from mcp.client.client import Client

from tests.doors.toolservers.conftest import Connect
from tests.doors.toolservers.helpers import Raw, request, server_argv

Start = Callable[..., Raw]


@pytest.mark.parametrize("name", ["git", "files", "report"])
async def test_the_official_client_lists_tools_with_bounds_and_annotations(
    connect: Connect, repo: Path, name: str
) -> None:
    async with connect(name, "--root", str(repo)) as client:
        assert client.protocol_version == "2025-11-25"
        tools = (await client.list_tools()).tools
    assert tools
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name != "write")
        assert tool.annotations.destructive_hint is (tool.name == "write")
        assert tool.annotations.idempotent_hint is True
        assert tool.annotations.open_world_hint is False
        assert tool.input_schema["additionalProperties"] is False
        for argument in tool.input_schema["properties"].values():
            bound = {"string": "maxLength", "integer": "maximum", "boolean": "default"}[argument["type"]]
            assert bound in argument
            assert argument["description"]


async def test_a_client_of_the_next_revision_falls_back_to_ours(connect: Connect, repo: Path) -> None:
    async with connect("files", "--root", str(repo), mode="auto") as client:
        assert client.protocol_version == "2025-11-25"
        assert not (await client.call_tool("tree", {})).is_error


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("1999-01-01", "2025-11-25"),
    ],
)
def test_a_known_older_revision_is_spoken_and_an_unknown_one_is_answered_with_ours(
    raw: Start, tmp_path: Path, asked: str, given: str
) -> None:
    assert raw("files", "--root", str(tmp_path)).start(asked)["result"]["protocolVersion"] == given


async def test_a_refused_argument_is_an_answer_that_a_model_can_read(connect: Connect, repo: Path) -> None:
    async with connect("git", "--root", str(repo)) as client:
        cases: list[tuple[dict[str, Any], str]] = [
            ({"limit": 201}, "argument 'limit': the value is greater than the maximum of 200"),
            ({"limit": "9"}, 'is not of type "integer"'),
            ({"shell": "rm"}, "'shell' was unexpected"),
            ({"path": "a\0b"}, "argument 'path'"),
        ]
        for arguments, words in cases:
            await _refused(client, "log", arguments, words)
        await _refused(client, "show", {}, '"commit" is a required property')


async def _refused(client: Client, tool: str, arguments: dict[str, Any], words: str) -> None:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert words in result.content[0].text  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


async def test_an_unknown_tool_is_a_protocol_error(connect: Connect, repo: Path) -> None:
    async with connect("git", "--root", str(repo)) as client:
        with pytest.raises(MCPError, match="Unknown tool: 'push'") as refused:
            await client.call_tool("push", {})
    assert refused.value.error.code == -32602


def test_broken_messages_get_their_codes_and_the_conversation_goes_on(raw: Start, tmp_path: Path) -> None:
    server = raw("files", "--root", str(tmp_path))
    cases: list[tuple[Any, int, Any]] = [
        (b"{not json", -32700, None),
        (b"[" * 200_000, -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}', -32700, None),
        (b"\xff\xfe", -32700, None),
        (b"x" * (4 * 1024 * 1024 + 10), -32600, None),
        (b"7", -32600, None),
        (b"[]", -32600, None),
        ({"id": 5, "method": "ping"}, -32600, 5),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": 6, "method": 7}, -32600, 6),
        (request("tools/list", request_id="early"), -32600, "early"),
        (request("server/discover"), -32601, 1),
        ({"jsonrpc": "2.0", "id": 8, "method": "ping", "params": []}, -32602, 8),
        (request("initialize", {}), -32602, 1),
    ]
    for line, code, request_id in cases:
        answer = server.ask(line)
        assert (answer["error"]["code"], answer["id"]) == (code, request_id), line
    server.start()
    malformed: list[dict[str, Any]] = [{}, {"name": 3}, {"name": "tree", "arguments": []}]
    for params in malformed:
        assert server.ask(request("tools/call", params))["error"]["code"] == -32602
    assert server.ask(request("ping", request_id=99)) == {"jsonrpc": "2.0", "id": 99, "result": {}}


def test_notifications_and_responses_are_never_answered(raw: Start, tmp_path: Path) -> None:
    server = raw("files", "--root", str(tmp_path))
    server.start()
    unanswered: list[Any] = [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 12345}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": []}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": 3},
        {"jsonrpc": "2.0", "method": "notifications/of-the-future"},
        {"jsonrpc": "2.0", "id": 4, "result": {}},
        b"",
    ]
    for silent in unanswered:
        server.send(silent)
    assert server.ask(request("ping", request_id="only"))["id"] == "only"


def test_a_batch_is_answered_only_in_the_revision_that_had_them(raw: Start, tmp_path: Path) -> None:
    batch = [request("ping", request_id=1), {"jsonrpc": "2.0", "method": "notifications/initialized"}, 5]
    old = raw("files", "--root", str(tmp_path))
    old.start("2025-03-26")
    first, second = old.ask(batch)
    assert first == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert second["error"]["code"] == -32600
    new = raw("files", "--root", str(tmp_path))
    new.start()
    assert new.ask(batch)["error"]["code"] == -32600


def test_text_that_is_half_a_character_is_refused_and_never_breaks_an_answer(raw: Start, tmp_path: Path) -> None:
    server = raw("report", "--root", str(tmp_path))
    server.start()
    half = rb'{"name":"write","arguments":{"path":"\ud800.md","content":""}}'
    line = rb'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + half + b"}"
    assert "surrogate" in server.ask(line)["result"]["content"][0]["text"]
    assert server.ask(rb'{"jsonrpc":"2.0","id":"\udfff","method":"ping"}')["id"] == "?"
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_stdin_ends_the_process_after_its_answers(repo: Path) -> None:
    lines = [request("initialize", {"protocolVersion": "2025-11-25"}, 0)]
    lines += [request("tools/call", {"name": "log", "arguments": {}}, n) for n in range(1, 6)]
    feed = "\n".join(json.dumps(line) for line in lines).encode()  # the last line has no newline
    done = subprocess.run(
        server_argv("git", "--root", str(repo)), input=feed, capture_output=True, timeout=60, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(answer["id"] for answer in answers) == [0, 1, 2, 3, 4, 5]
    assert all("result" in answer for answer in answers)


def test_a_command_that_will_not_end_goes_down_with_the_server(tmp_path: Path, repo: Path) -> None:
    """Its client is gone: the server may not wait for a git that hangs, nor leave it behind."""
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    program = tmp_path / "git"
    program.write_text(
        f"""#!/bin/sh
case "$*" in *for-each-ref*) echo $$ > {fifo}; exec /bin/sleep 600;; esac
PATH={os.environ["PATH"]} exec git "$@"
"""
    )
    program.chmod(0o755)
    server = subprocess.Popen(
        server_argv("git", "--root", str(repo)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PATH": str(tmp_path)},
        start_new_session=True,
    )
    raw = Raw(server)
    raw.start()
    raw.send(request("tools/call", {"name": "branches", "arguments": {}}))
    hung = psutil.Process(int(fifo.read_text()))
    server.communicate(timeout=30)
    assert server.returncode == 0
    with suppress(psutil.NoSuchProcess):
        hung.wait(timeout=20)


def test_without_a_folder_tools_are_listed_and_refuse_to_run(raw: Start) -> None:
    for name, tool, arguments in [
        ("git", "status", {}),
        ("files", "tree", {}),
        ("report", "write", {"path": "a.md", "content": ""}),
        ("report", "preview", {"path": "a.md", "content": ""}),
    ]:
        server = raw(name)
        server.start()
        assert tool in [one["name"] for one in server.ask(request("tools/list"))["result"]["tools"]]
        answer = server.ask(request("tools/call", {"name": tool, "arguments": arguments}))["result"]
        assert answer["isError"]
        assert "started without a folder" in answer["content"][0]["text"]


def test_a_bad_start_is_one_line_and_exit_code_2(tmp_path: Path, repo: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (tmp_path / "file").touch()
    for arguments, words in [
        (["teapot"], "Usage:"),
        ([], "Usage:"),
        (["git", "--root"], "Usage:"),
        (["files", "--root", str(tmp_path / "missing")], "is not a folder"),
        (["files", "--root", str(tmp_path / "file")], "is not a folder"),
        (["files", "--root", str(repo / ".git" / "refs")], "inside a repository's own files"),
        (["git", "--root", str(plain)], "is not in a git work tree"),
        (["git", "--root", str(repo / "src")], "is not the top of its git work tree"),
    ]:
        done = subprocess.run(server_argv(*arguments), input=b"", capture_output=True, timeout=60, check=False)
        assert done.returncode == 2, arguments
        assert done.stdout == b""
        assert words in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1


async def test_the_page_about_them_names_every_tool_and_its_example_runs(connect: Connect, repo: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rooms" / "toolservers.md").read_text()
    for name in ["git", "files", "report"]:
        async with connect(name) as client:
            named = " ".join(f"`{tool.name}`" for tool in (await client.list_tools()).tools)
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert sorted(row.split(" | ")[1].split()) == sorted(named.split())
    example = page.partition("```sh\n")[2].partition("```")[0]
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-e"],
        input=example.encode(),
        cwd=repo,
        env=env,
        capture_output=True,
        timeout=60,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers[1]["result"]["structuredContent"]["commits"]) == 3

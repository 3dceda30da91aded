"""Sessions with tool servers that behave: shipped ones, ones made with the official SDK; and ones that do not start."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import ServerRef, ToolServerSpec
from swarmstead.gateway.errors import UpstreamFailed, UpstreamUnknown
from tests.fakes import mcp_http_server, mcp_sdk_server
from tests.fakes.mcp_upstreams import CALL_S, FAKES, SOON_S, Clock, call, fake, http, opened, structured, unvetted


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstreams(clock: Clock) -> AsyncGenerator[Upstreams]:
    async with opened(clock) as made:
        yield made


async def test_the_shipped_servers_are_reached_by_name_and_limited_to_a_folder(
    upstreams: Upstreams, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    for name in ["files", "report"]:
        spec = ToolServerSpec("stdio", (f"builtin:{name}",), root="repo")
        server = ServerRef(name, spec, str(tmp_path))
        assert [tool["inputSchema"]["type"] for tool in (await upstreams.list_tools(server)).definitions]
    files = ServerRef("files", ToolServerSpec("stdio", ("builtin:files",), root="repo"), str(tmp_path))
    report = ServerRef("report", ToolServerSpec("stdio", ("builtin:report",), root="repo"), str(tmp_path))
    assert (await structured(upstreams, files, "read", {"path": "a.txt"}))["text"] == "hello"
    assert (await call(upstreams, files, "read", {"path": "../x"})).is_error
    assert (await structured(upstreams, report, "write", {"path": "b.md", "content": "# B"}))["created"]
    assert (tmp_path / "b.md").read_text() == "# B"


async def test_without_a_folder_a_shipped_server_can_still_be_listed(upstreams: Upstreams) -> None:
    server = ServerRef("git", ToolServerSpec("stdio", ("builtin:git",), root="repo"))
    assert "log" in [tool["name"] for tool in (await upstreams.list_tools(server)).definitions]
    assert "without a folder" in (await call(upstreams, server, "status")).text


async def test_an_sdk_server_over_stdio(upstreams: Upstreams) -> None:
    command = (sys.executable, str(FAKES / "mcp_sdk_server.py"))
    await _oracle(upstreams, ServerRef("sdk", ToolServerSpec("stdio", command)))


@pytest.mark.parametrize("json_response", [True, False], ids=["json", "sse"])
@pytest.mark.parametrize("stateless", [True, False], ids=["stateless", "sessions"])
async def test_an_sdk_server_over_http(upstreams: Upstreams, json_response: bool, stateless: bool) -> None:
    async with mcp_sdk_server.serving(json_response=json_response, stateless=stateless) as url:
        await _oracle(upstreams, http(url))
        with pytest.raises(UpstreamUnknown, match=r"longer than 0\.5 s"):
            await call(upstreams, http(url), "hang", timeout_s=SOON_S)
        assert (await structured(upstreams, http(url), "add", {"a": 1, "b": 1})) == {"result": 2}
        await upstreams.aclose()


async def _oracle(upstreams: Upstreams, server: ServerRef) -> None:
    tools = {tool["name"]: tool for tool in (await upstreams.list_tools(server)).definitions}
    assert tools["add"]["inputSchema"]["required"] == ["a", "b"]
    assert tools["add"]["description"] == "Add two numbers."
    assert (await structured(upstreams, server, "add", {"a": 2, "b": 3})) == {"result": 5}
    assert (await structured(upstreams, server, "key")) == {"result": "k1"}
    picture = await call(upstreams, server, "picture")
    assert [block["type"] for block in picture.content] == ["text", "image"]
    assert picture.content[1] == {"type": "image", "data": "iVBORw==", "mimeType": "image/png"}
    failed = await call(upstreams, server, "fail")
    assert failed.is_error
    assert (await call(upstreams, server, "add", {"a": "x"})).is_error
    assert "Unknown tool" in (await call(upstreams, server, "subtract")).text


async def test_calls_share_one_process_and_find_their_own_answers(upstreams: Upstreams) -> None:
    answers = await asyncio.gather(*(structured(upstreams, fake(), "echo", {"n": n}) for n in range(50)))
    assert [one["params"]["arguments"]["n"] for one in answers] == list(range(50))
    assert len({one["pid"] for one in answers}) == 1
    assert answers[0]["params"]["_meta"] == {"swarmstead.dev/idempotency-key": "k1"}


async def test_a_trace_is_told_where_the_protocol_has_it(upstreams: Upstreams) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    answer = await upstreams.call_tool(fake(), "echo", {}, vet=unvetted, key="k1", timeout_s=CALL_S, traceparent=trace)
    told: Any = answer.structured
    assert told["params"]["_meta"] == {"swarmstead.dev/idempotency-key": "k1", "traceparent": trace}


async def test_a_process_serves_one_name_command_environment_and_folder(upstreams: Upstreams) -> None:
    servers = [fake(), fake(name="other"), fake(env={"A": "1"})]
    servers += [ServerRef("fake", fake().spec, root) for root in ["/tmp", "/usr"]]
    pids = [(await structured(upstreams, server, "echo"))["pid"] for server in servers + servers]
    assert len(set(pids)) == 5


async def test_a_program_gets_its_own_environment_and_its_folder(
    upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OUR_SECRET", "s3cret-value")
    (tmp_path / "token").write_text("from-a-file\n")
    command = (sys.executable, str(FAKES / "mcp_stdio_server.py"), "ready", "--dir={root}")
    env = {"TOKEN": "env:OUR_SECRET", "FILE": f"file:{tmp_path}/token", "MODE": "plain"}
    server = ServerRef("fake", ToolServerSpec("stdio", command, env=env, root="repo"), "/srv/x")
    got = await structured(upstreams, server, "echo")
    assert got["argv"][2] == "--dir=/srv/x"
    assert {name: got["env"].get(name) for name in ["TOKEN", "FILE", "MODE", "PATH", "OUR_SECRET"]} == {
        "TOKEN": "[redacted]",
        "FILE": "[redacted]",
        "MODE": "plain",
        "PATH": os.environ["PATH"],
        "OUR_SECRET": None,
    }
    assert [got["backwards"][name] for name in ["TOKEN", "FILE"]] == ["eulav-terc3s", "elif-a-morf"]
    assert set(got["env"]) <= {"TOKEN", "FILE", "MODE", "PATH", "HOME", "LANG", "LC_CTYPE"}


async def test_pages_are_joined_and_bounded(upstreams: Upstreams) -> None:
    assert [tool["name"] for tool in (await upstreams.list_tools(fake())).definitions] == ["t0", "t1", "t2"]
    for start, words in [
        ("endless", "more than 5 pages"),
        ("loose", "is not a list"),
        ("odd", "an entry that is none"),
    ]:
        with pytest.raises(UpstreamFailed, match=words):
            await upstreams.list_tools(fake(start))


async def test_what_the_server_asks_of_us_is_answered_or_refused(upstreams: Upstreams) -> None:
    assert (await structured(upstreams, fake(), "ask_back")) == {
        "ping": {},
        "roots/list": -32601,
        "sampling/createMessage": -32601,
        "elicitation/create": -32601,
    }
    async with mcp_http_server.serving() as server:
        assert (await structured(upstreams, http(server.url), "ask_back")) == {"ok": True}
        assert [reply.get("result", reply.get("error", {}).get("code")) for reply in server.replies] == [{}, -32601]
        await upstreams.aclose()


# Programs that do not start ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), "names no command"),
        (("builtin:shell",), "no shipped server 'shell', only git, files, report"),
        (("/no/such/program",), r"'/no/such/program' was not found\."),
        (("python tools.py",), "'python tools.py' was not found; its name and each argument are words of their own"),
        (("/etc/hostname",), "could not be started: "),
        (("cat", "{root}"), "there is no folder to put there"),
        (("true",), "its program ended with exit code 0"),
        (
            ("builtin:files", "--root", "/no/such/folder"),
            r"exit code 2.*Cannot start: '/no/such/folder' is not a folder",
        ),
    ],
)
async def test_a_program_that_cannot_run_fails_with_its_reason(
    upstreams: Upstreams, command: tuple[str, ...], words: str
) -> None:
    server = ServerRef("odd", ToolServerSpec("stdio", command))
    with pytest.raises(UpstreamFailed, match=f"The tool server 'odd' did not take the call: .*{words}") as failed:
        await call(upstreams, server, "x")
    assert failed.value.way_out
    with pytest.raises(UpstreamFailed, match=words):
        await upstreams.list_tools(server)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("refuse", r"it refused the handshake: not you \(code -32602\)"),
        ("future", "it speaks MCP revision '2099-01-01'; we speak"),
        ("exit", r"exit code 7\. Its last words: the key \[redacted\] is wrong"),
    ],
)
async def test_a_failed_handshake_is_explained_without_secrets(
    upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch, start: str, words: str
) -> None:
    monkeypatch.setenv("K", "hunter22")
    with pytest.raises(UpstreamFailed, match=words) as failed:
        await call(upstreams, fake(start, env={"KEY": "env:K"}), "echo")
    assert "\x1b" not in failed.value.message


async def test_a_missing_secret_is_named_and_nothing_is_started(upstreams: Upstreams) -> None:
    with pytest.raises(UpstreamFailed, match="env:NOT_SET_HERE points to a variable that is not set"):
        await call(upstreams, fake(env={"KEY": "env:NOT_SET_HERE"}), "echo")


async def test_a_start_outlives_the_call_that_gave_up_on_it(upstreams: Upstreams) -> None:
    before = psutil.Process().children()
    with pytest.raises(UpstreamFailed, match=r"longer than 0\.5 s"):
        await call(upstreams, fake("never"), "echo", timeout_s=SOON_S)
    assert len(set(psutil.Process().children()) - set(before)) == 1


async def test_a_start_has_a_limit_of_its_own() -> None:
    upstreams = Upstreams(UpstreamLimits(start_timeout_s=SOON_S))
    async with asyncio.timeout(30):
        with pytest.raises(UpstreamFailed, match=r"it was not ready within 0\.5 s"):
            await call(upstreams, fake("never"), "echo")
        await upstreams.aclose()


async def test_repeated_failures_earn_a_growing_pause_and_a_success_ends_it(upstreams: Upstreams, clock: Clock) -> None:
    await _paused(upstreams, clock, fake("exit"), "its program ended with exit code 7")
    await _paused(upstreams, clock, fake("refuse"), "it refused the handshake")
    await _paused(upstreams, clock, http("http://127.0.0.1:9/"), "no connection")
    for _ in range(5):  # each time a good answer comes between
        assert (await structured(upstreams, fake(), "echo"))["pid"]
        with pytest.raises(UpstreamUnknown):
            await call(upstreams, fake(), "die")


async def _paused(upstreams: Upstreams, clock: Clock, server: ServerRef, words: str) -> None:
    for pause in [None, "0.5", "1.0", "2.0"]:
        with pytest.raises(UpstreamFailed, match=f"did not take the call: {words}"):
            await call(upstreams, server, "echo")
        if pause is not None:
            with pytest.raises(UpstreamFailed, match=f"gets a pause of {pause} s: {words}"):
                await call(upstreams, server, "echo")
            clock.now += float(pause)

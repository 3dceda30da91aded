"""Calls over stdio that go wrong, and the life of the processes behind them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import ServerRef, ToolServerSpec
from swarmstead.gateway.errors import UpstreamFailed, UpstreamUnknown
from tests.fakes.mcp_upstreams import LIMITS, SOON_S, Clock, call, fake, opened, structured, unvetted
from tests.fakes.relays import FakeRelay

_DIED = r"its program ended while it answered this call, with exit code 3\. Its last words: out of memory\."


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstreams(clock: Clock) -> AsyncGenerator[Upstreams]:
    async with opened(clock) as made:
        yield made


async def test_a_death_in_the_middle_leaves_the_outcome_unknown_and_the_next_call_a_new_process(
    upstreams: Upstreams,
) -> None:
    first = (await structured(upstreams, fake(), "echo"))["pid"]
    with pytest.raises(UpstreamUnknown, match=_DIED) as unknown:
        await call(upstreams, fake(), "die")
    assert unknown.value.code == "outcome_unknown"
    assert (await structured(upstreams, fake(), "echo"))["pid"] != first


async def test_a_death_takes_all_calls_under_way_with_it(upstreams: Upstreams) -> None:
    await call(upstreams, fake(), "echo")
    outcomes = await asyncio.gather(
        *(call(upstreams, fake(), name) for name in ["hang", "hang", "die"]), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [UpstreamUnknown] * 3


async def test_a_killed_idle_process_is_replaced(upstreams: Upstreams) -> None:
    pid = (await structured(upstreams, fake(), "echo"))["pid"]
    os.kill(pid, signal.SIGKILL)
    with suppress(UpstreamUnknown):  # we may not have heard of it yet
        await call(upstreams, fake(), "echo")
    assert (await structured(upstreams, fake(), "echo"))["pid"] != pid


async def test_an_answer_written_just_before_the_end_counts(upstreams: Upstreams) -> None:
    for name in "abc":
        assert (await structured(upstreams, fake(name=name), "answer_and_die")) == {"last": "word"}
    (orphan,) = (await structured(upstreams, fake(), "parent"))["pids"]
    with suppress(psutil.NoSuchProcess):
        await asyncio.to_thread(psutil.Process(orphan).wait, 20)


async def test_out_of_time_is_unknown_and_the_server_is_told(upstreams: Upstreams) -> None:
    await call(upstreams, fake(), "echo")
    with pytest.raises(UpstreamUnknown, match=r"longer than 0\.5 s"):
        await call(upstreams, fake(), "hang", timeout_s=SOON_S)
    waiting = asyncio.create_task(call(upstreams, fake(), "hang"))
    await call(upstreams, fake(), "echo")  # by now the other has been sent
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    messages = (await structured(upstreams, fake(), "tell"))["messages"]
    hung = [one["id"] for one in messages if one.get("params", {}).get("name") == "hang"]
    told = [one["params"]["requestId"] for one in messages if one["method"] == "notifications/cancelled"]
    assert told == hung
    assert len(hung) == 2


async def test_what_waits_behind_a_full_pipe_was_never_sent(upstreams: Upstreams) -> None:
    await call(upstreams, fake(), "deaf")
    big = {"text": "x" * 500_000}
    first = asyncio.create_task(call(upstreams, fake(), "echo", big, timeout_s=SOON_S))
    second = asyncio.create_task(call(upstreams, fake(), "echo", big, timeout_s=SOON_S))
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(one) for one in outcomes] == [UpstreamUnknown, UpstreamFailed]


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("huge", "a line of more than 1000000 bytes"),
        ("flood", r"too many lines that are not JSON-RPC\. It also wrote what is not JSON-RPC: 'debug: line \d+'"),
        ("close_stdout", "it closed its side of the conversation"),
    ],
)
async def test_a_server_out_of_bounds_is_ended(upstreams: Upstreams, tool: str, words: str) -> None:
    pid = (await structured(upstreams, fake(), "echo"))["pid"]
    with pytest.raises(UpstreamUnknown, match=words):
        await call(upstreams, fake(), tool)
    assert (await structured(upstreams, fake(), "echo"))["pid"] != pid


async def test_a_server_that_only_asks_is_ended(upstreams: Upstreams) -> None:
    pid = (await structured(upstreams, fake(), "echo"))["pid"]
    relay = FakeRelay({"roots/list": {"roots": []}})
    with pytest.raises(UpstreamUnknown, match="more than 10000 messages without an answer"):
        await upstreams.call_tool(fake(), "ask_forever", {}, vet=unvetted, key="k", timeout_s=20, relay=relay)
    assert (await structured(upstreams, fake(), "echo"))["pid"] != pid


async def test_an_answer_to_something_else_answers_nobody(upstreams: Upstreams) -> None:
    assert [await structured(upstreams, fake(), "somebody_elses") for _ in range(3)] == [{"ok": True}] * 3


async def test_a_little_noise_is_borne_and_reported_when_an_answer_is_missing(upstreams: Upstreams) -> None:
    for _ in range(3):
        assert (await structured(upstreams, fake(), "chatty")) == {"ok": True}
    with pytest.raises(UpstreamUnknown, match=r"longer than 0\.5 s.*It also wrote what is not JSON-RPC: '\{\"jsonrpc"):
        await call(upstreams, fake(), "nonsense", timeout_s=SOON_S)


@pytest.mark.parametrize("code", [-32700, -32600, -32601, -32602])
async def test_an_error_that_comes_before_a_method_runs_means_nothing_happened(upstreams: Upstreams, code: int) -> None:
    with pytest.raises(UpstreamFailed, match=rf"it refused: no luck \(code {code}\)"):
        await call(upstreams, fake(), "error", {"code": code})


@pytest.mark.parametrize("code", [-32603, -32000, 0, 7])
async def test_any_other_error_proves_nothing(upstreams: Upstreams, code: int) -> None:
    with pytest.raises(UpstreamUnknown, match=rf"it refused: no luck \(code {code}\)"):
        await call(upstreams, fake(), "error", {"code": code})


@pytest.mark.parametrize(
    "result",
    [
        {},
        [],
        None,
        {"content": "text"},
        {"content": ["text"]},
        {"content": [{"text": "x"}]},
        {"content": [], "isError": 1},
    ],
)
async def test_an_answer_that_is_no_tool_result_is_unknown(upstreams: Upstreams, result: Any) -> None:
    with pytest.raises(UpstreamUnknown, match=r"it answered with something that is not|its answer"):
        await call(upstreams, fake(), "raw", {"result": result})


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "[" * 101 + "]" * 101])
async def test_an_answer_with_what_json_cannot_hold_is_unknown(upstreams: Upstreams, number: str) -> None:
    answer = f'{{"content": [{{"type": "text", "text": "x", "annotations": {{"priority": {number}}}}}]}}'
    with pytest.raises(UpstreamUnknown, match="its answer holds"):
        await call(upstreams, fake(), "verbatim", {"text": answer})


async def test_text_that_no_database_keeps_is_mended_where_it_comes_in(upstreams: Upstreams) -> None:
    answer = r'{"content": [{"type": "text", "text": "half \ud83d, whole \ud83d\ude00, \u0000"}]}'
    result = await call(upstreams, fake(), "verbatim", {"text": answer})
    assert result.text == "half \N{REPLACEMENT CHARACTER}, whole \N{GRINNING FACE}, \N{REPLACEMENT CHARACTER}"


async def test_a_request_that_cannot_be_written_fails_before_it_is_sent(upstreams: Upstreams) -> None:
    for arguments, words in [
        ({"n": float("nan")}, "cannot be written as JSON"),
        ({"s": "x" * 1_000_000}, "is the most"),
    ]:
        with pytest.raises(UpstreamFailed, match=words):
            await call(upstreams, fake(), "echo", arguments)


# The life of processes -----------------------------------------------------------------------------------------------


async def test_idle_sessions_are_ended_and_busy_ones_kept(upstreams: Upstreams, clock: Clock) -> None:
    idle = psutil.Process((await structured(upstreams, fake(name="idle"), "echo"))["pid"])
    await call(upstreams, fake(name="busy"), "echo")
    busy = asyncio.create_task(call(upstreams, fake(name="busy"), "hang"))
    await call(upstreams, fake(name="busy"), "echo")
    clock.now += LIMITS.idle_s - 1
    assert await upstreams.reap_idle() == 0
    clock.now += 1
    assert await upstreams.reap_idle() == 1
    assert not idle.is_running()
    assert not busy.done()
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    assert (await structured(upstreams, fake(name="idle"), "echo"))["pid"] != idle.pid


async def test_at_the_limit_the_longest_idle_session_makes_room() -> None:
    clock = Clock()
    upstreams = Upstreams(UpstreamLimits(max_sessions=2), clock=clock)
    async with asyncio.timeout(30):
        pids: list[int] = []
        for name in ["a", "b", "c"]:
            clock.now += 1
            pids.append((await structured(upstreams, fake(name=name), "echo"))["pid"])
        assert (await structured(upstreams, fake(name="b"), "echo"))["pid"] == pids[1]
        assert not psutil.pid_exists(pids[0])
        busy = [asyncio.create_task(call(upstreams, fake(name=name), "hang")) for name in ["b", "c"]]
        await asyncio.gather(*(call(upstreams, fake(name=name), "echo") for name in ["b", "c"]))
        with pytest.raises(UpstreamFailed, match="All 2 sessions with tool servers are in use"):
            await call(upstreams, fake(name="a"), "echo")
        await upstreams.aclose()
        outcomes = await asyncio.gather(*busy, return_exceptions=True)
    assert [type(one) for one in outcomes] == [UpstreamUnknown] * 2


async def test_closing_ends_even_what_will_not_go_and_what_it_started(upstreams: Upstreams) -> None:
    pids = (await structured(upstreams, fake(), "stubborn"))["pids"]
    processes = [psutil.Process(pid) for pid in pids]
    starting = asyncio.create_task(call(upstreams, fake("never"), "echo"))
    under_way = asyncio.create_task(call(upstreams, fake(), "hang"))
    await asyncio.to_thread(lambda: None)
    await upstreams.aclose()
    assert not psutil.pid_exists(pids[0])
    await asyncio.to_thread(psutil.wait_procs, processes, 20)
    assert not any(process.is_running() and process.status() != "zombie" for process in processes)
    outcomes = await asyncio.gather(starting, under_way, return_exceptions=True)
    assert all(isinstance(one, UpstreamFailed | UpstreamUnknown) for one in outcomes)
    with pytest.raises(UpstreamFailed, match="we are shutting down"):
        await call(upstreams, fake(), "echo")


def test_when_we_are_killed_the_shipped_servers_end_too(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, psutil, signal
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import ServerRef, ToolServerSpec

async def main():
    upstreams = Upstreams()
    for name in ["files", "report"]:
        server = ServerRef(name, ToolServerSpec("stdio", ("builtin:" + name,), root="r"), {str(tmp_path)!r})
        await upstreams.list_tools(server)
    print(*[child.pid for child in psutil.Process().children()], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(timeout=20)


def test_a_program_that_ends_at_once_is_said_to_have_ended_on_either_loop() -> None:
    async def story() -> None:
        upstreams = Upstreams(LIMITS)
        for number in range(12):  # on uvloop its pipe may be closed before we hear of it, or after
            with pytest.raises(UpstreamFailed, match="its program ended with exit code 0"):
                await upstreams.list_tools(ServerRef(f"brief-{number}", ToolServerSpec("stdio", ("/bin/true",))))
        await upstreams.aclose()

    for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(story())


async def test_a_start_that_fails_as_nobody_foresaw_is_the_trouble_of_that_server(
    upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("the handler is closed")

    monkeypatch.setattr("swarmstead.gateway.adapters.mcp_stdio.StdioSession.start", broken)
    with pytest.raises(UpstreamFailed, match=r"Swarmstead failed to start it \(RuntimeError\); its log says more"):
        await upstreams.list_tools(fake())
    assert "the handler is closed" in caplog.text


def test_the_same_holds_on_uvloop() -> None:
    async def story() -> None:
        upstreams = Upstreams(LIMITS)
        async with asyncio.timeout(60):
            first = (await structured(upstreams, fake(), "echo", {"text": "x" * 300_000}))["pid"]
            with pytest.raises(UpstreamUnknown, match=r"exit code 3\. Its last words: out of memory"):
                await call(upstreams, fake(), "die")
            assert (await structured(upstreams, fake(name="brief"), "answer_and_die")) == {"last": "word"}
            assert (await structured(upstreams, fake(), "echo"))["pid"] != first
            with pytest.raises(UpstreamUnknown, match="more than 1000000 bytes"):
                await call(upstreams, fake(), "huge")
            await _deaf(upstreams)
            pids = (await structured(upstreams, fake(name="other"), "stubborn"))["pids"]
            await upstreams.aclose()
            assert not psutil.pid_exists(pids[0])
            with pytest.raises(UpstreamFailed, match="was not found"):
                await call(Upstreams(LIMITS), ServerRef("none", ToolServerSpec("stdio", ("/no/such",))), "x")

    async def _deaf(upstreams: Upstreams) -> None:
        await call(upstreams, fake(name="deaf"), "deaf")
        big = {"text": "x" * 500_000}
        with pytest.raises(UpstreamUnknown):
            await call(upstreams, fake(name="deaf"), "echo", big, timeout_s=SOON_S)
        with pytest.raises(UpstreamFailed):
            await call(upstreams, fake(name="deaf"), "echo", big, timeout_s=SOON_S)

    before = set(psutil.Process().children(recursive=True))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
    assert set(psutil.Process().children(recursive=True)) <= before

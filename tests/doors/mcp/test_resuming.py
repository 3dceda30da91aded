"""How much of past streams is kept, and what cannot be taken up again."""

import asyncio
from typing import Any

import pytest

from swarmstead.doors.mcp import resuming
from swarmstead.doors.mcp.resuming import Replay, Replays, resume
from swarmstead.doors.mcp.standing import Standing
from swarmstead.kernel.scope import Scope
from swarmstead.storage.signals import Signals
from tests.doors.mcp.door import TENANT


def test_what_was_pushed_out_cannot_be_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "_MOST_BYTES", 1000)
    replays = Replays()
    first, second = replays.open("s"), replays.open("s")
    first.add(b"x" * 500)
    assert replays.find("s", "1-0") == (first, 1)
    second.add(b"x" * 600)
    assert replays.find("s", "1-0") is None
    assert replays.find("s", "2-0") == (second, 1)
    assert first.add(b"more").startswith(b"id: 1-1\r\n")  # its own client still hears the rest
    assert first.events == []


def test_one_long_answer_may_push_out_very_many_short_ones() -> None:
    replays = Replays()
    short = [replays.open("s") for _ in range(9_000)]
    for one in short:
        one.add(b"x" * 1800)
    long = replays.open("s")
    long.add(b"x" * 1_500_000)
    kept = [one for one in (*short, long) if one.kept]
    assert kept[-1] is long
    assert vars(replays)["_bytes"] == sum(one.bytes for one in kept)
    assert all(one.ended for one in short if not one.kept)


def test_a_stream_that_gets_too_long_is_not_kept_and_pushes_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "_MOST_OF_ONE", 1000)
    replays = Replays()
    kept, long = replays.open("s"), replays.open("s")
    kept.add(b"x")
    for _ in range(3):
        long.add(b"x" * 600)
    assert replays.find("s", "2-0") is None
    assert replays.find("s", "1-0") == (kept, 1)


def test_old_streams_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "_MOST_STREAMS", 2)
    replays = Replays()
    for _ in range(3):
        replays.open("s").add(b"")
    assert [replays.find("s", f"{number}-0") is not None for number in (1, 2, 3)] == [False, True, True]


def test_of_a_session_that_is_over_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "_MOST_BYTES", 1000)
    replays = Replays()
    over, stays = [replays.open("s"), replays.open("s")], replays.open("t")
    for replay in (*over, stays):
        replay.add(b"x" * 200)
    replays.forget("s")
    assert [replays.find("s", "1-0"), replays.find("s", "2-0")] == [None, None]
    assert [(replay.events, replay.ended) for replay in over] == [([], True)] * 2
    stays.add(b"x" * 600)  # there is room again
    assert replays.find("t", "3-0") == (stays, 1)
    replays.forget("s")


@pytest.mark.parametrize("event", ["", "1", "-", "1-", "-0", "1-x", "²-0", "9-0", "1-0" + "0" * 50])
def test_what_is_no_event_of_a_kept_stream_is_none(event: str) -> None:
    replays = Replays()
    replays.open("s").add(b"")
    assert replays.find("s", event) is None
    assert replays.find("other", "1-0") is None


class Reader:
    """A client that came back; `meanwhile` happens while its first event is on its way."""

    def __init__(self, replay: Replay, meanwhile: list[bytes], *, ends: bool) -> None:
        self._replay = replay
        self._meanwhile = meanwhile
        self._ends = ends
        self.heard: list[bytes] = []
        self.has_heard = asyncio.Event()

    async def send(self, message: Any) -> None:
        if not message.get("body"):
            return
        self.heard.append(message["body"])
        while self._meanwhile:
            self._replay.add(self._meanwhile.pop(0))
        if self._ends:
            self._replay.end()
        if b"last" in message["body"]:
            self.has_heard.set()

    async def receive(self) -> Any:
        await asyncio.Event().wait()


async def same() -> Scope:
    return TENANT


@pytest.mark.parametrize("ends", [True, False])
async def test_what_comes_while_an_event_is_on_its_way_is_told_at_once(
    ends: bool, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer too, which is the last of them."""
    monkeypatch.setattr(resuming, "PING_S", 3600)
    replay = Replays().open("s")
    replay.add(b"first")
    reader = Reader(replay, [b"second", b"the last"], ends=ends)
    standing = Standing(TENANT, same, signals)
    task = asyncio.create_task(resume(replay, 0, reader.receive, reader.send, asyncio.Event(), standing))
    async with asyncio.timeout(20):
        await reader.has_heard.wait()
        if ends:
            await task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [b"first" in reader.heard[0], b"second" in reader.heard[1], b"the last" in reader.heard[2]] == [True] * 3

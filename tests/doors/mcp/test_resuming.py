"""How much of past streams is kept, and what cannot be taken up again."""

import pytest

from swarmstead.doors.mcp import resuming
from swarmstead.doors.mcp.resuming import Replays


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


@pytest.mark.parametrize("event", ["", "1", "-", "1-", "-0", "1-x", "²-0", "9-0", "1-0" + "0" * 50])
def test_what_is_no_event_of_a_kept_stream_is_none(event: str) -> None:
    replays = Replays()
    replays.open("s").add(b"")
    assert replays.find("s", event) is None
    assert replays.find("other", "1-0") is None

"""An answer that is cut, filtered or empty does not pass for a whole one, nor a bill beyond all bounds for a bill."""

from dataclasses import replace
from typing import Any

import pytest

from swarmstead.doors.cli.watch import Watcher
from swarmstead.models.contract import FinishReason, ModelReply, ToolCall, Usage
from swarmstead.models.errors import ModelFailed, told
from swarmstead.runs.contract import StoredEvent
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import delegate, manifests, model, swarm

COSTLY: dict[str, Any] = {"price": {"input_per_million_usd": "0", "output_per_million_usd": "1"}}
DONE = ModelReply("done", (), Usage(20, 900), "stop", "m")


async def answered(house: House, monkeypatch: pytest.MonkeyPatch, *replies: ModelReply | ModelFailed) -> str:
    """A run whose model gives these answers, each for a thousandth of a dollar at most."""
    left = list(replies)

    async def request(*_: Any) -> ModelReply:
        reply = left.pop(0)
        if isinstance(reply, ModelFailed):
            raise reply
        return reply

    monkeypatch.setattr(house.models, "request", request)
    script = {"boss": ["done"]}
    limits = {"budget_usd": "5.00"}
    await house.declare(manifests(script, swarm(limits=limits), model(script, max_output_tokens=1000, **COSTLY)))
    return await house.launch()


async def called(house: House, run: str) -> StoredEvent:
    return next(event for event in await house.events(run) if event.kind == "model.called")


def line(event: StoredEvent) -> str:
    """What `stead run watch` shows of it."""
    shown = {"at": "2026-11-22T09:38:35.123Z", "step": event.step, "kind": event.kind, "data": event.data}
    return Watcher(None).line(shown)  # pyright: ignore[reportArgumentType] - asks nothing for this kind


@pytest.mark.parametrize(
    ("text", "finish", "code", "summary"),
    [
        ("", "stop", "answer_empty", "Answered with nothing"),
        (" \n", "other", "answer_empty", "Answered with nothing"),
        ("", "length", "model_output_limit", "Cut at its output limit. Answered with nothing"),
        ("", "content_filter", "answer_filtered", "Filtered by the provider. Answered with nothing"),
        ("Here is h", "content_filter", "answer_filtered", "Filtered by the provider. Here is h"),
    ],
)
async def test_an_answer_of_nothing_is_no_result(
    house: House, monkeypatch: pytest.MonkeyPatch, text: str, finish: FinishReason, code: str, summary: str
) -> None:
    run = await answered(house, monkeypatch, replace(DONE, text=text, finish=finish))
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["error"]["code"], row["result"]) == ("failed", code, None)
    assert row["error"]["way_out"]
    assert (await house.steps(run))["boss/1/model"]["summary"] == summary


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
async def test_who_is_to_launch_again_hears_of_what_was_done(
    house: House, monkeypatch: pytest.MonkeyPatch, finish: FinishReason
) -> None:
    """Models often end with nothing after a call; the same run once more would do once more what the call did."""
    asks = replace(DONE, text="", tool_calls=(ToolCall("c1", "kit__read", {"name": "x"}),), finish="tool_calls")
    nothing = replace(DONE, text="", finish=finish)
    row = await house.status(await answered(house, monkeypatch, asks, nothing), "succeeded", "failed")
    assert row["error"]["way_out"].startswith("Look at its calls first: what they did stays done")
    row = await house.status(await answered(house, monkeypatch, nothing), "succeeded", "failed")
    assert "stays done" not in row["error"]["way_out"]


async def test_an_answer_that_was_cut_says_so_wherever_it_is_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await answered(house, monkeypatch, replace(DONE, text="The first half", finish="length"))
    row = await house.status(run, "succeeded", "failed")
    assert row["result"] == "The first half\n\n[cut: the model reached its max_output_tokens here]"
    assert (await house.steps(run))["boss/1/model"]["summary"] == "Cut at its output limit. The first half"
    assert "answers, cut at its output limit" in line(await called(house, run))


async def test_a_coordinator_reads_that_a_members_answer_was_cut(house: House) -> None:
    script = {"boss": [delegate("ann"), "{{ last[0].text }}"], "ann": ["x" * 500]}
    await house.declare(manifests(script, model(script, max_output_tokens=100)))
    row = await house.status(await house.launch(), "succeeded", "failed")
    assert row["result"].startswith("x" * 400 + "\n\n[cut: ")


async def test_an_empty_answer_beside_calls_is_what_models_do(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = replace(DONE, text="", tool_calls=(ToolCall("c1", "kit__read", {"name": "x"}),), finish="tool_calls")
    run = await answered(house, monkeypatch, asks, DONE)
    assert (await house.status(run, "succeeded", "failed"))["result"] == "done"


async def test_a_bill_beyond_what_was_possible_is_told_where_the_run_is_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = await answered(house, monkeypatch, replace(DONE, usage=Usage(20, 1_001_000)))
    await house.status(run, "succeeded")
    step = (await house.steps(run))["boss/1/model"]
    assert step["summary"] == "The provider billed $1.00 more than was possible. done"
    assert "$1.00: $1.00 more than was possible" in line(await called(house, run))
    assert "billed $1.00 more than run" in caplog.text


async def test_so_is_that_of_an_answer_that_broke(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broke = ModelFailed("It broke off.", extra=told(1, Usage(20, 1_001_000)))
    run = await answered(house, monkeypatch, broke)
    row = await house.status(run, "succeeded", "failed")
    assert row["error"]["message"] == "It broke off. The provider billed $1.00 more than was possible."
    assert (await called(house, run)).data["over_micros"] == 1_000_000
    assert "billed $1.00 more than run" in caplog.text


async def test_so_is_that_of_an_answer_that_was_asked_for_again(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = await answered(house, monkeypatch, DONE)

    async def twice(_spec: Any, _request: Any, _on_delta: Any, before_retry: Any) -> ModelReply:
        await before_retry(Usage(10, 501_000))
        return replace(DONE, usage=Usage(20, 501_900), attempts=2)

    await house.status(run, "succeeded")
    monkeypatch.setattr(house.models, "request", twice)
    run = await house.launch()
    await house.status(run, "succeeded", "failed")
    step = (await house.steps(run))["boss/1/model"]
    assert step["summary"] == "The provider billed $0.5000 more than was possible. done"
    assert caplog.text.count("billed $0.5000 more than run") == 1

"""A call's time limit while its client is asked."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from swarmstead.gateway.adapters.patience import PatientRelay
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import CallResult, ServerRef, ToolServerSpec
from tests.fakes.everything import serving
from tests.fakes.mcp_upstreams import CALL_S, HERE, LIMITS, Clock, opened, unvetted
from tests.fakes.relays import FakeRelay

ANSWER: Mapping[str, Any] = {"action": "accept", "content": {"name": "Ada"}}


class Slow(FakeRelay):
    """A client whose person answers when all of the call's time is over, by the clock of the loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__({"elicitation/create": ANSWER})
        self._monkeypatch = monkeypatch

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        real, later = loop.time, 2 * CALL_S
        self._monkeypatch.setattr(loop, "time", lambda: real() + later)
        for _ in range(20):  # a limit that had gone on would be over in the first of these turns
            await asyncio.sleep(0)
        return await super().ask(method, params)


@pytest.fixture
async def upstreams() -> AsyncGenerator[Upstreams]:
    async with opened(Clock()) as made:
        yield made


@pytest.mark.parametrize(
    ("modern", "tool"), [(False, "test_elicitation"), (True, "test_input_required_result_elicitation")]
)
async def test_a_person_may_take_longer_than_the_call(
    upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch, modern: bool, tool: str
) -> None:
    relay = Slow(monkeypatch)
    async with serving(sessions=not modern) as url:
        server = ServerRef("everything", ToolServerSpec("http", url=url))
        arguments = {"message": "Who?"}
        result = await upstreams.call_tool(
            server, tool, arguments, vet=unvetted, key="k", timeout_s=CALL_S, relay=relay
        )
        await upstreams.aclose()
    assert relay.asked == ["elicitation/create"]
    assert not result.is_error


async def test_the_limit_goes_on_where_it_stood_and_two_questions_stop_it_once() -> None:
    release = asyncio.Event()

    class Waiting(FakeRelay):
        async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
            await release.wait()
            return ANSWER

    relay = PatientRelay(Waiting())
    async with asyncio.timeout(600) as limit:
        relay.beside(limit)
        two = [asyncio.create_task(relay.ask("elicitation/create", {})) for _ in range(2)]
        await asyncio.sleep(0)
        assert limit.when() is None
        release.set()
        await asyncio.gather(*two)
        ends = limit.when()
        assert ends is not None
        assert 0 < ends - asyncio.get_running_loop().time() <= 600
    relay.beside(None)
    assert await relay.ask("elicitation/create", {}) == ANSWER  # a late question pauses nothing


async def test_a_limit_that_is_over_is_not_prolonged() -> None:
    relay = PatientRelay(FakeRelay({"elicitation/create": ANSWER}))

    async def late() -> None:
        async with asyncio.timeout(0) as limit:
            relay.beside(limit)
            try:
                await asyncio.Event().wait()
            finally:
                assert await relay.ask("elicitation/create", {}) == ANSWER

    with pytest.raises(TimeoutError):
        await late()


class Thinking(FakeRelay):
    """A client whose person answers once `may_answer` is set."""

    def __init__(self, may_answer: asyncio.Event) -> None:
        super().__init__({"elicitation/create": ANSWER})
        self.may_answer = may_answer
        self.reached = asyncio.Event()

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.reached.set()
        await self.may_answer.wait()
        return await super().ask(method, params)


async def test_calls_that_wait_for_people_keep_nobody_from_the_server_and_get_their_answers() -> None:
    """More of them wait than there may be connections to the host."""
    may_answer = asyncio.Event()
    upstreams = Upstreams(replace(LIMITS, max_connections_per_host=2), egress=HERE)
    async with asyncio.timeout(60), serving() as url:
        server = ServerRef("everything", ToolServerSpec("http", url=url))
        arguments = {"message": "Who?"}
        people, waiting = [Thinking(may_answer) for _ in range(8)], list[asyncio.Task[CallResult]]()
        for one in people:
            waiting.append(
                asyncio.create_task(
                    upstreams.call_tool(
                        server, "test_elicitation", arguments, vet=unvetted, key="k", timeout_s=CALL_S, relay=one
                    )
                )
            )
            await one.reached.wait()
        for _ in range(3):
            assert (
                await upstreams.call_tool(server, "test_simple_text", {}, vet=unvetted, key="k", timeout_s=CALL_S)
            ).text
        may_answer.set()
        assert ["action=accept" in one.text for one in await asyncio.gather(*waiting)] == [True] * 8
        assert (await upstreams.call_tool(server, "test_simple_text", {}, vet=unvetted, key="k", timeout_s=CALL_S)).text
        await upstreams.aclose()

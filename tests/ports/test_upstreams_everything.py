"""Sessions with the everything server, in both eras: what it asks, tells, refuses, and breaks off."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import CallResult, ServerRef, ToolServerSpec
from swarmstead.gateway.errors import UpstreamFailed
from tests.fakes.everything import Everything, serving
from tests.fakes.mcp_upstreams import CALL_S, Clock, opened, unvetted
from tests.fakes.relays import FakeRelay

WATCHED = "test://watched-resource"
UPDATED = "notifications/resources/updated"
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "elicitation/create": {"action": "accept", "content": {"name": "Ada"}},
    "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}},
    "roots/list": {"roots": [{"uri": "file:///srv/shop"}]},
}
BOTH = pytest.mark.parametrize("modern", [False, True])


@pytest.fixture
async def upstreams() -> AsyncGenerator[Upstreams]:
    async with opened(Clock()) as made:
        yield made


@pytest.fixture
async def address(upstreams: Upstreams) -> AsyncGenerator[str]:
    async with serving() as url:
        yield url
        await upstreams.aclose()


@pytest.fixture
async def of_this_era_only(upstreams: Upstreams) -> AsyncGenerator[str]:
    async with serving(Everything(), sessions=False) as url:
        yield url
        await upstreams.aclose()


def at(url: str, *, modern: bool) -> ServerRef:
    return ServerRef("everything", ToolServerSpec("http", url=url), modern=modern)


async def called(
    upstreams: Upstreams, server: ServerRef, tool: str, relay: FakeRelay | None = None, **more: Any
) -> CallResult:
    arguments = more.pop("arguments", {})
    return await upstreams.call_tool(
        server, tool, arguments, vet=unvetted, key="k1", timeout_s=CALL_S, relay=relay, **more
    )


@asynccontextmanager
async def listening(upstreams: Upstreams, server: ServerRef, **wanted: Any) -> AsyncGenerator[FakeRelay]:
    """A client that listens, from when nothing is missed any more."""
    relay, ready = FakeRelay(), asyncio.Event()
    task = asyncio.create_task(upstreams.listen(server, wanted, relay, ready.set))
    async with asyncio.timeout(20):
        await ready.wait()
    yield relay
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@BOTH
async def test_what_a_server_tells_on_its_own_reaches_who_listens(
    upstreams: Upstreams, address: str, modern: bool
) -> None:
    server = at(address, modern=modern)
    async with listening(upstreams, server, toolsListChanged=True, resourceSubscriptions=[WATCHED]) as relay:
        await called(upstreams, server, "test_trigger_tool_change")
        await relay.until_told("notifications/tools/list_changed")
        await called(upstreams, server, "test_trigger_resource_update", arguments={"uri": WATCHED})
        assert await relay.until_told(UPDATED) == {"uri": WATCHED}


@BOTH
async def test_all_who_listen_are_told_and_who_has_gone_is_not(
    upstreams: Upstreams, address: str, modern: bool
) -> None:
    server = at(address, modern=modern)
    async with listening(upstreams, server, toolsListChanged=True) as first:
        async with listening(upstreams, server, toolsListChanged=True) as second:
            await called(upstreams, server, "test_trigger_tool_change")
            await first.until_told("notifications/tools/list_changed")
            await second.until_told("notifications/tools/list_changed")
        first.told.clear()
        await called(upstreams, server, "test_trigger_tool_change")
        await first.until_told("notifications/tools/list_changed")
    assert len(second.told) == 1


async def test_what_a_server_tells_of_itself_is_no_part_of_a_calls_answer(upstreams: Upstreams, address: str) -> None:
    relay = FakeRelay()
    await called(upstreams, at(address, modern=False), "test_trigger_tool_change", relay)
    assert relay.told == []


async def test_listening_takes_no_connection_away_from_calls(upstreams: Upstreams, address: str) -> None:
    server = at(address, modern=True)
    async with asyncio.timeout(60):
        relays = [listening(upstreams, server, toolsListChanged=True) for _ in range(25)]
        for one in relays:
            await one.__aenter__()
        assert (await called(upstreams, server, "test_simple_text")).text
        for one in relays:
            await one.__aexit__(None, None, None)


async def test_arguments_go_into_the_headers_that_the_tool_wants_them_in(upstreams: Upstreams, address: str) -> None:
    for region in ("eu-west", "zürich", " padded "):
        result = await called(
            upstreams,
            at(address, modern=True),
            "test_x_mcp_header",
            arguments={"region": region},
            headers={"mcp-param-region": region},
        )
        assert result.text.startswith(region)


async def test_an_error_keeps_its_code_and_data(upstreams: Upstreams, address: str) -> None:
    with pytest.raises(UpstreamFailed) as raised:
        await called(upstreams, at(address, modern=True), "test_missing_capability")
    fault = raised.value.fault
    assert fault is not None
    assert (fault.code, fault.data) == (-32021, {"requiredCapabilities": {"sampling": {}}})


async def test_an_answer_that_a_server_breaks_off_is_taken_up_again(upstreams: Upstreams, address: str) -> None:
    relay = FakeRelay()
    result = await called(upstreams, at(address, modern=False), "test_reconnection", relay)
    assert result.text == "Here is the answer all the same."
    assert relay.hung_up == 1


@pytest.mark.parametrize(
    ("tool", "asked"),
    [
        ("test_input_required_result_elicitation", ["elicitation/create"]),
        ("test_input_required_result_multi_round", ["elicitation/create", "elicitation/create"]),
        (
            "test_input_required_result_multiple_inputs",
            ["elicitation/create", "sampling/createMessage", "roots/list"],
        ),
    ],
)
async def test_a_client_of_sessions_is_asked_for_what_a_server_without_needs(
    upstreams: Upstreams, of_this_era_only: str, tool: str, asked: list[str]
) -> None:
    relay = FakeRelay(ANSWERS)
    result = await called(upstreams, at(of_this_era_only, modern=False), tool, relay)
    assert result.content
    assert relay.asked == asked


async def test_a_client_that_does_not_give_it_gets_the_code_that_says_so(
    upstreams: Upstreams, of_this_era_only: str
) -> None:
    server = at(of_this_era_only, modern=False)
    with pytest.raises(UpstreamFailed) as raised:
        await upstreams.fetch(
            server, "prompts/get", {"name": "test_input_required_result_prompt"}, timeout_s=CALL_S, relay=FakeRelay()
        )
    assert raised.value.fault is not None
    assert raised.value.fault.code == -32021
    with pytest.raises(UpstreamFailed, match="The client says no"):
        await called(upstreams, server, "test_input_required_result_elicitation", FakeRelay())


async def test_a_client_of_the_same_era_is_told_what_is_needed_and_calls_again(
    upstreams: Upstreams, of_this_era_only: str
) -> None:
    server, relay = at(of_this_era_only, modern=True), FakeRelay(ANSWERS)
    first = await called(upstreams, server, "test_input_required_result_request_state", relay)
    assert first.more["resultType"] == "input_required"
    again = {"requestState": first.more["requestState"], "inputResponses": {"confirm": ANSWERS["elicitation/create"]}}
    assert "state-ok" in (await called(upstreams, server, "test_input_required_result_request_state", more=again)).text
    assert relay.asked == []


async def test_subscribing_is_a_matter_of_listening_where_there_are_no_sessions(
    upstreams: Upstreams, of_this_era_only: str
) -> None:
    server = at(of_this_era_only, modern=False)
    assert await upstreams.fetch(server, "resources/subscribe", {"uri": WATCHED}, timeout_s=CALL_S) == {}

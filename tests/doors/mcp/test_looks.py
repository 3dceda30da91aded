"""Lists, searches and streams call no tool, and take a token all the same; it is not one of those of calls."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from tests.clocks import MovableClock, Ticks
from tests.doors.mcp.door import Door
from tests.doors.mcp.test_eras import HEADERS, META, request
from tests.rooms.runs.house import House

LOOKS = 8
OF_SESSIONS = ["initialize", "tools/list", "resources/list", "resources/templates/list", "prompts/list"]
META_TOOLS: list[dict[str, Any]] = [
    {"name": "search_tools", "arguments": {"query": "read a file"}},
    {"name": "describe_tools", "arguments": {"names": ["kit__read"]}},
]


@pytest.fixture
def ticks() -> Ticks:
    """The clock of the buckets: it stands still until a test moves it."""
    return Ticks()


@pytest_asyncio.fixture
async def house(
    sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path, ticks: Ticks
) -> AsyncGenerator[House]:
    """The runs room behind a gateway that lets an identity call once a second, twice at once."""
    traffic = Traffic(TrafficLimits(identity=Rate(1, 2)), clock=ticks, sleep=ticks.sleep)
    made = House(sqlite_database, clock, signals, tmp_path, traffic)
    await made.open()
    yield made
    await made.close()


async def spent(door: Door) -> httpx2.Response:
    """The first answer after all looks were taken."""
    for _ in range(LOOKS):
        assert (await door.post(request("tools/list"))).status_code == 200
    return await door.post(request("tools/list"))


async def test_who_looks_too_often_is_told_when_to_come_back(door: Door, ticks: Ticks) -> None:
    refused = await spent(door)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    error = refused.json()["error"]
    assert (error["code"], error["data"]["code"], error["data"]["retry_after_s"]) == (-32000, "rate_exceeded", 0.25)
    assert "Allowed are 4/s for this caller, 8 at once." in error["message"]
    assert "looks have four times as much" in error["data"]["way_out"]
    ticks.advance(0.25)
    assert (await door.post(request("tools/list"))).status_code == 200


async def test_in_a_session_a_refusal_is_an_answer_and_no_fault_of_the_transport(door: Door) -> None:
    """A client takes a status that is no success for the end of its session."""
    session = (await door.post(request("initialize", protocolVersion="2025-11-25"))).headers["mcp-session-id"]
    for _ in range(LOOKS - 1):
        await door.post(request("tools/list"), mcp_session_id=session)
    refused = await door.post(request("tools/list"), mcp_session_id=session)
    assert (refused.status_code, refused.json()["error"]["data"]["code"]) == (200, "rate_exceeded")
    assert refused.headers["retry-after"] == "1"


async def test_everything_that_only_looks_takes_one(door: Door) -> None:
    session = (await door.post(request("initialize", protocolVersion="2025-11-25"))).headers["mcp-session-id"]
    for _ in range(LOOKS - 1):
        await door.post(request("tools/list"))
    for method in OF_SESSIONS:
        assert (await door.post(request(method))).status_code == 429, method
    for call in META_TOOLS:
        told = (await door.post(request("tools/call", **call))).json()["result"]
        assert told["isError"]
        assert told["_meta"]["swarmstead.dev/refusal"]["code"] == "rate_exceeded"
    for method in ("server/discover", "subscriptions/listen"):
        headers = {**HEADERS, "mcp_method": method}
        del headers["mcp_name"]
        assert (await door.post(request(method, _meta=META), **headers)).status_code == 429, method
    stream = await door.get(mcp_session_id=session, accept="text/event-stream")
    assert stream.status_code == 429
    for path in ("/api/v1/tools:search?q=read", "/api/v1/tool-servers"):
        assert (await door.get(path)).status_code == 429, path


async def test_looks_take_nothing_from_calls_and_calls_nothing_from_looks(door: Door) -> None:
    call = request("tools/call", name="kit__read", arguments={"name": "x"})
    assert (await spent(door)).status_code == 429
    answers = [(await door.post(call)).json()["result"]["isError"] for _ in range(3)]
    assert answers == [False, False, True]


async def test_whoever_tries_out_ids_of_plans_is_paced(door: Door) -> None:
    def guess(number: int) -> dict[str, Any]:
        meta = {**META, "swarmstead.dev/plan-id": f"a_{number}"}
        return request("tools/call", name="kit__read", arguments={"name": "x"}, _meta=meta)

    answers = [(await door.post(guess(number))).json()["result"] for number in range(LOOKS + 3)]
    codes = [one["_meta"]["swarmstead.dev/refusal"]["code"] for one in answers]
    assert codes == ["approval_unknown"] * LOOKS + ["rate_exceeded"] * 3


async def test_another_key_has_looks_of_its_own(door: Door) -> None:
    assert (await spent(door)).status_code == 429
    other = await door.new_key("operator")
    assert (await door.post(request("tools/list"), key=other)).status_code == 200

"""Whatever comes to the MCP door is answered with what is wrong with it; the door stands, and serves the next one."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings

from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.looks import Looks
from tests.doors.mcp.bad_requests import Case, cases
from tests.doors.mcp.door import Door
from tests.doors.mcp.raw import Answer, exchange

_NO_HTTP = b"Invalid HTTP request received."  # the server's own word for what its parser does not take
_REFUSED = {400, 403, 404, 405, 406, 408, 413, 415, 421, 422}


async def send(door: Door, case: Case) -> Answer:
    """One request with the door's key."""
    headers = {"authorization": f"Bearer {door.key}", **case.headers}
    return await exchange(door.address + case.path, case.method, headers, case.body)


def judge(case: Case, answer: Answer) -> None:
    """It was answered, refused with a reason, or is an error that says why."""
    assert answer.status in {200, 202, 204, *_REFUSED}, (case, answer)
    if answer.streams or answer.status in {202, 204}:
        return
    if answer.body == _NO_HTTP:
        assert answer.status == 400
        return
    found: Any = answer.json
    if answer.headers["content-type"] == "application/problem+json":
        assert found["detail"], (case, answer)
        return
    assert found["jsonrpc"] == "2.0"
    assert ("result" in found) != ("error" in found)
    if "error" in found:
        error = found["error"]
        assert isinstance(error["code"], int)
        assert error["message"].strip(), (case, answer)
        assert len(answer.body) < 20_000, "an error does not repeat what was sent"
    else:
        assert answer.status == 200


async def test_nothing_that_comes_is_a_fault_of_ours(door: Door) -> None:
    loop = asyncio.get_running_loop()
    traffic, wide = door.house.gateway.traffic, Rate(0, 1)
    traffic.limits = TrafficLimits(identity=wide, tenant=wide)
    traffic.looks = Looks(traffic.limits, traffic.clock)
    opened = await door.post(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {"protocolVersion": "2025-11-25", "capabilities": {}},
        }
    )

    @settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
    @given(cases(opened.headers["mcp-session-id"]))
    def attempt(case: Case) -> None:
        judge(case, asyncio.run_coroutine_threadsafe(send(door, case), loop).result(30))

    await asyncio.to_thread(attempt)
    async with door.session() as client:
        assert not (await client.call_tool("kit__read", {"name": "x"})).is_error

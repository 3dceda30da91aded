"""One trace over client, gateway and tool server: what a client says of it is passed on, and stands in the trail."""

from typing import Any

import pytest

from swarmstead.audit import queries as audit
from tests.doors.mcp.door import TENANT, Door
from tests.doors.mcp.test_eras import CALL, HEADERS, META, request
from tests.doors.mcp.test_streams import RESOURCES

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE}-b7ad6b7169203331-00"
OTHER = "00-11111111111111111111111111111111-2222222222222222-01"


async def seen(door: Door) -> tuple[str, str]:
    """What the tool server was told of the trace of the last call, and the trail."""
    await door.house.gateway.written()
    rows = await door.house.read(lambda conn: audit.page(conn, TENANT, action="tool.call"))
    return door.house.upstream.calls[-1].traceparent, rows[0].trace_id


@pytest.mark.parametrize(
    ("meta", "headers"),
    [
        ({"traceparent": GIVEN}, {}),
        ({}, {"traceparent": GIVEN}),
        ({"traceparent": GIVEN}, {"traceparent": OTHER}),
    ],
    ids=["in the message", "in a header", "in both"],
)
@pytest.mark.parametrize("modern", [True, False])
async def test_a_call_is_part_of_its_clients_trace(
    door: Door, meta: dict[str, Any], headers: dict[str, str], *, modern: bool
) -> None:
    message = request("tools/call", **CALL, _meta=(META if modern else {}) | meta)
    answer = await door.post(message, **(HEADERS if modern else {}), **headers)
    assert "error" not in answer.json()
    assert await seen(door) == (GIVEN, TRACE)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "canary",
        f"{GIVEN}-more",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        GIVEN.upper(),
        7,
        {"a": 1},
    ],
)
async def test_what_is_no_trace_goes_nowhere(door: Door, given: object) -> None:
    answer = await door.post(request("tools/call", **CALL, _meta=META | {"traceparent": given}), **HEADERS)
    assert answer.status_code == 200
    assert await seen(door) == ("", "")


async def test_a_resource_is_read_within_the_trace_too(door: Door) -> None:
    await door.house.declare(RESOURCES, TENANT)
    door.house.upstream.fetched["resources/read"] = {"contents": []}
    message = request("resources/read", uri="notes://open/1", _meta=META | {"traceparent": GIVEN})
    named = {"mcp_method": "resources/read", "mcp_name": "notes://open/1"}
    assert "error" not in (await door.post(message, **HEADERS | named)).json()
    assert door.house.upstream.fetches[-1][2]["_meta"] == {"traceparent": GIVEN}


async def test_the_trail_keeps_of_a_resources_address_what_anybody_may_read(door: Door) -> None:
    await door.house.declare(RESOURCES, TENANT)
    door.house.upstream.fetched["resources/read"] = {"contents": []}
    answer = await door.post(request("resources/read", uri="notes://open/1?access_token=hunter2-canary"))
    assert "error" not in answer.json(), answer.text
    await door.house.gateway.written()
    rows = await door.house.read(lambda conn: audit.page(conn, TENANT, action="resource.read"))
    assert [row.target.split("?sha256:")[0] for row in rows] == ["kit/notes://open/1"]

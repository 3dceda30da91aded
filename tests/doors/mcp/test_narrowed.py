"""A session, its streams and its questions are those of the credential that opened it, with all that it is good for."""

import asyncio
from typing import Any, NamedTuple

import httpx2
import pytest
import pytest_asyncio

from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people.tokens import mint_token
from tests.doors.mcp.door import Door
from tests.doors.mcp.test_eras import HEADERS
from tests.doors.mcp.test_parking import ADA, CAN, FORM, Asking
from tests.doors.mcp.test_sessions import read_id, written_id
from tests.doors.mcp.test_streams import CALL, request, stream
from tests.fakes.upstream import Called

EVENTS = "text/event-stream, application/json"
ROLES = ("approver", "operator")
INITIALIZE = request("initialize", protocolVersion="2025-11-25", capabilities={"elicitation": {}})


class Credential(NamedTuple):
    """What a client sends with each request."""

    key: str
    headers: dict[str, str]


class Two(NamedTuple):
    """Credentials of one key: with the one a session is opened, the other is good for less, or for more."""

    first: Credential
    other: Credential


async def _narrowed(door: Door, how: str) -> Two:
    made = await door.made_key(*ROLES)
    scope = Scope("default", Actor(f"key:{made.view.id}", "user", "test", frozenset(ROLES)))

    async def token(*roles: str, environment: str = "") -> Credential:
        clock = door.house.clock
        minted = await door.house.write(lambda tx: mint_token(tx, scope, clock, roles, environment))
        return Credential(minted.secret, {})

    key = Credential(made.secret, {})
    match how:
        case "short-lived":
            return Two(key, await token())
        case "fewer roles":
            return Two(await token(), await token("operator"))
        case "one environment":
            return Two(await token(), await token(environment="dev"))
        case _:
            return Two(key, Credential(made.secret, {"x_stead_environment": "dev"}))


@pytest_asyncio.fixture(params=[False, True], ids=["narrower", "wider"])
async def two(request: pytest.FixtureRequest, door: Door, how: str) -> Two:
    first, other = await _narrowed(door, how)
    return Two(other, first) if request.param else Two(first, other)


WAYS = pytest.mark.parametrize("how", ["short-lived", "fewer roles", "one environment", "named environment"])


async def post(door: Door, by: Credential, message: Any, **headers: str) -> httpx2.Response:
    return await door.post(message, key=by.key, **by.headers, **headers)


async def opened(door: Door, by: Credential) -> str:
    return (await post(door, by, INITIALIZE)).headers["mcp-session-id"]


async def hung_up_on(door: Door, session: str, by: Credential) -> str:
    """The id of an event of a call whose answer is still to come, and may be fetched."""
    upstream = door.house.upstream

    async def hang_up(_call: Called) -> None:
        assert upstream.relay is not None
        upstream.relay.hang_up()

    upstream.during = hang_up
    call = request("tools/call", **CALL)
    async with stream(door, call, key=by.key, mcp_session_id=session, accept=EVENTS, **by.headers) as events:
        return (await events.next())["id"]


@WAYS
async def test_no_request_and_no_stream_of_a_session_is_another_credentials(door: Door, two: Two) -> None:
    session = await opened(door, two.first)
    last = await hung_up_on(door, session, two.first)
    of_it = {"mcp_session_id": session}
    assert (await post(door, two.other, request("ping"), **of_it)).status_code == 404
    for more in ({}, {"last_event_id": last}):
        async with stream(door, key=two.other.key, **of_it, **more, **two.other.headers) as events:
            assert events.response.status_code == 404
    assert (await door.delete(session, two.other.key, **two.other.headers)).status_code == 404
    assert (await post(door, two.first, request("ping"), **of_it)).status_code == 200
    async with stream(door, key=two.first.key, **of_it, last_event_id=last, **two.first.headers) as events:
        assert (await events.told())["result"]["isError"] is False


@WAYS
async def test_a_question_of_a_session_is_not_another_credentials_to_answer(door: Door, two: Two) -> None:
    server = Asking(door, "elicitation/create")
    session = await opened(door, two.first)
    headers = {"mcp_session_id": session, "accept": EVENTS}
    async with stream(door, request("tools/call", **CALL), key=two.first.key, **headers, **two.first.headers) as events:
        await events.next()
        asked = await events.told()
        assert asked["params"] == FORM
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}}
        assert (await post(door, two.other, answer, mcp_session_id=session)).status_code == 404
        assert (await post(door, two.first, answer | {"result": ADA}, mcp_session_id=session)).status_code == 202
        assert (await events.told())["result"]["isError"] is False
    assert server.heard == [ADA]


@WAYS
async def test_a_call_of_a_session_is_not_another_credentials_to_call_off(door: Door, two: Two) -> None:
    session = await opened(door, two.first)
    hold = door.house.upstream.hold("read")
    call = asyncio.create_task(post(door, two.first, request("tools/call", **CALL), mcp_session_id=session))
    async with asyncio.timeout(20):
        await hold.reached.wait()
    off = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    assert (await post(door, two.other, off, mcp_session_id=session)).status_code == 404
    hold.release()
    assert (await call).json()["result"]["isError"] is False


@WAYS
async def test_a_call_that_waits_is_not_another_credentials_to_go_on_with(door: Door, two: Two) -> None:
    server = Asking(door, "elicitation/create")
    first = await post(door, two.first, request("tools/call", **CALL, _meta=CAN), **HEADERS)
    back: dict[str, Any] = {
        "requestState": first.json()["result"]["requestState"],
        "inputResponses": {"elicitation-1": ADA},
    }
    again = request("tools/call", **CALL, _meta=CAN, **back)
    assert (await post(door, two.other, again, **HEADERS)).json()["error"]["code"] == -32602
    assert not server.heard
    assert (await post(door, two.first, again, **HEADERS)).json()["result"]["resultType"] == "complete"


@WAYS
async def test_a_sessions_own_sessions_with_tool_servers_are_out_of_reach_too(door: Door, two: Two) -> None:
    """Whoever knows an id may forge one like it with a mark of their own, and is led nowhere by its chance."""
    session = await opened(door, two.first)
    await post(door, two.first, request("tools/call", **CALL), mcp_session_id=session)
    forged = _with_the_chance_of(session, await opened(door, two.other))
    answer = await post(door, two.other, request("tools/call", **CALL), mcp_session_id=forged)
    assert answer.json()["result"]["isError"] is False
    first, second = (call.server.lane for call in door.house.upstream.calls)
    assert first != second


def _with_the_chance_of(session: str, own: str) -> str:
    return written_id(read_id(own) | {"n": read_id(session)["n"]})

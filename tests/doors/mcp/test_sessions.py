"""Sessions are each caller's own: nobody is pushed out by what somebody else opens."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

import msgspec

from swarmstead.doors.mcp.sessions import Session, Sessions
from swarmstead.kernel.scope import Actor, Scope, system_scope

ADA, BOB, EVE = system_scope("acme", "ada"), system_scope("acme", "bob"), system_scope("evil", "ada")


def opened(sessions: Sessions, caller: Scope) -> Session:
    return sessions.open(caller, "2025-11-25", {})


def read_id(id_: str) -> dict[str, Any]:
    """What a session's id says."""
    return msgspec.json.decode(base64.b32decode(id_.upper() + "=" * (-len(id_) % 8)))


def written_id(agreed: dict[str, Any]) -> str:
    """An id that says this."""
    return base64.b32encode(msgspec.json.encode(agreed)).decode().rstrip("=").lower()


def test_who_opens_many_pushes_out_their_own_only() -> None:
    sessions = Sessions()
    adas, bobs = opened(sessions, ADA), opened(sessions, BOB)
    adas.log_level = bobs.log_level = "error"
    for _ in range(2_000):
        opened(sessions, BOB)
    assert sessions.find(ADA, adas.id) is adas
    found = sessions.find(BOB, bobs.id)
    assert found is not None
    assert found.log_level == ""  # it goes on, without what it had agreed since


def test_one_that_is_used_stays() -> None:
    sessions = Sessions()
    used = opened(sessions, ADA)
    for _ in range(2_000):
        opened(sessions, ADA)
        assert sessions.find(ADA, used.id) is used


async def test_one_in_which_something_is_under_way_stays_and_can_be_ended() -> None:
    sessions = Sessions()
    adas = opened(sessions, ADA)
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(adas.run(7, work()))
    await begun.wait()
    for _ in range(1_000):
        opened(sessions, ADA)
    assert sessions.find(ADA, adas.id) is adas
    sessions.end(ADA, adas)
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
    assert not adas.busy


def test_it_is_good_for_its_caller_in_its_tenant_until_it_ends() -> None:
    sessions = Sessions()
    adas = opened(sessions, ADA)
    assert [sessions.find(other, adas.id) for other in (BOB, EVE)] == [None, None]
    sessions.end(ADA, adas)
    assert sessions.find(ADA, adas.id) is None


def test_it_is_good_for_what_it_was_opened_with_and_for_nothing_else() -> None:
    roles = frozenset({"admin", "viewer"})
    wide = Scope("acme", Actor("key:1", "user", "ada", roles))
    others = [
        replace(wide, environment="dev"),
        replace(wide, derived=True),
        replace(wide, actor=replace(wide.actor, roles=frozenset({"viewer"}))),
    ]
    for first, other in [(wide, one) for one in others] + [(one, wide) for one in others]:
        sessions, elsewhere = Sessions(), Sessions()
        opened_one = opened(sessions, first)
        for place in (sessions, elsewhere):  # and so at another replica, which knows of it what its id says
            assert place.find(other, opened_one.id) is None
            assert place.find(first, opened_one.id) is not None
            assert place.find(other, opened_one.id) is None


def test_what_somebody_ends_stays_ended_however_many_others_end_theirs() -> None:
    sessions = Sessions()
    adas = opened(sessions, ADA)
    sessions.end(ADA, adas)
    for _ in range(12_000):
        sessions.end(BOB, opened(sessions, BOB))
    assert sessions.find(ADA, adas.id) is None


def test_an_ended_one_is_not_good_in_other_letters_or_with_other_capabilities() -> None:
    sessions = Sessions()
    adas = opened(sessions, ADA)
    again = written_id(read_id(adas.id) | {"c": {"roots": {}}})
    found = sessions.find(ADA, again)
    assert found is not None
    sessions.end(ADA, adas)
    assert [sessions.find(ADA, id_) for id_ in (again, adas.id.upper())] == [None, None]
    assert found.over


def test_a_forged_one_names_no_lane_of_its_own_choice() -> None:
    sessions = Sessions()
    agreed = read_id(opened(sessions, ADA).id)
    for chance in ("", "1/x", "../bob", "a" * 17):
        assert sessions.find(ADA, written_id(agreed | {"n": chance})) is None
    found = sessions.find(ADA, written_id(agreed | {"n": "0" * 16}))
    assert found is not None
    assert found.lane != "0" * 16

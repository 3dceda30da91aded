"""Sessions are each caller's own: nobody is pushed out by what somebody else opens."""

import base64

import msgspec

from swarmstead.doors.mcp.sessions import Session, Sessions
from swarmstead.kernel.scope import Scope, system_scope

ADA, BOB, EVE = system_scope("acme", "ada"), system_scope("acme", "bob"), system_scope("evil", "ada")


def opened(sessions: Sessions, caller: Scope) -> Session:
    return sessions.open(caller, "2025-11-25", {})


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


def test_it_is_good_for_its_caller_in_its_tenant_until_it_ends() -> None:
    sessions = Sessions()
    adas = opened(sessions, ADA)
    assert [sessions.find(other, adas.id) for other in (BOB, EVE)] == [None, None]
    sessions.end(ADA, adas)
    assert sessions.find(ADA, adas.id) is None


def test_a_forged_one_cannot_name_a_lane_that_reaches_into_another_callers() -> None:
    sessions = Sessions()
    id_ = opened(sessions, ADA).id.upper()
    agreed = msgspec.json.decode(base64.b32decode(id_ + "=" * (-len(id_) % 8)))
    for lane in ("", "1/x", "../bob", "a" * 17):
        forged = base64.b32encode(msgspec.json.encode(agreed | {"n": lane})).decode().rstrip("=").lower()
        assert sessions.find(ADA, forged) is None
    good = base64.b32encode(msgspec.json.encode(agreed | {"n": "0" * 16})).decode().rstrip("=").lower()
    assert sessions.find(ADA, good) is not None

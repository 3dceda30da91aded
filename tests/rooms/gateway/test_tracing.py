"""A call that is looked at is told as a span, with what decided about it and each try of the tool server beneath."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from swarmstead.gateway.contract import Caller, CallOutcome, CallRequest, Kind, PlanNeeded
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.storage.database import Database
from swarmstead.storage.errors import DatabaseUnavailable
from swarmstead.storage.signals import Signals
from swarmstead.telemetry import names
from swarmstead.telemetry.contract import span_id_of
from swarmstead.telemetry.spans import Sampling, Span, Tracer
from tests.clocks import MovableClock
from tests.fakes.upstream import text
from tests.rooms.gateway.desk import MANIFESTS, Desk, outside
from tests.rooms.permits.test_policy_service import policy

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"
WORDS = "canary-of-nobody-knows-what"
ALL = Sampling(calls=1, runs=1)
NONE = Sampling(calls=0, runs=0, followed_per_s=0)


@dataclass
class Traced:
    """A desk, and the spans that it has told, by name."""

    desk: Desk
    told: list[Span]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.told if span.name == name]

    def one(self, name: str) -> Span:
        (span,) = self.named(name)
        return span

    def client(self, traceparent: str = "") -> Caller:
        return replace(outside(), traceparent=traceparent, trace_id=traceparent[3:35])


Opening = Callable[[Sampling], Awaitable[Traced]]


@pytest.fixture
def opening(sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path) -> Opening:
    async def make(sampling: Sampling) -> Traced:
        told: list[Span] = []
        traffic = Traffic(TrafficLimits(identity=Rate(0, 1), tenant=Rate(0, 1)))
        desk = Desk(sqlite_database, clock, signals, tmp_path, traffic, Tracer(told.append, sampling))
        await desk.declare(MANIFESTS)
        return Traced(desk, told)

    return make


async def test_a_call_from_outside_is_a_tree(opening: Opening) -> None:
    traced = await opening(ALL)
    caller = traced.client(GIVEN)
    outcome = await traced.desk.call("read", {"name": WORDS}, caller=caller)
    assert outcome.verdict == "ok"
    call, check, leg = (traced.one(name) for name in (names.TOOL_CALL, names.POLICY_CHECK, names.TOOL_UPSTREAM))
    assert [(one.kind, one.trace_id, one.parent) for one in (call, check, leg)] == [
        ("server", TRACE, SPAN),
        ("internal", TRACE, call.span_id),
        ("client", TRACE, call.span_id),
    ]
    assert traced.desk.upstream.calls[-1].traceparent == f"00-{TRACE}-{leg.span_id}-01"
    judged = {names.POLICY_EFFECT: "allow", names.POLICY_RULES: ("builtin/read",)}
    reached = {names.TOOL_NAME: "read", names.SERVER: "kit", names.MCP_METHOD: "tools/call", names.VERDICT: "ok"}
    assert check.attributes == judged
    assert leg.attributes == reached
    about = {names.OPERATION: "execute_tool", names.TENANT: "acme", names.RISK: "read"}
    assert call.attributes == judged | reached | about | {names.STEP: call.attributes[names.STEP]}
    assert {call.error, check.error, leg.error} == {""}
    assert WORDS not in str(traced.told)


async def test_a_trace_that_begins_here_stands_in_the_trail(opening: Opening) -> None:
    traced = await opening(ALL)
    await traced.desk.call("read", {"name": "x"}, caller=traced.client())
    call = traced.one(names.TOOL_CALL)
    (row,) = await traced.desk.rows("tool.call")
    assert (call.parent, row.trace_id) == ("", call.trace_id)
    assert traced.desk.upstream.calls[-1].traceparent[3:35] == call.trace_id


@pytest.mark.parametrize("given", ["", GIVEN, f"{GIVEN[:-2]}00"])
async def test_a_call_that_is_not_looked_at_goes_on_as_it_came(opening: Opening, given: str) -> None:
    traced = await opening(NONE)
    assert (await traced.desk.call("read", {"name": "x"}, caller=traced.client(given))).verdict == "ok"
    assert traced.told == []
    assert traced.desk.upstream.calls[-1].traceparent == given


async def test_a_flood_of_clients_that_want_to_be_kept_is_bounded(opening: Opening) -> None:
    traced = await opening(Sampling(calls=0, followed_per_s=0.001))
    for number in range(50):
        given = f"00-{number + 1:032x}-{SPAN}-01"
        assert (await traced.desk.call("read", {"name": "x"}, caller=traced.client(given))).verdict == "ok"
    assert len(traced.named(names.TOOL_CALL)) == 1
    assert [call.traceparent[3:35] for call in traced.desk.upstream.calls] == [f"{n + 1:032x}" for n in range(50)]


async def test_a_call_of_a_run_is_under_its_agent(opening: Opening) -> None:
    traced = await opening(ALL)
    request = traced.desk.request("read", {"name": "x"})
    caller = replace(request.caller, trace_id=TRACE)
    await traced.desk.gateway.call(replace(request, caller=caller))
    call = traced.one(names.TOOL_CALL)
    assert (call.kind, call.trace_id, call.parent) == ("internal", TRACE, span_id_of("a_1"))
    found = {name: call.attributes[name] for name in (names.RUN, names.AGENT_RUN_ID, names.AGENT_NAME, names.STEP)}
    assert found == {names.RUN: "r_1", names.AGENT_RUN_ID: "a_1", names.AGENT_NAME: "ann", names.STEP: request.key}
    assert call.attributes[names.WORKFLOW_NAME] == "team"


async def test_a_run_that_is_not_looked_at_says_so_to_the_tool_server(opening: Opening) -> None:
    traced = await opening(NONE)
    request = traced.desk.request("read", {"name": "x"})
    await traced.desk.gateway.call(replace(request, caller=replace(request.caller, trace_id=TRACE)))
    assert traced.desk.upstream.calls[-1].traceparent == f"00-{TRACE}-{span_id_of(request.key)}-00"
    assert traced.told == []


async def test_what_is_not_bound_to_the_caller_is_not_named(opening: Opening) -> None:
    traced = await opening(ALL)
    outcome = await traced.desk.call(WORDS, {"name": "x"}, server=WORDS, caller=traced.client())
    call = traced.one(names.TOOL_CALL)
    assert (outcome.verdict, call.error) == ("denied", outcome.code)
    assert WORDS not in str(traced.told)


async def test_bad_arguments_are_told_by_their_code(opening: Opening) -> None:
    traced = await opening(ALL)
    outcome = await traced.desk.call("read", {WORDS: WORDS}, caller=traced.client())
    call = traced.one(names.TOOL_CALL)
    assert (call.error, call.attributes[names.TOOL_NAME]) == (outcome.code, "read")
    assert traced.named(names.TOOL_UPSTREAM) == []
    assert WORDS not in str(traced.told)


async def test_a_denial_names_its_rule(opening: Opening) -> None:
    traced = await opening(ALL)
    rule = f'@id("no-reads") @reason("{WORDS}") forbid (principal, action, resource);'
    await traced.desk.declare(policy("p", rule))
    await traced.desk.call("read", {"name": "x"}, caller=traced.client())
    for span in (traced.one(names.TOOL_CALL), traced.one(names.POLICY_CHECK)):
        assert (span.attributes[names.POLICY_EFFECT], span.attributes[names.POLICY_RULES]) == ("deny", ("no-reads",))
    assert traced.one(names.TOOL_CALL).error == "policy_denied"
    assert WORDS not in str(traced.told)


async def test_every_try_is_a_span(opening: Opening) -> None:
    traced = await opening(ALL)
    traced.desk.upstream.flaky["read"] = 1
    await traced.desk.call("read", {"name": "x"}, caller=traced.client())
    first, second = traced.named(names.TOOL_UPSTREAM)
    assert (bool(first.error), second.error) == (True, "")
    told = [call.traceparent[36:52] for call in traced.desk.upstream.calls]
    assert told == [first.span_id, second.span_id]


async def test_an_error_of_the_tool_is_one_of_the_span_and_not_repeated(opening: Opening) -> None:
    traced = await opening(ALL)
    traced.desk.upstream.answers["read"] = text(WORDS, is_error=True)
    await traced.desk.call("read", {"name": "x"}, caller=traced.client())
    assert {traced.one(name).error for name in (names.TOOL_CALL, names.TOOL_UPSTREAM)} == {"tool_error"}
    assert WORDS not in str(traced.told)


async def test_a_call_that_asks_a_person_and_then_happens_is_two_spans(opening: Opening) -> None:
    traced = await opening(ALL)
    request = traced.desk.request("append", {"line": WORDS})
    asked = await traced.desk.approved(request)
    await traced.desk.call("append", {"line": WORDS}, key=request.key, plan_id=asked.id)
    first, second = traced.named(names.TOOL_CALL)
    assert [(one.attributes[names.VERDICT], one.attributes[names.PLAN]) for one in (first, second)] == [
        ("asked", asked.id),
        ("ok", asked.id),
    ]
    assert first.span_id != second.span_id
    assert WORDS not in str(traced.told)


async def test_a_plan_that_a_client_makes_up_is_not_repeated(opening: Opening) -> None:
    traced = await opening(ALL)
    await traced.desk.call("append", {"line": "x"}, plan_id=WORDS, caller=traced.client())
    assert WORDS not in str(traced.told)


async def test_a_try_by_a_person_is_looked_at_too(opening: Opening) -> None:
    traced = await opening(ALL)
    await traced.desk.gateway.dry_run(traced.desk.request("append", {"line": "x"}, caller=traced.client()))
    assert traced.one(names.TOOL_CALL).attributes[names.VERDICT] == "foreseen"


async def test_a_resource_is_read_within_the_trace_without_its_address(opening: Opening) -> None:
    traced = await opening(ALL)
    bound = {"agent": "*", "server": "kit", "resources": [f"x://{WORDS}/*"], "prompts": ["hello"]}
    await traced.desk.declare(
        "apiVersion: swarmstead.dev/v1alpha1\nkind: Binding\nmetadata: {name: more}\nspec: " + str(bound)
    )
    asked: list[tuple[Kind, str, str]] = [
        ("resource", "resources/read", f"x://{WORDS}/1"),
        ("prompt", "prompts/get", "hello"),
    ]
    for kind, method, name in asked:
        request = CallRequest(
            traced.client(GIVEN), "kit", name, {}, f"k-{kind}", root=traced.desk.root, kind=kind, method=method
        )
        outcome = await traced.desk.gateway.call(request)
        assert isinstance(outcome, CallOutcome)
        assert outcome.verdict == "ok"
    calls, legs = traced.named(names.FEATURE_READ), traced.named(names.TOOL_UPSTREAM)
    assert [one.attributes[names.MCP_METHOD] for one in calls] == ["resources/read", "prompts/get"]
    assert [one.attributes.get(names.PROMPT_NAME) for one in calls] == [None, "hello"]
    sent = [params["_meta"]["traceparent"] for _, _, params in traced.desk.upstream.fetches]
    assert sent == [f"00-{TRACE}-{leg.span_id}-01" for leg in legs]
    assert WORDS not in str(traced.told)


async def test_a_call_that_is_cut_is_told(opening: Opening) -> None:
    traced = await opening(ALL)
    hold = traced.desk.upstream.hold("read")
    call = asyncio.create_task(traced.desk.call("read", {"name": "x"}, caller=traced.client()))
    await hold.reached.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert {traced.one(name).error for name in (names.TOOL_CALL, names.TOOL_UPSTREAM)} == {"cancelled"}


async def test_a_call_that_cannot_be_written_is_told(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = await opening(ALL)
    request = traced.desk.request("append", {"line": "x"})
    asked = await traced.desk.gateway.call(request)
    assert isinstance(asked, PlanNeeded)

    async def away(*_: object) -> None:
        raise DatabaseUnavailable(WORDS)

    traced.told.clear()
    monkeypatch.setattr(traced.desk.db, "write", away)
    with pytest.raises(DatabaseUnavailable):
        await traced.desk.gateway.call(replace(request, key="another"))
    assert traced.one(names.TOOL_CALL).error == DatabaseUnavailable.code
    assert WORDS not in str(traced.told)

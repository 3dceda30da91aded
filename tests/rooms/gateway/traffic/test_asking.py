"""While its client is asked, a call holds nothing that others wait for; and what it asks is bounded."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.chain import Call
from swarmstead.gateway.contract import CallOutcome
from swarmstead.gateway.errors import RelayRefused
from swarmstead.gateway.links.asking import Asking, CallRelay
from swarmstead.gateway.links.breaker import Breakers
from swarmstead.gateway.links.load import Load
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.traffic.breaker import BreakerRules, State
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.state import Traffic
from tests.fakes.relays import FakeRelay
from tests.fakes.upstream import Called
from tests.rooms.gateway.traffic.stand import PATIENCE_S, Opened, Stand, bare_call, until

ADA: Mapping[str, Any] = {"action": "accept", "content": {"n": "Ada"}}
FORM: Mapping[str, Any] = {"message": "Who?"}
WIDE = Rate(0, 1)


def limits(**more: Any) -> TrafficLimits:
    rules = BreakerRules(ratio=0.5, calls=4, window_s=30, rest_s=10, rest_max_s=120)
    return TrafficLimits(identity=WIDE, tenant=WIDE, breaker=rules, **more)


class Person(FakeRelay):
    """A client whose person answers when a test says so, each question or all."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[asyncio.Future[Mapping[str, Any]]] = []

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(method)
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self.open.append(answer)
        return await answer

    def answer(self) -> None:
        """To all that is open."""
        for one in self.open:
            if not one.done():
                one.set_result(ADA)

    async def was_asked(self, count: int = 1) -> None:
        """Wait until so many questions have come."""
        await until(lambda: len(self.open) >= count)
        await asyncio.sleep(0)


class Server:
    """A tool server that asks its client `times` at once while `read` is called, and then goes on when it may."""

    def __init__(self, stand: Stand, times: int = 1) -> None:
        self.stand = stand
        self.times = times
        self.heard: list[Any] = []
        self.inside: list[int] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        stand.upstream.during = self

    async def __call__(self, called: Called) -> None:
        relay = self.stand.upstream.relay
        if called.tool == "read" and relay is not None:
            self.heard += await asyncio.gather(*(said(relay) for _ in range(self.times)))
            self.inside.append(self.stand.traffic.totals().in_flight)
            await self.may_go_on.wait()


async def said(relay: Relay, params: Mapping[str, Any] = FORM) -> Any:
    """The answer of the client, or why there is none."""
    try:
        return await relay.ask("elicitation/create", params)
    except RelayRefused as error:
        return error.message


async def test_calls_that_wait_for_a_person_hold_no_slot_of_the_tool_or_the_tenant(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=2, tenant_concurrency=2))
    server, person = Server(stand), Person()
    waiting: list[asyncio.Task[CallOutcome]] = []
    for number in range(1, 41):
        waiting.append(asyncio.create_task(stand.outside(relay=person)))
        await person.was_asked(number)
    totals = stand.traffic.totals()
    assert (totals.in_flight, totals.queued, totals.asking) == (0, 0, 40)
    assert [(await stand.outside(tool)).verdict for tool in ("read", "look")] == ["ok", "ok"]
    person.answer()
    assert {one.verdict for one in await asyncio.gather(*waiting)} == {"ok"}
    assert (server.heard, max(server.inside) <= 2, stand.is_idle()) == ([ADA] * 40, True, True)


async def test_the_answer_reaches_the_server_when_it_is_the_calls_turn(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1))
    server, person = Server(stand), Person()
    waiting = asyncio.create_task(stand.outside(relay=person))
    await person.was_asked()
    server.may_go_on.clear()
    held = stand.holding("look", "read")
    other = asyncio.create_task(stand.outside())
    await held.came(1)
    person.answer()
    await until(lambda: stand.traffic.totals().queued == 1)  # though whoever comes new fails fast
    assert (server.heard, (await stand.outside()).code) == ([], "overloaded")
    held.release()
    await until(lambda: server.heard == [ADA])
    assert stand.traffic.totals().in_flight == 1
    server.may_go_on.set()
    assert ([(await one).verdict for one in (other, waiting)], stand.is_idle()) == (["ok", "ok"], True)


async def test_who_cannot_be_asked_costs_the_call_nothing(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1))
    server = Server(stand)
    assert (await stand.outside(relay=FakeRelay())).verdict == "ok"
    assert (server.heard, server.inside) == (["The client says no."], [1])


async def test_several_questions_are_one_wait_until_the_last_is_answered(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1))
    server, person = Server(stand, times=3), Person()
    waiting = asyncio.create_task(stand.outside(relay=person))
    await person.was_asked(3)
    for answered in person.open[:2]:
        answered.set_result(ADA)
        assert (await stand.outside("read")).verdict == "ok"
    person.answer()
    assert ((await waiting).verdict, server.heard, server.inside) == ("ok", [ADA] * 3, [1])
    assert stand.is_idle()


async def test_a_caller_that_goes_away_meanwhile_leaves_nothing_behind(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1))
    server, person = Server(stand), Person()
    waiting = asyncio.create_task(stand.outside(relay=person))
    await person.was_asked()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (person.open[0].cancelled(), server.heard, stand.is_idle()) == (True, [], True)
    assert (await stand.outside()).verdict == "ok"


async def test_once_the_call_is_over_nobody_is_asked_and_nobody_waits(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1))
    person, late = Person(), list[asyncio.Task[Any]]()

    async def ask_aside(called: Called) -> None:
        assert called.tool == "read"
        relay = stand.upstream.relay
        assert relay is not None
        late.append(asyncio.create_task(said(relay)))
        await person.was_asked()

    stand.upstream.during = ask_aside
    assert (await stand.outside(relay=person)).verdict == "ok"
    relay = stand.upstream.relay
    assert relay is not None
    assert [await late[0], await said(relay)] == ["The call is over."] * 2
    assert (person.open[0].cancelled(), len(person.asked), stand.is_idle()) == (True, 1, True)


async def test_a_call_whose_person_was_asked_is_not_sent_again_by_itself(opened: Opened) -> None:
    stand = await opened(limits(attempts=3))
    Server(stand)
    stand.upstream.flaky["read"] = 1
    person = Person()
    waiting = asyncio.create_task(stand.outside(relay=person))
    await person.was_asked()
    person.answer()
    assert ((await waiting).verdict, person.asked) == ("failed", ["elicitation/create"])
    stand.upstream.flaky["read"] = 1
    assert (await stand.outside()).verdict == "ok"  # one that asked nobody is


async def test_the_time_of_a_person_is_not_the_tools(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    stand = await opened(limits())
    Server(stand)
    person, now = Person(), [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    waiting = asyncio.create_task(stand.outside(relay=person))
    await person.was_asked()
    now[0] += 60
    person.answer()
    await waiting
    calls = stand.traffic.of("acme")["kit"].tools["read"].calls
    assert calls is not None
    assert calls.p50_ms == 0


# Breakers -------------------------------------------------------------------------------------------------------------


async def probing(opened: Opened) -> tuple[Stand, Server, Person, "asyncio.Task[CallOutcome]"]:
    """A tool whose breaker is half open, and its probe waits for a person."""
    stand = await opened(limits(attempts=1))
    stand.upstream.losing["read"] = 4
    for _ in range(4):
        await stand.outside()
    assert (await stand.outside()).code == "upstream_resting"
    stand.ticks.advance(10)
    server, person = Server(stand), Person()
    probe = asyncio.create_task(stand.outside(relay=person))
    await person.was_asked()
    return stand, server, person, probe


def state(stand: Stand) -> State:
    return stand.traffic.of("acme")["kit"].tools["read"].breaker


async def test_a_probe_that_waits_for_a_person_lets_another_call_probe(opened: Opened) -> None:
    stand, _, person, probe = await probing(opened)
    assert state(stand) is State.HALF_OPEN
    assert ((await stand.outside()).verdict, state(stand)) == ("ok", State.CLOSED)
    person.answer()
    assert ((await probe).verdict, state(stand)) == ("ok", State.CLOSED)


async def test_when_the_answer_is_there_it_is_the_probe_again(opened: Opened) -> None:
    stand, server, person, probe = await probing(opened)
    server.may_go_on.clear()
    person.answer()
    await until(lambda: server.heard == [ADA])
    assert (state(stand), (await stand.outside()).code) == (State.PROBING, "upstream_resting")
    server.may_go_on.set()
    assert ((await probe).verdict, state(stand)) == ("ok", State.CLOSED)


async def test_while_another_call_probes_it_goes_on_and_is_not_listened_to(opened: Opened) -> None:
    stand, _, person, probe = await probing(opened)
    held = stand.holding("read")
    other = asyncio.create_task(stand.outside())
    await held.came(1)
    person.answer()
    stand.upstream.losing["read"] = 1
    assert ((await probe).verdict, state(stand)) == ("unknown", State.PROBING)
    held.release()
    assert ((await other).verdict, state(stand)) == ("ok", State.CLOSED)


# Bounds ---------------------------------------------------------------------------------------------------------------


class Alone:
    """A call in the link that counts, before a server that asks as a test says."""

    def __init__(self, cap: int = 1, patience_s: float = PATIENCE_S) -> None:
        self.traffic = Traffic(limits(tool_concurrency=cap))
        self.load = Load(self.traffic, patience_s)
        self.asking = Asking(self.load, Breakers(self.traffic))

    async def call(self, person: Relay, during: Callable[[Relay], Awaitable[Any]], who: str = "k_1") -> Any:
        """One call; what `during` makes of its relay."""
        found: list[Any] = []

        async def proceed(call: Call) -> CallOutcome:
            relay = CallRelay(person, call, self.asking)
            try:
                found.append(await during(relay))
            finally:
                relay.close()
            return CallOutcome("ok")

        await self.load(bare_call(who, run="r_1"), proceed)
        return found[0]


async def test_a_question_and_all_of_a_call_are_bounded_in_bytes() -> None:
    person = Person()

    async def ask(relay: Relay) -> Any:
        large = {"message": "x" * 100_000}
        open_ = [asyncio.create_task(said(relay, large)) for _ in range(2)]
        await person.was_asked(2)
        refused = [await said(relay, {"message": "x" * 140_000}), await said(relay, large)]
        person.answer()
        heard = [await one for one in open_]
        again = asyncio.create_task(said(relay, large))
        await person.was_asked(3)
        person.answer()
        return refused, [*heard, await again]

    refused, heard = await Alone().call(person, ask)
    assert refused == [
        "A question may have 131,072 bytes; this one has 140,014.",
        "The questions of one call that wait may have 262,144 bytes together.",
    ]
    assert (heard, len(person.asked)) == ([ADA] * 3, 3)


async def test_the_open_questions_of_a_call_are_bounded_in_number() -> None:
    person = Person()

    async def ask(relay: Relay) -> Any:
        open_ = [asyncio.create_task(said(relay)) for _ in range(16)]
        await person.was_asked(16)
        refused = await said(relay)
        person.answer()
        return refused, [await one for one in open_]

    refused, heard = await Alone().call(person, ask)
    assert refused == "16 questions of this call wait for answers, which is the most."
    assert heard == [ADA] * 16


async def test_a_question_that_is_no_json_is_refused() -> None:
    person = Person()
    refused = await Alone().call(person, lambda relay: said(relay, {"message": "\ud800"}))
    assert (refused, person.asked) == ("The question cannot be written as JSON.", [])


async def test_without_a_turn_the_server_is_told_and_the_next_answer_tries_again() -> None:
    alone, person = Alone(patience_s=0.01), Person()

    async def ask(relay: Relay) -> Any:
        heard: list[Any] = []
        for _ in range(2):
            one = asyncio.create_task(said(relay))
            await person.was_asked(len(heard) + 1)
            slots = await alone.load.enter(bare_call("other"))
            person.answer()
            heard.append(await one)
            alone.load.leave(slots)
        one = asyncio.create_task(said(relay))
        await person.was_asked(3)
        person.answer()
        return [*heard, await one, alone.traffic.totals().in_flight]

    *refused, heard, inside = await alone.call(person, ask)
    assert all("there is no room to go on" in one for one in refused)
    assert (heard, inside, alone.traffic.totals().in_flight) == (ADA, 1, 0)


@given(
    st.integers(1, 3), st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["answer", "cut", "turn"])), max_size=40)
)
def test_no_slot_is_lost_or_held_twice_however_asking_goes(cap: int, steps: list[tuple[int, str]]) -> None:
    async def run() -> None:
        alone = Alone(cap)
        people = [Person() for _ in range(8)]

        async def ask(relay: Relay) -> Any:
            await asyncio.gather(said(relay), said(relay))
            return await said(relay)

        tasks = [asyncio.create_task(alone.call(one, ask, f"who{n % 3}")) for n, one in enumerate(people)]
        for number, what in steps:
            await asyncio.sleep(0)
            assert alone.traffic.totals().in_flight <= cap
            if what == "cut":
                tasks[number].cancel()
            elif what == "answer" and people[number].open:
                people[number].answer()
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            assert alone.traffic.totals().in_flight <= cap
            for one in people:
                one.answer()
        totals = alone.traffic.totals()
        assert (totals.in_flight, totals.queued, totals.asking) == (0, 0, 0)

    asyncio.run(run())

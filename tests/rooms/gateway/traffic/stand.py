"""A desk with limits of a test's own, on a clock that the test moves, and callers that come in numbers."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from swarmstead.gateway.chain import Answer, Call
from swarmstead.gateway.contract import Caller, CallOutcome, CallRequest, ServerRef, ToolServerSpec
from swarmstead.gateway.model import tool_from
from swarmstead.gateway.offers import Listed
from swarmstead.gateway.schemas.compiled import contract_of
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.gateway.traffic.limits import TrafficLimits
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from tests.clocks import MovableClock, Ticks
from tests.fakes.upstream import TOOLS, Called, Hold
from tests.rooms.gateway.desk import MANIFESTS, Desk

PATIENCE_S = 30
Opened = Callable[[TrafficLimits], Coroutine[Any, Any, "Stand"]]


class Stand:
    """A desk and the clock of its backpressure."""

    def __init__(self, desk: Desk, ticks: Ticks, traffic: Traffic) -> None:
        self.desk = desk
        self.ticks = ticks
        self.traffic = traffic
        self.upstream = desk.upstream

    async def outside(self, tool: str = "read", who: str = "k_1", tenant: str = "acme", **more: Any) -> CallOutcome:
        """A call by a client that is no agent."""
        return await self.desk.call(tool, _arguments(tool), caller=client(who, tenant), **more)

    async def answer(self, tool: str, **more: Any) -> Answer:
        """As `outside`, for what may ask."""
        return await self.desk.gateway.call(self.desk.request(tool, _arguments(tool), caller=client("k_1"), **more))

    async def inside(
        self, tool: str = "read", who: str = "a_1", run: str = "r_1", tenant: str = "acme", **more: Any
    ) -> CallOutcome:
        """A call by an agent inside a run."""
        scope = Scope(tenant, Actor(f"agent:ann@{who}", "agent", "ann"))
        return await self.desk.call(tool, _arguments(tool), caller=Caller(scope, "ann", run, who), **more)

    async def declare(self, limits: str = "", tenant: str = "acme") -> None:
        """The desk's resources with these limits of its tool server, and with `look` for outside clients."""
        text = MANIFESTS.replace("root: repo,", f"root: repo, limits: {{{limits}}},")
        text = text.replace("tools: [read, append]", "tools: [read, look, append]")
        await self.desk.declare(text, Scope(tenant, Actor("system:ada", "system", "ada", frozenset({"system"}))))

    def holding(self, *tools: str) -> "Held":
        """Hold every call of these tools."""
        held = Held(set(tools))
        self.upstream.during = held
        return held

    def is_idle(self) -> bool:
        """Whether no slot is held and nobody waits: nothing has leaked."""
        totals = self.traffic.totals()
        tenants = [gate.used for _, gate in self.traffic.tenants.items()]
        return (totals.in_flight, totals.queued, totals.asking, any(tenants)) == (0, 0, 0, False)


class Held:
    """Calls that wait in the upstream, in the order in which they came."""

    def __init__(self, tools: set[str]) -> None:
        self.tools = tools
        self.holds: list[Hold] = []
        self._came = asyncio.Event()

    async def __call__(self, called: Called) -> None:
        if called.tool not in self.tools:
            return
        hold = Hold()
        self.holds.append(hold)
        self._came.set()
        await hold.released.wait()

    async def came(self, count: int) -> None:
        """Wait until so many calls have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.holds) < count:
                self._came.clear()
                await self._came.wait()

    def release(self) -> None:
        """Let all go on, and hold no more."""
        self.tools = set[str]()
        for hold in self.holds:
            hold.release()


async def until(condition: Callable[[], bool]) -> None:
    """Give way to others until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what a gate holds is looked at; it tells nobody
            await asyncio.sleep(0)


def make(database: Database, clock: MovableClock, signals: Signals, folder: Path, limits: TrafficLimits) -> Stand:
    """A stand without resources."""
    ticks = Ticks()
    traffic = Traffic(limits, clock=ticks, sleep=ticks.sleep, chance=lambda: 0.0)
    return Stand(Desk(database, clock, signals, folder, traffic), ticks, traffic)


def client(who: str, tenant: str = "acme") -> Caller:
    """A caller from outside."""
    return Caller(Scope(tenant, Actor(f"key:{who}", "user", who, frozenset({"operator"}))))


def bare_call(who: str, tool: str = "read", run: str = "") -> Call:
    """A call as the links see it that come after the tool is known."""
    spec = ToolServerSpec("stdio", ("kit",))
    definition = next(one for one in TOOLS if one["name"] == tool)
    made = tool_from("kit", spec, definition)
    listed = Listed(made, contract_of(made, ContractLimits()))
    caller = replace(client(who), run=run)
    return Call(CallRequest(caller, "kit", tool, {}, "key"), ServerRef("kit", spec), listed)


def _arguments(tool: str) -> dict[str, str]:
    return {"line": "one"} if tool in ("append", "look", "note") else {"name": "x"} if tool in ("read", "put") else {}

"""How many at a time: gates per tool and per tenant, and what happens to a call for which there is no room.

The gate of the tool comes first: what waits for a slow tool holds nothing of the tenant's, so that tool cannot keep the
others from being called. A tenant's gate is its own, so it cannot keep other tenants from anything.
"""

from swarmstead.gateway.chain import Answer, Call, Next, Progress
from swarmstead.gateway.errors import Overloaded, Shed
from swarmstead.gateway.traffic.gate import Gate, Slots
from swarmstead.gateway.traffic.limits import weight_of
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.gateway.traffic.turns import turn
from swarmstead.telemetry.contract import call_waited

_SHED_FROM = 0.5
_SOON_S = 1.0


class Load:
    """Lets a call in, has it wait, or refuses it.

    Inside a run `fail-fast` waits too: nobody is there who could try again later.

    Invariants: a slot is held from the moment it is given until the call has ended, however it ends, but for the time
    in which its client is asked (`links/asking.py`).
    Cost: about 1.5 us while there is room.
    """

    def __init__(self, traffic: Traffic, patience_s: float) -> None:
        self.traffic = traffic
        self._patience_s = patience_s

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        call.progress.slots = await self.enter(call)
        try:
            return await proceed(call)
        finally:
            self.give_back(call.progress)

    def give_back(self, held: Progress) -> None:
        """What a call holds goes to whoever waits. Doing it twice changes nothing."""
        slots, held.slots = held.slots, None
        if slots is not None:
            self.leave(slots)

    async def enter(self, call: Call, *, back: bool = False) -> Slots:
        """A slot of the tool and one of the tenant, to be given back with `leave`. Fails: Overloaded, Shed.

        `back`: the call was let in before, and waits in turn whatever the overload policy and however many wait.
        """
        traffic, request = self.traffic, call.request
        tenant = request.caller.scope.tenant
        limits = call.place.spec.limits
        if not back and (limits.overload or traffic.limits.overload) == "shed":
            self._shed(call)
        of_tool = traffic.tools[tenant, request.server, request.tool]
        of_tool.cap = limits.concurrency or traffic.limits.tool_concurrency
        if not of_tool.enter():
            await self._wait(call, of_tool, f"{of_tool.cap} calls of {request.tool!r}", back=back)
        try:
            of_tenant = traffic.tenants[tenant]
            of_tenant.cap = traffic.limits.tenant_concurrency
            if not of_tenant.enter():
                await self._wait(call, of_tenant, f"{of_tenant.cap} calls of this tenant", back=back)
        except BaseException:
            of_tool.leave(traffic.clock())
            raise
        return of_tool, of_tenant

    def leave(self, slots: Slots) -> None:
        """Give slots back; they go to whoever waits."""
        now = self.traffic.clock()
        for gate in slots:
            gate.leave(now)

    async def _wait(self, call: Call, gate: Gate, full: str, *, back: bool) -> None:
        """Wait for a slot of a gate; it is ours when this returns. Fails: Overloaded."""
        traffic, limits = self.traffic, call.place.spec.limits
        room, patience_s = (gate.waiting + 1, self._patience_s) if back else self._room(call)
        if not room:
            raise self._refusal(call, Overloaded(f"Denied: {full} are under way, which is the most."), _SOON_S)
        started = traffic.clock()
        try:
            if not await turn(gate, call.request.caller.scope.actor.id, room, patience_s, traffic.clock):
                raise self._refusal(call, Overloaded(f"Denied: {full} are under way, and {room} more wait."), _SOON_S)
        except TimeoutError as error:
            refused = Overloaded(f"Denied: {full} are under way, and none ended within {patience_s:g} s.")
            raise self._refusal(call, refused, limits.queue_wait_s or _SOON_S) from error
        call_waited("queue", traffic.clock() - started)

    def _room(self, call: Call) -> tuple[int, float]:
        """How many may wait, and for how many seconds."""
        limits, defaults = call.place.spec.limits, self.traffic.limits
        room = defaults.queue if limits.queue is None else limits.queue
        if call.request.caller.run:
            return room, self._patience_s
        if (limits.overload or defaults.overload) == "fail-fast":
            return 0, 0.0
        return room, defaults.queue_wait_s if limits.queue_wait_s is None else limits.queue_wait_s

    def _shed(self, call: Call) -> None:
        """From half of the tenant's cap on, ever lighter calls only. Fails: Shed."""
        cap = self.traffic.limits.tenant_concurrency
        left = (1 - self.traffic.tenants[call.request.caller.scope.tenant].inside / cap) / (1 - _SHED_FROM)
        weight = 1 if call.tool is None else weight_of(call.place.spec, call.tool)
        if left < 1 and weight > max(1.0, 100 * left):
            raise self._refusal(
                call, Shed(f"Denied: the load is high, and {call.request.tool!r} is a heavy call ({weight})."), _SOON_S
            )

    def _refusal(self, call: Call, error: Overloaded, wait: float) -> Overloaded:
        self.traffic.refused(call.request.caller.scope.tenant, call.request.server, error.code)
        error.way_out = f"Try again in {wait:g} s, or have spec.limits of the ToolServer raised."
        error.extra["retry_after_s"] = wait
        return error

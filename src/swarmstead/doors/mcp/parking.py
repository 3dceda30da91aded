"""Calls that wait for their client, in the era without sessions.

A tool server of the older era asks in the middle of a call, and a client of the newer one can be asked only by an
answer: `input_required`, with what is asked and a state. The call goes on waiting here; the client comes back with the
same request, the answers and the state, and gets what the call has come to: its result, or the next question.

The state is a name for the call in this process's memory, good for the caller that got it and for the same request.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from swarmstead.doors.mcp.places import Place, Places
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, Params, RpcError
from swarmstead.doors.mcp.relays import NEEDS, PATIENCE_S, ClientRelay
from swarmstead.gateway.errors import RelayRefused
from swarmstead.kernel.scope import Scope

METHODS = frozenset({"tools/call", "prompts/get", "resources/read"})
"""What may be answered with a question."""
_STATE = "swarmstead/waits/"
_OF_THE_ANSWER = ("_meta", "inputResponses", "requestState")
_LINGER_S = 60.0

Result = Mapping[str, Any]


class HeldRelay:
    """Satisfies `gateway.contract.Relay` for one call, whichever of its client's requests waits for it now."""

    def __init__(self, front: ClientRelay, place: Place) -> None:
        self.front: ClientRelay | None = front
        self.asked = asyncio.Event()
        self.place = place
        self._capabilities = front.capabilities
        self._open: dict[str, tuple[Result, asyncio.Future[Result]]] = {}
        self._count = 0

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client says that it can do."""
        return self._capabilities

    @property
    def questions(self) -> dict[str, Result]:
        """What is asked and not answered yet, by name."""
        return {name: request for name, (request, _) in self._open.items()}

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass a notification on to the request that waits now; while none does, nobody is told."""
        if self.front is not None:
            self.front.notify(method, params)

    def hang_up(self) -> None:
        """Nothing: a client of this era cannot come back to a stream."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have the client told of the question, and wait until it comes back with the answer. Fails: RelayRefused."""
        need = NEEDS.get(method)
        if need is None or need not in self._capabilities:
            raise RelayRefused(f"This client cannot be asked for {method[:100]!r}.")
        self.place.take()
        self._count += 1
        name, answer = f"{need}-{self._count}", asyncio.get_running_loop().create_future()
        self._open[name] = ({"method": method, "params": params}, answer)
        self.asked.set()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await answer
        except TimeoutError as error:
            raise RelayRefused("The client did not answer in time.") from error
        finally:
            self._open.pop(name, None)

    def supply(self, responses: Params) -> None:
        """The client's answers, by the names of the questions. Others are dropped; what is left out is asked again."""
        for name, response in responses.items():
            _, answer = self._open.pop(name, (None, None))
            if answer is not None and not answer.done() and isinstance(response, dict):
                answer.set_result(cast("Params", response))


@dataclass(frozen=True, slots=True)
class _Waiting:
    owner: Scope
    """With what its credential was good for: who is good for less, or for more, is another one."""
    request: tuple[str, Params]
    relay: HeldRelay
    task: "asyncio.Task[Result]"
    forgetting: asyncio.TimerHandle


class Parking:
    """The calls of this process that wait for their clients to come back.

    Invariants: each of them has a place. It has had it since its first question, so that calls that race cannot be more
    than there are places, and gives it back when what it has come to is handed on, or nobody has come for it.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._waiting: dict[str, _Waiting] = {}

    def relay(self, scope: Scope, front: ClientRelay) -> HeldRelay:
        """A relay for a call that may have to wait."""
        return HeldRelay(front, Place(self._places, scope))

    async def begin(
        self, scope: Scope, method: str, params: Params, relay: HeldRelay, work: Awaitable[Result]
    ) -> Result:
        """What a call comes to first: its result, or a question. Fails: RpcError."""
        return await self._until(scope, (method, _same(params)), relay, asyncio.ensure_future(work))

    async def go_on(self, scope: Scope, method: str, params: Params, front: ClientRelay) -> Result:
        """What a call comes to next, with the client's answers. Fails: RpcError."""
        state = str(params.get("requestState"))
        found = self._waiting.get(state)
        request = (method, _same(params))
        if found is None or found.owner != scope or found.request != request:
            raise RpcError(INVALID_PARAMS, "What was asked is over, or was asked of another request. Call again.")
        del self._waiting[state]
        found.forgetting.cancel()
        found.relay.front = front
        responses = params.get("inputResponses")
        found.relay.supply(cast("Params", responses) if isinstance(responses, dict) else {})
        return await self._until(found.owner, request, found.relay, found.task)

    async def _until(
        self, owner: Scope, request: tuple[str, Params], relay: HeldRelay, task: "asyncio.Task[Result]"
    ) -> Result:
        try:
            await _over_or_asking(relay, task)
        except asyncio.CancelledError:
            task.cancel()
            relay.place.close()
            raise
        if task.done():
            relay.place.close()
            return task.result()
        relay.front = None
        state = f"{_STATE}{secrets.token_urlsafe(18)}"
        forgetting = asyncio.get_running_loop().call_later(PATIENCE_S + _LINGER_S, self._forget, state)
        self._waiting[state] = _Waiting(owner, request, relay, task, forgetting)
        task.add_done_callback(_seen)
        return {"resultType": "input_required", "inputRequests": relay.questions, "requestState": state}

    def _forget(self, state: str) -> None:
        found = self._waiting.pop(state, None)
        if found is not None:
            found.task.cancel()
            found.relay.place.close()


def waits(params: Params) -> bool:
    """Whether a request is the continuation of a call that waits here."""
    state = params.get("requestState")
    return isinstance(state, str) and state.startswith(_STATE)


def _same(params: Params) -> Params:
    """What has to be the same when a client comes back."""
    return {name: value for name, value in params.items() if name not in _OF_THE_ANSWER}


async def _over_or_asking(relay: HeldRelay, task: "asyncio.Task[Result]") -> None:
    while not task.done() and not relay.questions:
        relay.asked.clear()
        asked = asyncio.create_task(relay.asked.wait())
        try:
            await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()


def _seen(task: "asyncio.Task[Result]") -> None:
    """Take note of how it ended: asyncio complains when nobody looks."""
    if not task.cancelled():
        task.exception()

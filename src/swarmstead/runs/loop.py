"""The agent turn loop: think, act, repeat, until the model says it is done.

Theory of operation. The loop is an ordinary coroutine that may be started again at any time, by the durable engine
after a crash or by itself after the database was away. It holds no state that matters: what it did stands in the
journal, one row per step under a key made of agent run, turn and index, written in the transaction that also holds the
step's events, spend and audit. A step whose row has an output is not done again; its output is read instead. So the
loop replays to where it was, and goes on.

Invariants:
- Everything that is not a function of the journal happens inside a step.
- A step is either repeatable (a model call, a read, an idempotent tool) or marked as attempted on disk before it
  starts; one found attempted and without outcome is never repeated unasked.

Cost: three commits a turn (reserve; reply and settle; tool result), measured by `make bench` (`bench/ours.py`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from swarmstead.kernel.errors import SteadError
from swarmstead.models.contract import Message, ModelReply, ToolSpec
from swarmstead.runs.errors import RunCancelled, TurnsUsedUp, as_data
from swarmstead.runs.steps.context import AWAY, PARALLEL_READS, AgentContext
from swarmstead.runs.steps.delegation import DELEGATE, Delegation, delegate_spec
from swarmstead.runs.steps.thinking import Thinking
from swarmstead.runs.steps.toolcalls import ToolCalls
from swarmstead.runs.steps.words import last_words


@dataclass(frozen=True, slots=True)
class Ending:
    """How an agent's work ended. `outcome` is its answer."""

    status: Literal["succeeded", "failed", "cancelled"]
    outcome: str = ""
    error: Mapping[str, Any] | None = None


class AgentLoop:
    """One agent run's loop over its journal."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context
        self._thinking = Thinking(context)
        self._delegation = Delegation(context)
        self._toolcalls = ToolCalls(context)

    async def work(self) -> Ending:
        """Go on until the agent is done. Fails: storage errors and JournalMoved; then begin again."""
        try:
            return await self._turns()
        except RunCancelled:
            return Ending("cancelled", "Cancelled with its run." if self._context.parent else "Cancelled by a person.")
        except AWAY:
            raise
        except SteadError as error:
            return Ending("failed", "", as_data(error))

    async def _turns(self) -> Ending:
        agent = self._context.planned
        messages = opening(self._context)
        tools = offered(self._context)
        for turn in range(1, agent.max_turns + 1):
            reply = await self._thinking.think(turn, messages, tools)
            messages.append(Message("assistant", reply.text, reply.tool_calls))
            if not reply.tool_calls:
                return Ending("succeeded", last_words(agent.name, reply, acted=turn > 1))
            messages += await self._act(turn, reply)
        raise TurnsUsedUp(
            f"{agent.name} asked its model {agent.max_turns} times without coming to an end.",
            way_out="Raise spec.max_turns of the agent, or make its task smaller.",
        )

    async def _act(self, turn: int, reply: ModelReply) -> list[Message]:
        """Do what the model asked for; the answers come in the order of the calls.

        Children are started one after the other, then everything that only waits or reads runs side by side; side
        effects run alone, in order.
        """
        calls = reply.tool_calls
        children: dict[int, str] = {}
        answers: dict[int, Message] = {}
        for index, call in enumerate(calls):
            if call.name == DELEGATE and self._context.is_coordinator:
                child = await self._delegation.start(turn, index, call)
                if isinstance(child, Message):
                    answers[index] = child
                else:
                    children[index] = child
        rest = [index for index in range(len(calls)) if index not in children and index not in answers]
        side_by_side = [index for index in rest if self._toolcalls.is_read(calls[index])]
        limit = asyncio.Semaphore(PARALLEL_READS)
        announced = set(side_by_side[:PARALLEL_READS])

        async def read(index: int) -> Message:
            async with limit:
                return await self._toolcalls.call(turn, index, calls[index], waited=index not in announced)

        waits = [self._delegation.result(turn, index, calls[index], child) for index, child in children.items()]
        reads = [read(index) for index in side_by_side]
        found = await _all_or_first_error([*waits, *reads])
        answers |= dict(zip([*children, *side_by_side], found, strict=True))
        for index in rest:
            if index not in answers:
                answers[index] = await self._toolcalls.call(turn, index, calls[index])
        return [answers[index] for index in range(len(calls))]


async def _all_or_first_error(work: Sequence[Any]) -> list[Message]:
    """Gather; on an error let the others come to an end before it is raised, so that no step is left half watched."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def opening(context: AgentContext) -> list[Message]:
    """What every conversation of this agent begins with."""
    return [Message("system", context.planned.instructions), Message("user", context.task)]


def offered(context: AgentContext) -> tuple[ToolSpec, ...]:
    """The tools that the model is told of: what the plan pins, and for a coordinator the means to delegate."""
    tools = [
        ToolSpec(f"{tool.server}__{tool.name}", tool.description, tool.input_schema)
        for tool in context.planned.tools
        if tool.verdict != "deny" or tool.conditional  # arguments or the hour may make it another one
    ]
    if context.is_coordinator and context.members:
        tools.append(delegate_spec(context.members))
    return tuple(tools)

"""The delegate step: a task goes to another agent, whose own loop is a child; who, to whom, why, and the outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.hashing import sha256_hex
from swarmstead.models.contract import Message, ToolCall, ToolSpec
from swarmstead.runs import records
from swarmstead.runs.contract import ENDED, PlannedAgent, agent_topic
from swarmstead.runs.errors import RunCancelled
from swarmstead.runs.events import emit
from swarmstead.runs.steps.context import AgentContext
from swarmstead.runs.tables import agent_runs
from swarmstead.storage.database import Tx
from swarmstead.storage.sql import SharedNow

DELEGATE = "delegate"
_MOST_TASK = 200_000


def delegate_spec(members: Sequence[PlannedAgent]) -> ToolSpec:
    """Delegation as a tool of the coordinator's model."""
    about = "; ".join(f"{member.name}: {member.description or 'no description'}" for member in members)
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["agent", "task", "why"],
        "properties": {
            "agent": {"type": "string", "enum": [member.name for member in members]},
            "task": {
                "type": "string",
                "minLength": 1,
                "maxLength": _MOST_TASK,
                "description": "What it is to do, complete.",
            },
            "why": {"type": "string", "maxLength": 1000, "description": "Why this agent; people read it."},
        },
    }
    return ToolSpec(DELEGATE, f"Give a task to another agent and get its answer. Agents: {about}", schema)


def child_id(step: str) -> str:
    """The id of the agent run that a delegate step starts: a function of the step, so starting twice starts once."""
    return f"a_{sha256_hex(step.encode())[:24]}"


class Delegation:
    """Starts children of one agent run and waits for them."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context

    async def start(self, turn: int, index: int, call: ToolCall) -> str | Message:
        """Start the child of this step, or let it go on; its id. A fault in the call is an answer to the model."""
        context = self._context
        key = context.key(turn, str(index))
        recorded = context.journal.get(key)
        if recorded is not None and recorded.output is not None:
            return _message(call, recorded.output)
        fault = self._fault(call.arguments)
        if fault:
            return await self._refuse(key, call, fault)
        await context.safe_point(key)
        child = child_id(key)
        status = await context.hands.db.write(lambda tx: self._open(tx, key, child, call.arguments))
        if status is None:
            most = context.max_agents
            return await self._refuse(key, call, f"This run has started {most} agents, which is as many as it may.")
        if status == "queued":
            await context.engine.start(child)
        return child

    async def result(self, turn: int, index: int, call: ToolCall, child: str) -> Message:
        """Wait for the child to end; its outcome as the model reads it. Fails: RunCancelled."""
        context, hands = self._context, self._context.hands
        query = sa.select(agent_runs).where(agent_runs.c.id == child)

        async def ended() -> sa.Row[Any] | None:
            row = await hands.db.read(lambda conn: conn.execute(query).one())
            return row if row.status in ENDED else None

        # Not cut by a cancel: the child notices it too, and the tree ends from its leaves.
        row = await hands.signals.until(agent_topic(child), ended)
        if row.status == "cancelled":
            raise RunCancelled
        output = _output(row)
        await hands.db.write(lambda tx: self._close(tx, context.key(turn, str(index)), row.status, output))
        return _message(call, output)

    def _fault(self, arguments: Mapping[str, Any]) -> str:
        names = [member.name for member in self._context.members]
        if not names:
            return "This swarm has no members to delegate to."
        if arguments.get("agent") not in names:
            return f"There is no agent {arguments.get('agent')!r} to delegate to; there are {', '.join(names)}."
        task = arguments.get("task")
        if not isinstance(task, str) or not 0 < len(task) <= _MOST_TASK:
            return f"A delegation needs a task: a text of 1 to {_MOST_TASK} characters."
        return ""

    def _open(self, tx: Tx, key: str, child: str, arguments: Mapping[str, Any]) -> str | None:
        """The child's status, stored if it was not; None when the run has as many agents as it may."""
        context, hands = self._context, self._context.hands
        agent = next(member for member in context.members if member.name == arguments["agent"])
        agents = sa.select(agent_runs.c.id, agent_runs.c.status).where(agent_runs.c.run == context.run)
        in_run = {row.id: str(row.status) for row in tx.conn.execute(agents)}
        if child in in_run:
            return in_run[child]
        if len(in_run) >= context.max_agents:
            return None
        row: dict[str, Any] = {
            "id": child,
            "tenant": context.scope.tenant,
            "run": context.run,
            "parent": context.agent_run,
            "parent_step": key,
            "depth": context.depth + 1,
            "task": arguments["task"],
            "why": str(arguments.get("why", ""))[:1000],
        }
        tx.conn.execute(agent_runs.insert().values(row | new_agent_run(agent, hands.clock.now_ms())))
        records.change_step(tx, key, {"status": "running", "summary": f"Gave a task to {agent.name}"})
        data = {"from": context.agent_run, "to": child, "agent": agent.name, "why": row["why"]}
        emit(tx, "agent.delegated", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)
        return "queued"

    def _close(self, tx: Tx, key: str, status: str, output: Mapping[str, Any]) -> None:
        hands = self._context.hands
        stored = records.stored(tx, self._context.scope.tenant, hands.clock, dict(output))
        records.change_step(tx, key, {"status": status, "output": stored, "finished_at": hands.clock.now_ms()})

    async def _refuse(self, key: str, call: ToolCall, fault: str) -> Message:
        output = {"text": fault, "is_error": True, "verdict": "denied"}
        await self._context.hands.db.write(lambda tx: self._close(tx, key, "denied", output))
        return _message(call, output)


def new_agent_run(agent: PlannedAgent, now: int) -> dict[str, Any]:
    """The columns that every new agent run begins with."""
    return {
        "agent": agent.name,
        "digest": agent.digest,
        "model": agent.model,
        "model_kind": agent.model_kind,
        "status": "queued",
        "outcome": "",
        "error": None,
        "turns": 0,
        "spent_micros": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "created_at": SharedNow(now),  # whoever looks for what was never begun may be another worker
        "started_at": None,
        "finished_at": None,
    }


def _output(row: sa.Row[Any]) -> dict[str, Any]:
    if row.status == "succeeded":
        return {"text": row.outcome, "is_error": False, "verdict": "ok"}
    error: Mapping[str, Any] = row.error or {}
    return {
        "text": f"{row.agent} failed: {error.get('message', 'no reason was given')}",
        "is_error": True,
        "verdict": "failed",
    }


def _message(call: ToolCall, output: Mapping[str, Any]) -> Message:
    return Message("tool", str(output["text"]), tool_call_id=call.id, is_error=bool(output["is_error"]))

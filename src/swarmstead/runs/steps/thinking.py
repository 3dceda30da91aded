"""The model step: reserve, ask, settle."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from swarmstead.budgets.contract import Account
from swarmstead.budgets.errors import BudgetReached
from swarmstead.kernel.clock import utc_day
from swarmstead.kernel.errors import SteadError
from swarmstead.models.contract import Message, ModelReply, ModelRequest, ToolCall, ToolSpec, Usage
from swarmstead.runs import records
from swarmstead.runs.errors import JournalMoved, RunCancelled, StepFailed, as_data
from swarmstead.runs.events import emit
from swarmstead.runs.steps.context import AgentContext
from swarmstead.runs.tables import agent_runs
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared
from swarmstead.telemetry.contract import model_called

_WAITS_FOR_ROOM = 120
_WAIT_S = 0.25
_LEASE_MARGIN_MS = 60_000
_TURN = sa.bindparam("turn", type_=agent_runs.c.turns.type)
_ADD_USAGE = Prepared(
    agent_runs.update()
    .where(agent_runs.c.id == sa.bindparam("of"))
    .values(
        spent_micros=agent_runs.c.spent_micros + sa.bindparam("spent"),
        input_tokens=agent_runs.c.input_tokens + sa.bindparam("read"),
        output_tokens=agent_runs.c.output_tokens + sa.bindparam("written"),
        turns=sa.case((agent_runs.c.turns < _TURN, _TURN), else_=agent_runs.c.turns),
    )
)


class Thinking:
    """Asks the agent's model, once per turn."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context

    async def think(self, turn: int, messages: Sequence[Message], tools: tuple[ToolSpec, ...]) -> ModelReply:
        """The reply of this turn: from the journal, or from the model.

        Fails: RunCancelled, DeadlinePassed, BudgetReached, models.errors; all but the first end the agent.
        """
        context = self._context
        key = context.key(turn, "model")
        recorded = context.journal.get(key)
        if recorded is not None and recorded.output is not None:
            return decode_reply(recorded.output)
        if recorded is not None and recorded.error is not None:
            raise StepFailed(**recorded.error)  # it had failed; only the end of the agent was not written yet
        await context.safe_point(key)
        request = ModelRequest(context.planned.name, tuple(messages), tools, context.model.max_output_tokens)
        estimate = context.hands.thinker.estimate(context.model, request)
        attempt = recorded.attempts + 1 if recorded else 1
        with context.hands.drain.at_work(context.agent_run):
            return await self._ask(key, turn, attempt, estimate, request)

    async def _ask(self, key: str, turn: int, attempt: int, estimate: int, request: ModelRequest) -> ModelReply:
        """Reserve, ask, settle; whatever comes of it is written down."""
        context = self._context
        lease = await self._reserve(key, turn, attempt, estimate)
        try:
            reply = await context.control.unless_cancelled(context.hands.thinker.request(context.model, request))
        except RunCancelled:
            # The provider may bill what it had begun, so the whole estimate is charged.
            await context.write_patiently(lambda tx: self._fail(tx, key, lease, estimate, "cancelled", None))
            raise
        except SteadError as fault:
            error = fault
            await context.write_patiently(lambda tx: self._fail(tx, key, lease, 0, "failed", error))
            raise
        spent = context.hands.thinker.cost(context.model, reply)
        await context.write_patiently(lambda tx: self._settle(tx, key, turn, lease, reply, spent, attempt))
        return reply

    async def _reserve(self, key: str, turn: int, attempt: int, estimate: int) -> str:
        """Hold the estimate and open the step, in one transaction.

        Waits, bounded, when only others' reservations are in the way.
        """
        hands = self._context.hands
        if attempt > 1:
            await hands.db.write(lambda tx: self._charge_lost(tx, key, attempt - 1, estimate))
        lease = _lease(key, attempt)
        for left in range(_WAITS_FOR_ROOM, -1, -1):
            try:
                await hands.db.write(lambda tx: self._open(tx, key, turn, attempt, lease, estimate))
            except BudgetReached as error:
                if not error.only_reserved or left == 0:
                    raise
                await asyncio.sleep(_WAIT_S)
                await self._context.safe_point(key)
            else:
                break
        return lease

    def _charge_lost(self, tx: Tx, key: str, attempt: int, estimate: int) -> None:
        """An earlier attempt was in flight when its process ended: the provider may have answered, and bills then."""
        if self._context.hands.ledger.settle(tx, _lease(key, attempt), estimate):
            _add_usage(tx, self._context.agent_run, estimate, Usage(), 0)

    def _open(self, tx: Tx, key: str, turn: int, attempt: int, lease: str, estimate: int) -> None:
        context, hands = self._context, self._context.hands
        life = context.model.timeout_s * 1000 + _LEASE_MARGIN_MS
        hands.ledger.reserve(tx, context.scope.tenant, hands.clock, lease, self._accounts(), estimate, life)
        if attempt == 1:
            row = context.step_row(key, turn, "model", context.planned.model, status="running", attempts=1)
            records.open_steps(tx, [row])
        elif not records.change_step(tx, key, {"status": "running", "attempts": attempt}):
            raise JournalMoved(key)
        data = {
            "agent_run": context.agent_run,
            "agent": context.planned.name,
            "turn": turn,
            "reserved_micros": estimate,
        }
        emit(tx, "turn.started", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)

    def _accounts(self) -> list[Account]:
        context, hands = self._context, self._context.hands
        day = utc_day(hands.clock.now_ms())
        return [
            Account(f"run/{context.run}", context.budget_micros, "run"),
            Account(f"user/{context.launched_by}/{day}", hands.user_day_cap, "user's daily"),
            Account(f"tenant/{day}", hands.tenant_day_cap, "tenant's daily"),
        ]

    def _fail(self, tx: Tx, key: str, lease: str, spent: int, status: str, error: SteadError | None) -> None:
        context, hands = self._context, self._context.hands
        hands.ledger.settle(tx, lease, spent)
        values: dict[str, Any] = {"status": status, "finished_at": hands.clock.now_ms(), "spent_micros": spent}
        if error is not None:
            values["error"] = as_data(error)
        records.change_step(tx, key, values)
        _add_usage(tx, context.agent_run, spent, Usage(), 0)
        tx.after_commit(lambda: model_called(context.planned.model_kind, status, spent, 0, 0))
        data = {
            "agent_run": context.agent_run,
            "status": status,
            "spent_micros": spent,
            "code": error.code if error else "",
        }
        emit(tx, "model.called", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)

    def _settle(self, tx: Tx, key: str, turn: int, lease: str, reply: ModelReply, spent: int, attempt: int) -> None:
        context, hands = self._context, self._context.hands
        hands.ledger.settle(tx, lease, spent)
        output = records.stored(tx, context.scope.tenant, hands.clock, encode_reply(reply))
        values: dict[str, Any] = {
            "status": "succeeded",
            "output": output,
            "summary": summary_of(reply),
            "attempts": attempt + reply.attempts - 1,
            "spent_micros": spent,
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "finished_at": hands.clock.now_ms(),
        }
        if not records.change_step(tx, key, values):
            raise JournalMoved(key)
        self._announce(tx, turn, reply.tool_calls)
        _add_usage(tx, context.agent_run, spent, reply.usage, turn)
        tokens = reply.usage.input_tokens, reply.usage.output_tokens
        tx.after_commit(lambda: model_called(context.planned.model_kind, "succeeded", spent, *tokens))
        data = {
            "agent_run": context.agent_run,
            "agent": context.planned.name,
            "turn": turn,
            "status": "succeeded",
            "model": reply.model,
            "model_kind": context.planned.model_kind,
            "spent_micros": spent,
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "calls": [call.name for call in reply.tool_calls],
        }
        emit(tx, "model.called", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)

    def _announce(self, tx: Tx, turn: int, calls: Sequence[ToolCall]) -> None:
        """Open the steps that the reply asks for, in the same commit: they show before they start."""
        context = self._context
        risk = {f"{tool.server}__{tool.name}": tool.risk for tool in context.planned.tools}
        rows: list[dict[str, Any]] = []
        for index, call in enumerate(calls):
            kind = "delegate" if call.name == "delegate" and context.is_coordinator else "tool"
            # Reads begin at once and leave no mark of their own; whatever else has to wait for its turn.
            status = "running" if risk.get(call.name) == "read" else "queued"
            row = context.step_row(context.key(turn, str(index)), turn, kind, call.name[:263], status=status)
            arguments = records.stored(tx, context.scope.tenant, context.hands.clock, dict(call.arguments))
            rows.append(row | {"risk": risk.get(call.name, ""), "input": arguments})
        if rows:
            records.open_steps(tx, rows)


def _lease(key: str, attempt: int) -> str:
    """The name of an attempt's reservation: whoever goes on after a crash knows it."""
    return f"{key}#{attempt}"


def _add_usage(tx: Tx, agent_run: str, spent: int, usage: Usage, turn: int) -> None:
    used = {"spent": spent, "read": usage.input_tokens, "written": usage.output_tokens, "turn": turn}
    _ADD_USAGE.run(tx.conn, {"of": agent_run} | used)


def summary_of(reply: ModelReply) -> str:
    """One line for people: what was decided, never how it was thought."""
    if reply.tool_calls:
        return "Asked for " + ", ".join(call.name.replace("__", "/") for call in reply.tool_calls[:6])
    first = reply.text.strip().splitlines()[0] if reply.text.strip() else ""
    return first[:200] or "Answered with nothing"


def encode_reply(reply: ModelReply) -> dict[str, Any]:
    """A reply as the journal holds it."""
    return asdict(reply)


def decode_reply(stored: dict[str, Any]) -> ModelReply:
    """The reply that `encode_reply` was given."""
    calls = tuple(ToolCall(call["id"], call["name"], call["arguments"]) for call in stored["tool_calls"])
    usage = Usage(**stored["usage"])
    return ModelReply(stored["text"], calls, usage, stored["finish"], stored["model"], stored["attempts"])

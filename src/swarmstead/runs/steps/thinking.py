"""The model step: reserve, ask, settle.

A reservation covers one answer. When an attempt has used tokens and gave none, it is settled with what it cost, and
the next attempt is sent on a reservation of its own, or not at all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from swarmstead.budgets.contract import Account
from swarmstead.budgets.errors import BudgetReached
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.money import usd_text
from swarmstead.models.contract import Message, ModelReply, ModelRequest, ToolCall, ToolSpec, Usage
from swarmstead.models.errors import usage_of
from swarmstead.runs import allowance, records
from swarmstead.runs.errors import JournalMoved, RunCancelled, StepFailed, as_data
from swarmstead.runs.events import emit
from swarmstead.runs.steps.context import PARALLEL_READS, AgentContext, Hands
from swarmstead.runs.steps.words import line_of, overrun
from swarmstead.runs.tables import agent_runs
from swarmstead.runs.traces import TurnSpans
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared
from swarmstead.telemetry.contract import model_called

log = logging.getLogger(__name__)
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


@dataclass(slots=True)
class _Asked:
    """A question to a model: which reservation it stands on now, and what is booked for the attempts before.

    `over` is the part of that beyond what was reserved; `lost` what is charged for those that a crash has cut.
    """

    key: str
    turn: int
    estimate: int
    attempt: int
    booked: int = 0
    over: int = 0
    lost: int = 0
    used: Usage = field(default_factory=Usage)

    @property
    def lease(self) -> str:
        """The reservation that this attempt stands on."""
        return _lease(self.key, self.attempt)

    def beyond(self, spent: int) -> int:
        """How far it is beyond its reservations if all its attempts have cost so much."""
        return self.over + max(0, spent - self.booked - self.estimate)


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
        if recorded is not None and recorded.error is not None:
            raise StepFailed(**recorded.error)  # it had failed; only the end of the agent was not written yet
        if recorded is not None and recorded.output is not None:
            return decode_reply(recorded.output)
        await context.safe_point(key)
        request = ModelRequest(context.planned.name, tuple(messages), tools, context.model.max_output_tokens)
        estimate = context.hands.thinker.estimate(context.model, request)
        asked = _Asked(key, turn, estimate, recorded.attempts + 1 if recorded else 1)
        with context.hands.drain.at_work(context.agent_run):
            return await self._ask(asked, request)

    async def _ask(self, asked: _Asked, request: ModelRequest) -> ModelReply:
        """Reserve, ask, settle; whatever comes of it is written down."""
        context, attempt = self._context, asked.attempt
        spans = TurnSpans(context, asked.turn, asked.key)
        await self._reserve(asked)

        async def before_retry(used: Usage) -> None:
            await self._reserve_again(asked, used)

        spans.asking()
        try:
            reply = await context.control.unless_cancelled(
                context.hands.thinker.request(context.model, request, None, before_retry)
            )
        except RunCancelled:
            # The provider may bill what it had begun, so the whole estimate is charged.
            whole = asked.booked + asked.estimate
            await context.write_patiently(lambda tx: self._fail(tx, asked, whole, asked.used, None))
            spans.failed(asked.used, "cancelled")
            raise
        except SteadError as fault:
            error, used = fault, usage_of(fault)
            spent = context.hands.thinker.cost_of_failure(context.model, used)
            if asked.beyond(spent):
                error.message = f"{error.message} {overrun(asked.beyond(spent))}"
            await context.write_patiently(lambda tx: self._fail(tx, asked, spent, used, error))
            spans.failed(used, error.code)
            raise
        passed = await context.write_patiently(lambda tx: self._settle(tx, asked, reply, attempt))
        spans.answered(reply)
        if passed is not None:
            raise passed
        return reply

    async def _reserve(self, asked: _Asked) -> None:
        """Hold the estimate and open the step, in one transaction."""
        context, hands = self._context, self._context.hands
        if asked.attempt > 1:
            await hands.db.write(lambda tx: self._charge_lost(tx, asked))
            asked.lost = asked.estimate

        async def open_step() -> None:
            await hands.db.write(lambda tx: self._open(tx, asked))

        async def meanwhile() -> None:
            await context.safe_point(asked.key)

        await _once_there_is_room(open_step, meanwhile)

    def _charge_lost(self, tx: Tx, asked: _Asked) -> None:
        """An earlier attempt was in flight when its process ended: the provider may have answered, and bills then."""
        lost = _lease(asked.key, asked.attempt - 1)
        self._book(tx, lost, asked.estimate, Usage(), 0)

    def _open(self, tx: Tx, asked: _Asked) -> None:
        context, key, attempt = self._context, asked.key, asked.attempt
        self._hold(tx, asked, attempt)
        if attempt == 1:
            row = context.step_row(key, asked.turn, "model", context.planned.model, status="running", attempts=1)
            records.open_steps(tx, [row])
        elif not records.change_step(tx, key, {"status": "running", "attempts": attempt}):
            raise JournalMoved(key)
        data = {
            "agent_run": context.agent_run,
            "agent": context.planned.name,
            "turn": asked.turn,
            "reserved_micros": asked.estimate,
        }
        emit(tx, "turn.started", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)

    async def _reserve_again(self, asked: _Asked, used: Usage) -> None:
        """Book what the attempts so far have cost, and hold the estimate for another, in one transaction.

        Fails: BudgetReached; then nothing is booked yet.
        """
        context = self._context
        spent = context.hands.thinker.cost_of_failure(context.model, used)
        if spent <= asked.booked:
            return

        def write(tx: Tx) -> None:
            self._book(tx, asked.lease, spent - asked.booked, _less(used, asked.used), 0)
            self._tell_overrun(tx, spent - asked.booked - asked.estimate)
            self._hold(tx, asked, asked.attempt + 1)
            if not records.change_step(tx, asked.key, {"attempts": asked.attempt + 1}):
                raise JournalMoved(asked.key)

        await _once_there_is_room(lambda: context.write_patiently(write))
        asked.over = asked.beyond(spent)
        asked.attempt, asked.booked, asked.used = asked.attempt + 1, spent, used

    def _hold(self, tx: Tx, asked: _Asked, attempt: int) -> None:
        context, hands = self._context, self._context.hands
        life = context.model.timeout_s * 1000 + _LEASE_MARGIN_MS
        lease, accounts = _lease(asked.key, attempt), self._accounts()
        hands.ledger.reserve(tx, context.scope.tenant, hands.clock, lease, accounts, asked.estimate, life)

    def _book(self, tx: Tx, lease: str, spent: int, used: Usage, turn: int) -> None:
        """Settle a reservation, and book the same on the agent: nothing where the sweeper has done both."""
        settled = self._context.hands.ledger.settle(tx, lease, spent)
        _add_usage(tx, self._context.agent_run, spent if settled else 0, used, turn)

    def _accounts(self) -> list[Account]:
        context = self._context
        days = allowance.of_day(context.hands, context.launched_by)
        return [allowance.of_run(context.run, context.budget_micros), *days]

    def _fail(self, tx: Tx, asked: _Asked, spent: int, used: Usage, error: SteadError | None) -> None:
        """Close the step without a reply. `spent` and `used` are those of all its attempts."""
        context, hands = self._context, self._context.hands
        status = "failed" if error else "cancelled"
        self._tell_overrun(tx, spent - asked.booked - asked.estimate)
        self._book(tx, asked.lease, max(0, spent - asked.booked), _less(used, asked.used), 0)
        values: dict[str, Any] = {
            "status": status,
            "spent_micros": spent,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "finished_at": hands.clock.now_ms(),
        }
        if error is not None:
            values["error"] = as_data(error)
        records.change_step(tx, asked.key, values)
        tokens = used.input_tokens, used.output_tokens
        tx.after_commit(lambda: model_called(context.planned.model_kind, status, spent, *tokens))
        data = {
            "agent_run": context.agent_run,
            "status": status,
            "spent_micros": spent,
            "over_micros": asked.beyond(spent),
            "code": error.code if error else "",
        }
        emit(tx, "model.called", context.scope, run=context.run, step=asked.key, trace_id=context.trace_id, data=data)

    def _settle(self, tx: Tx, asked: _Asked, reply: ModelReply, attempt: int) -> SteadError | None:
        """Write the reply down, and open what it calls for; unless it has passed a cap, which is the answer then."""
        context, hands, key, turn = self._context, self._context.hands, asked.key, asked.turn
        spent = max(asked.booked, hands.thinker.cost(context.model, reply))
        self._book(tx, asked.lease, spent - asked.booked, _less(reply.usage, asked.used), turn)
        output = records.stored(tx, context.scope.tenant, hands.clock, encode_reply(reply))
        values: dict[str, Any] = {
            "status": "succeeded",
            "output": output,
            "summary": line_of(reply, asked.beyond(spent), asked.lost),
            "attempts": attempt + reply.attempts - 1,
            "spent_micros": spent,
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "finished_at": hands.clock.now_ms(),
        }
        passed = self._passed(tx, spent - asked.booked - asked.estimate, reply)
        if not records.change_step(tx, key, values | ({"error": as_data(passed)} if passed else {})):
            raise JournalMoved(key)
        self._announce(tx, turn, () if passed else reply.tool_calls)
        tokens = reply.usage.input_tokens, reply.usage.output_tokens
        tx.after_commit(lambda: model_called(context.planned.model_kind, "succeeded", spent, *tokens))
        data = {
            "agent_run": context.agent_run,
            "agent": context.planned.name,
            "turn": turn,
            "status": "succeeded",
            "model": reply.model,
            "model_kind": context.planned.model_kind,
            "finish": reply.finish,
            "spent_micros": spent,
            "over_micros": asked.beyond(spent),
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "calls": [call.name for call in reply.tool_calls],
        }
        emit(tx, "model.called", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)
        return passed

    def _passed(self, tx: Tx, over: int, reply: ModelReply) -> SteadError | None:
        """Where what is billed beyond the reservation passes a cap, nothing that the answer calls for is done.

        One that calls for nothing is paid for.
        """
        self._tell_overrun(tx, over)
        if over <= 0:
            return None
        context = self._context
        return context.hands.ledger.passed(tx, context.scope.tenant, self._accounts()) if reply.tool_calls else None

    def _tell_overrun(self, tx: Tx, over: int) -> None:
        """What a provider bills beyond all that it was sent and may say is charged as told; an operator should know."""
        if over > 0:
            model, run = self._context.planned.model, self._context.run
            told = "model %s billed %s more than run %s had reserved for its answer"
            tx.after_commit(lambda: log.warning(told, model, usd_text(over), run))

    def _announce(self, tx: Tx, turn: int, calls: Sequence[ToolCall]) -> None:
        """Open the steps that the reply asks for, in the same commit: they show before they start."""
        context = self._context
        risk = {f"{tool.server}__{tool.name}": tool.risk for tool in context.planned.tools}
        rows: list[dict[str, Any]] = []
        reads = 0
        for index, call in enumerate(calls):
            kind = "delegate" if call.name == "delegate" and context.is_coordinator else "tool"
            # The first reads begin at once and leave no mark of their own; whatever else has to wait for its turn.
            reads += risk.get(call.name) == "read"
            status = "running" if risk.get(call.name) == "read" and reads <= PARALLEL_READS else "queued"
            row = context.step_row(context.key(turn, str(index)), turn, kind, call.name[:263], status=status)
            arguments = records.stored(tx, context.scope.tenant, context.hands.clock, dict(call.arguments))
            rows.append(row | {"risk": risk.get(call.name, ""), "input": arguments})
        if rows:
            records.open_steps(tx, rows)


def _lease(key: str, attempt: int) -> str:
    """The name of an attempt's reservation: whoever goes on after a crash knows it, and so does the sweeper."""
    return f"{key}#{attempt}"


def charge_abandoned(tx: Tx, hands: Hands) -> int:
    """Charge the reservations that nobody has settled in time, also to the agents that asked; returns how many."""
    charged = hands.ledger.charge_expired(tx, hands.clock)
    for one in charged:
        agent_run, _, _ = one.lease.partition("/")
        _add_usage(tx, agent_run, one.amount, Usage(), 0)
    return len(charged)


async def _once_there_is_room(
    reserve: Callable[[], Awaitable[None]], meanwhile: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Reserve; while only others' reservations are in the way, wait for them, bounded. Fails: BudgetReached."""
    for left in range(_WAITS_FOR_ROOM, -1, -1):
        try:
            return await reserve()
        except BudgetReached as error:
            if not error.only_reserved or left == 0:
                raise
        await asyncio.sleep(_WAIT_S)
        if meanwhile is not None:
            await meanwhile()
    return None


def _less(used: Usage, booked: Usage) -> Usage:
    return Usage(used.input_tokens - booked.input_tokens, used.output_tokens - booked.output_tokens)


def _add_usage(tx: Tx, agent_run: str, spent: int, usage: Usage, turn: int) -> None:
    used = {"spent": spent, "read": usage.input_tokens, "written": usage.output_tokens, "turn": turn}
    _ADD_USAGE.run(tx.conn, {"of": agent_run} | used)


def encode_reply(reply: ModelReply) -> dict[str, Any]:
    """A reply as the journal holds it."""
    return asdict(reply)


def decode_reply(stored: dict[str, Any]) -> ModelReply:
    """The reply that `encode_reply` was given."""
    calls = tuple(ToolCall(call["id"], call["name"], call["arguments"]) for call in stored["tool_calls"])
    usage = Usage(**stored["usage"])
    return ModelReply(stored["text"], calls, usage, stored["finish"], stored["model"], stored["attempts"])

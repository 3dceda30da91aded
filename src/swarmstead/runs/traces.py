"""A run as a trace sees it: `agent.run` for each agent, `agent.plan` for each of its turns, `llm.call` within that.

Its tool calls are told by the gateway. A span is told once the journal says that its work has ended: so a step that is
read from the journal is not told again, and one that was cut and done anew is told once. The id of an `agent.run` is
made from the agent run's own, because what lies beneath names it, in other processes too, long before it is over.
"""

from typing import Any

import sqlalchemy as sa

from swarmstead.models.contract import ModelReply, Usage
from swarmstead.runs.steps.context import AgentContext, Hands
from swarmstead.runs.tables import agent_runs, runs
from swarmstead.storage.database import Tx
from swarmstead.telemetry import names
from swarmstead.telemetry.contract import span_id_of
from swarmstead.telemetry.spans import OpenSpan, Span, Tracer, Value

_NS = 1_000_000
_AGENT = sa.select(agent_runs, runs.c.trace_id, runs.c.swarm, runs.c.environment).join(
    runs, runs.c.id == agent_runs.c.run
)


class TurnSpans:
    """The spans of one turn's thinking; where the run is not looked at all of this does nothing."""

    def __init__(self, context: AgentContext, turn: int, key: str) -> None:
        self._context = context
        self._plan: OpenSpan | None = None
        self._call: OpenSpan | None = None
        tracer = context.hands.tracer
        if tracer is not None and tracer.of_run(context.trace_id):
            self._plan = tracer.begin(names.AGENT_PLAN, context.trace_id, span_id_of(context.agent_run))
            for name, value in (*_of_agent(context), (names.TURN, turn), (names.STEP, key)):
                self._plan.put(name, value)

    def asking(self) -> None:
        """The model is asked now; what came before was waiting for room."""
        if self._plan is not None:
            self._call = self._plan.child(names.LLM_CALL, "client")

    def answered(self, reply: ModelReply) -> None:
        """It has answered, and that is written."""
        if self._plan is None or self._call is None:
            return
        self._call.put(names.RESPONSE_MODEL, reply.model)
        self._call.put(names.FINISH_REASONS, (reply.finish,))
        self._call.put(names.ATTEMPTS, reply.attempts)
        self._plan.put(names.CALLS, tuple(call.name for call in reply.tool_calls))
        self._ended(reply.usage, "")

    def failed(self, used: Usage, code: str) -> None:
        """It has not, and that is written."""
        if self._plan is not None:
            self._ended(used, code)

    def _ended(self, used: Usage, code: str) -> None:
        context = self._context
        if self._call is not None:
            told: tuple[tuple[str, Value], ...] = (
                (names.OPERATION, names.CHAT),
                (names.PROVIDER, names.PROVIDERS.get(context.model.provider, context.model.provider)),
                (names.REQUEST_MODEL, context.model.model or context.planned.model),
                (names.REQUEST_MAX_TOKENS, context.model.max_output_tokens),
                (names.INPUT_TOKENS, used.input_tokens),
                (names.OUTPUT_TOKENS, used.output_tokens),
            )
            for name, value in (*_of_agent(context), *told):
                self._call.put(name, value)
            self._call.end(code)
        if self._plan is not None:
            self._plan.end(code)


def tell_agent(tx: Tx, hands: Hands, agent_run: str) -> None:
    """An agent run has ended in this transaction: tell its span once that is durable."""
    tracer = hands.tracer
    if tracer is None:
        return
    row = tx.conn.execute(_AGENT.where(agent_runs.c.id == agent_run)).one()
    if row.started_at is not None and tracer.of_run(row.trace_id):
        tx.after_commit(lambda: _tell(tracer, row))


def _tell(tracer: Tracer, row: sa.Row[Any]) -> None:
    told: dict[str, Value] = {
        names.OPERATION: names.INVOKE_AGENT,
        names.AGENT_NAME: row.agent,
        names.AGENT_VERSION: row.digest,
        names.WORKFLOW_NAME: row.swarm,
        names.TENANT: row.tenant,
        names.ENVIRONMENT: row.environment,
        names.RUN: row.run,
        names.AGENT_RUN_ID: row.id,
        names.STATUS: row.status,
        names.TURN: row.turns,
        names.SPENT: row.spent_micros,
        names.INPUT_TOKENS: row.input_tokens,
        names.OUTPUT_TOKENS: row.output_tokens,
    }
    failure: dict[str, Any] = row.error or {}
    error = "" if row.status == "succeeded" else str(failure.get("code") or row.status)
    parent = span_id_of(row.parent) if row.parent else ""
    times = row.started_at * _NS, row.finished_at * _NS
    tracer.tell(Span(names.AGENT_RUN, "internal", row.trace_id, span_id_of(row.id), parent, *times, told, error))


def _of_agent(context: AgentContext) -> tuple[tuple[str, Value], ...]:
    return (
        (names.TENANT, context.scope.tenant),
        (names.RUN, context.run),
        (names.AGENT_RUN_ID, context.agent_run),
        (names.AGENT_NAME, context.planned.name),
    )

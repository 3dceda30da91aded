"""The tool step: call through the gateway, wait for a person where it says so, never repeat a side effect unasked."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from swarmstead.gateway.contract import Caller, CallHooks, CallOutcome, CallRequest, PlanNeeded
from swarmstead.models.contract import Message, ToolCall
from swarmstead.permits.contract import Approval, Ask, topic_of
from swarmstead.runs import records
from swarmstead.runs.contract import PlannedTool
from swarmstead.runs.events import emit
from swarmstead.runs.steps.context import AgentContext
from swarmstead.storage.database import Tx

_MOST_TEXT = 60_000
_IDEMPOTENT_RETRIES = 2
_STATUS = {"ok": "succeeded", "tool_error": "failed", "denied": "denied", "failed": "failed", "unknown": "unknown"}


class ToolCalls:
    """Calls tools for one agent run."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context
        self._planned = {f"{tool.server}__{tool.name}": tool for tool in context.planned.tools}

    def is_read(self, call: ToolCall) -> bool:
        """Whether the call may run beside others: it is known to change nothing."""
        tool = self._planned.get(call.name)
        return tool is not None and tool.risk == "read"

    async def call(self, turn: int, index: int, call: ToolCall) -> Message:
        """The tool's answer as the model reads it: from the journal, or from the tool.

        Fails: RunCancelled, DeadlinePassed. A refusal, a denial or a failing tool is an answer.
        """
        context = self._context
        key = context.key(turn, str(index))
        recorded = context.journal.get(key)
        if recorded is not None and recorded.output is not None:
            return _message(call, recorded.output)
        await context.safe_point()
        request = self._request(key, call)
        plan = recorded.approval if recorded and recorded.approval else ""
        in_flight = recorded is not None and recorded.attempted_at is not None
        output = await self._resolve(request, plan, in_flight=in_flight)
        return _message(call, output)

    async def _resolve(self, request: CallRequest, plan: str, *, in_flight: bool) -> Mapping[str, Any]:
        tool = self._tool_of(request)
        if in_flight:
            if not _repeatable(tool):
                return await self._ask_what_happened(request, plan)
            request = replace(request, repeat=True, plan_id=plan)
        elif plan:
            return await self._after_decision(request, plan)
        outcome = await self._send(request)
        if isinstance(outcome, PlanNeeded):
            return await self._after_decision(request, outcome.plan_id)
        return await self._conclude(request, outcome)

    async def _after_decision(self, request: CallRequest, plan_id: str) -> Mapping[str, Any]:
        approval = await self._decision(plan_id)
        if approval.status != "approved":
            return await self._write_refusal(request, approval)
        await self._context.safe_point()
        outcome = await self._send(replace(request, plan_id=plan_id))
        if isinstance(outcome, PlanNeeded):
            return await self._after_decision(request, outcome.plan_id)
        return await self._conclude(request, outcome)

    async def _conclude(self, request: CallRequest, outcome: CallOutcome) -> Mapping[str, Any]:
        """What the settled call left in the journal; an unknown outcome is first made certain."""
        tool = self._tool_of(request)
        tries = 0
        while outcome.verdict == "unknown" and _repeatable(tool) and tries < _IDEMPOTENT_RETRIES:
            tries += 1
            again = await self._send(replace(request, repeat=True))
            if isinstance(again, PlanNeeded):
                break
            outcome = again
        if outcome.verdict == "unknown" and not _repeatable(tool):
            return await self._ask_what_happened(request, request.plan_id)
        output = _output(outcome)
        if outcome.verdict == "unknown":
            await self._write(request.key, "unknown", output)
        return output

    async def _send(self, request: CallRequest) -> CallOutcome | PlanNeeded:
        work = self._context.hands.tools.call(request)
        tool = self._tool_of(request)
        if tool is not None and tool.risk == "read":
            return await self._context.control.unless_cancelled(work)
        return await work  # a side effect that has begun is let finish, so that its outcome is known

    async def _ask_what_happened(self, request: CallRequest, plan: str) -> Mapping[str, Any]:
        """The call was in flight and nobody knows whether it happened: a person says whether to run it again."""
        context, hands = self._context, self._context.hands
        question = self._question(request)

        def write(tx: Tx) -> Approval:
            approval = hands.inbox.ask(tx, context.scope, hands.clock, question)
            records.change_step(tx, request.key, {"status": "unknown"})
            records.park(tx, context.scope, hands.clock, context.run, request.key, approval.id)
            return approval

        approval = await hands.db.write(write)
        if approval.status == "pending":
            approval = await self._decision(approval.id)
        else:
            await self._unpark(approval)
        if approval.status == "approved":
            outcome = await self._send(replace(request, repeat=True, plan_id=plan))
            if isinstance(outcome, CallOutcome) and outcome.verdict != "unknown":
                return _output(outcome)
        text = "It is not known whether this call happened; a person has decided not to repeat it."
        if approval.reason:
            text += f" They said: {approval.reason}"
        output = {"text": text, "is_error": True, "verdict": "unknown"}
        await self._write(request.key, "unknown", output)
        return output

    async def _decision(self, approval_id: str) -> Approval:
        """Wait until a person has decided. Costs nothing while it waits. Fails: RunCancelled."""
        context, hands = self._context, self._context.hands

        async def decided() -> Approval | None:
            approval = await hands.db.read(lambda conn: hands.inbox_reads.get(conn, context.scope, approval_id))
            return None if approval.status == "pending" else approval

        approval = await context.control.unless_cancelled(hands.signals.until(topic_of(approval_id), decided))
        await self._unpark(approval)
        await hands.controls.refresh(context.run)  # the deadline has moved by the time that was lost
        return approval

    async def _unpark(self, approval: Approval) -> None:
        context, hands = self._context, self._context.hands
        await hands.db.write(lambda tx: records.unpark(tx, context.scope, hands.clock, approval))

    async def _write_refusal(self, request: CallRequest, approval: Approval) -> Mapping[str, Any]:
        said = f": {approval.reason}" if approval.reason else "."
        text = (
            "A person has denied this call" if approval.status == "denied" else "Nobody decided about this call in time"
        )
        output = {"text": text + said, "is_error": True, "verdict": "denied"}
        await self._write(request.key, "denied", output)
        return output

    async def _write(self, key: str, status: str, output: Mapping[str, Any]) -> None:
        context = self._context
        await context.hands.db.write(lambda tx: self._close(tx, key, status, output))

    def _close(self, tx: Tx, key: str, status: str, output: Mapping[str, Any], duration_ms: int | None = None) -> None:
        context, hands = self._context, self._context.hands
        values = {
            "status": status,
            "output": records.stored(tx, context.scope.tenant, hands.clock, dict(output)),
            "summary": summary_of(str(output["text"])),
            "finished_at": hands.clock.now_ms(),
        }
        records.change_step(tx, key, values)
        data = {"agent_run": context.agent_run, "status": status, "verdict": output["verdict"], "ms": duration_ms}
        emit(tx, "tool.called", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)

    def _request(self, key: str, call: ToolCall) -> CallRequest:
        context, hands = self._context, self._context.hands
        server, _, tool = call.name.partition("__")
        pinned = self._planned.get(call.name)
        caller = Caller(
            scope=context.scope,
            agent=context.planned.name,
            run=context.run,
            agent_run=context.agent_run,
            swarm=context.swarm,
            environment=context.environment,
            trace_id=context.trace_id,
        )

        def asked(tx: Tx, plan: PlanNeeded) -> None:
            records.park(tx, context.scope, hands.clock, context.run, key, plan.plan_id)

        def begin(tx: Tx) -> None:
            records.change_step(tx, key, {"status": "running", "attempted_at": hands.clock.now_ms()})

        def settle(tx: Tx, outcome: CallOutcome) -> None:
            if outcome.verdict == "unknown":
                records.change_step(tx, key, {"status": "unknown"})
            else:
                self._close(tx, key, _STATUS[outcome.verdict], _output(outcome), outcome.duration_ms)

        return CallRequest(
            caller=caller,
            server=server,
            tool=tool,
            arguments=call.arguments,
            key=key,
            root=context.root,
            schema_hash=pinned.schema_hash if pinned else "",
            hooks=CallHooks(asked, begin, settle),
        )

    def _tool_of(self, request: CallRequest) -> PlannedTool | None:
        return self._planned.get(f"{request.server}__{request.tool}")

    def _question(self, request: CallRequest) -> Ask:
        context, tool = self._context, self._tool_of(request)
        return Ask(
            kind="outcome",
            run=context.run,
            agent_run=context.agent_run,
            agent=context.planned.name,
            step=request.key,
            swarm=context.swarm,
            environment=context.environment,
            server=request.server,
            tool=request.tool,
            risk=tool.risk if tool else "unknown",
            sentence=f"Run {request.tool} on {request.server} again? It was in flight when contact was lost",
            rule="a call whose outcome is unknown is not repeated unasked",
            payload={
                "server": request.server,
                "tool": request.tool,
                "root": request.root,
                "arguments": dict(request.arguments),
                "run": context.run,
                "step": request.key,
            },
            effect={"kind": "none"},
            expires_in_ms=context.hands.plan_life_ms,
        )


def _repeatable(tool: PlannedTool | None) -> bool:
    """Whether calling twice is calling once."""
    return tool is None or tool.risk == "read" or tool.idempotent


def _output(outcome: CallOutcome) -> dict[str, Any]:
    """A settled call as the journal holds it and the model reads it."""
    if outcome.result is None:
        text = outcome.reason + (f" {outcome.way_out}" if outcome.way_out else "")
        return {"text": text, "is_error": True, "verdict": outcome.verdict, "code": outcome.code}
    text = outcome.result.text
    if len(text) > _MOST_TEXT:
        text = f"{text[:_MOST_TEXT]}\n[cut: {len(text) - _MOST_TEXT} more characters]"
    return {"text": text, "is_error": outcome.result.is_error, "verdict": outcome.verdict}


def _message(call: ToolCall, output: Mapping[str, Any]) -> Message:
    return Message("tool", str(output["text"]), tool_call_id=call.id, is_error=bool(output["is_error"]))


def summary_of(text: str) -> str:
    """One line for people: the sizes of a structured answer, or the first line of any other."""
    stripped = text.strip()
    if stripped.startswith("{"):
        try:
            found = cast("dict[str, Any]", json.loads(stripped))
        except ValueError:
            found = dict[str, Any]()
        parts = [_part(name, value) for name, value in list(found.items())[:6]]
        if parts:
            return ", ".join(part for part in parts if part)[:200]
    return stripped.splitlines()[0][:200] if stripped else ""


def _part(name: str, value: Any) -> str:
    if isinstance(value, list | dict):
        size = len(cast("list[Any]", value))
        return f"{size} {name}"
    return "" if value in (None, "", False) else f"{name} {str(value)[:60]}"

"""The tool step: call through the gateway, wait for a person where it says so, never repeat a side effect unasked."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from swarmstead.gateway.contract import Caller, CallHooks, CallOutcome, CallRequest, PlanNeeded
from swarmstead.kernel.tasks import let_finish
from swarmstead.models.contract import Message, ToolCall
from swarmstead.permits.contract import Approval, Ask, topic_of
from swarmstead.runs import records
from swarmstead.runs.contract import PlannedTool
from swarmstead.runs.errors import JournalMoved
from swarmstead.runs.events import emit
from swarmstead.runs.steps.answers import readable
from swarmstead.runs.steps.context import AgentContext, Recorded
from swarmstead.storage.database import Tx

_RETRIES = 2
# Less than a worker's margin before others take its loops over (`adapters/leases.py`).
LET_FINISH_S = 8.0
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

    async def call(self, turn: int, index: int, call: ToolCall, *, waited: bool = False) -> Message:
        """The tool's answer as the model reads it: from the journal, or from the tool.

        `waited`: it is a read, and others went first. Fails: RunCancelled, DeadlinePassed. A refusal, a denial or a
        failing tool is an answer.
        """
        context = self._context
        key = context.key(turn, str(index))
        recorded = context.journal.get(key)
        if recorded is not None and recorded.output is not None:
            return _message(call, recorded.output)
        request = self._request(key, call)
        if recorded is not None and recorded.status == "running" and recorded.attempted_at is not None:
            await self._context.hands.db.write(lambda tx: self._lose(tx, request))
        await self._safe_point(request, waited=waited or (recorded is not None and recorded.status == "queued"))
        return _message(call, await self._resolve(request, recorded))

    async def _safe_point(self, request: CallRequest, *, waited: bool = False) -> None:
        """Before a call. A read that stood still here, or `waited`, says that it is in flight; others do so themselves.

        Fails: RunCancelled, DeadlinePassed.
        """
        rested = await self._context.safe_point(request.key)
        tool = self._tool_of(request)
        if (rested or waited) and tool is not None and tool.risk == "read":
            await self._context.hands.db.write(lambda tx: records.begin_read(tx, request.key))

    async def _resolve(self, request: CallRequest, recorded: Recorded | None) -> Mapping[str, Any]:
        plan = await self._plan_of(recorded)
        if recorded is not None and recorded.attempted_at is not None:  # it was in flight when its process ended
            again = self._again(replace(request, plan_id=plan))
            if plan and await self._is_unspent(plan):  # what was in flight had another one: this asks about its repeat
                return await self._after_decision(again, plan)
            if not _repeatable(self._tool_of(request), effect=True):
                return await self._ask_what_happened(again)
            return await self._concluded(again)
        if plan:
            return await self._after_decision(request, plan)
        return await self._concluded(request)

    def _lose(self, tx: Tx, request: CallRequest) -> None:
        """It was in flight when its process ended: the trail is told so once, whatever is done about it."""
        if records.lose_attempt(tx, request.key):
            self._context.hands.tools.record_lost(tx, request)

    async def _plan_of(self, recorded: Recorded | None) -> str:
        """The plan that this step asked a person about, '' when it has not asked yet."""
        if recorded is None or recorded.approval is None:
            return ""
        asked = await self._read_approval(recorded.approval)
        return asked.id if asked.kind == "plan" else str(asked.payload["plan"])

    async def _is_unspent(self, plan_id: str) -> bool:
        return (await self._read_approval(plan_id)).used_at is None

    async def _after_decision(self, request: CallRequest, plan_id: str) -> Mapping[str, Any]:
        approval = await self._decision(plan_id)
        if approval.status != "approved":
            write = self._write_unknown if request.repeat else self._write_refusal
            return await write(request, approval)
        await self._safe_point(request)
        return await self._concluded(replace(request, plan_id=plan_id))

    async def _concluded(self, request: CallRequest) -> Mapping[str, Any]:
        """Call, and make what is unknown certain: by calling again where that is safe, by asking a person elsewhere."""
        outcome = await self._send(request)
        tries = 0
        while isinstance(outcome, CallOutcome) and outcome.verdict == "unknown" and tries < _RETRIES:
            if outcome.effect or not _repeatable(self._tool_of(request), effect=bool(request.plan_id)):
                return await self._ask_what_happened(self._again(request))
            tries += 1
            await self._safe_point(request)
            outcome = await self._send(self._again(request))
        if isinstance(outcome, PlanNeeded):
            return await self._after_decision(self._again(request) if tries else request, outcome.plan_id)
        output = _output(outcome)
        if outcome.verdict == "unknown":
            await self._write(request.key, "unknown", output)
        return output

    async def _send(self, request: CallRequest) -> CallOutcome | PlanNeeded:
        context, tool = self._context, self._tool_of(request)
        with context.hands.drain.at_work(context.agent_run):
            work = context.hands.tools.call(request)
            if tool is not None and tool.risk == "read" and not request.plan_id:
                return await context.control.unless_cancelled(work)
            return await let_finish(work, LET_FINISH_S)  # nobody cuts a side effect, so that its outcome is known

    async def _ask_what_happened(self, request: CallRequest) -> Mapping[str, Any]:
        """The call was in flight and nobody knows whether it happened: a person says whether to run it again.

        Their word is good for one attempt; when that one is lost too, they are asked again.
        """
        while True:
            approval = await self._decision(await self._ask(request))
            if approval.status != "approved":
                return await self._write_unknown(request, approval)
            await self._safe_point(request)
            outcome = await self._send(request)
            if isinstance(outcome, PlanNeeded):
                return await self._after_decision(request, outcome.plan_id)
            if outcome.verdict != "unknown":
                return _output(outcome)

    async def _ask(self, request: CallRequest) -> str:
        """The question about this step's last attempt; asked once, whatever happens to us."""
        context, hands = self._context, self._context.hands

        def write(tx: Tx) -> str:
            attempt = records.attempts_of(tx, request.key)
            approval = hands.inbox.ask(tx, context.scope, hands.clock, self._question(request, attempt))
            if approval.status == "pending":
                records.park(tx, context.scope, hands.clock, context.run, request.key, approval.id)
            return approval.id

        return await hands.db.write(write)

    async def _decision(self, approval_id: str) -> Approval:
        """Wait until a person has decided. Costs nothing while it waits. Fails: RunCancelled."""
        context, hands = self._context, self._context.hands

        async def decided() -> Approval | None:
            approval = await self._read_approval(approval_id)
            return None if approval.status == "pending" else approval

        approval = await context.control.unless_cancelled(hands.signals.until(topic_of(approval_id), decided))
        await hands.db.write(lambda tx: records.unpark(tx, context.scope, hands.clock, approval))
        await hands.controls.refresh(context.run)  # the deadline has moved by the time that was lost
        return approval

    async def _read_approval(self, approval_id: str) -> Approval:
        context, hands = self._context, self._context.hands
        return await hands.db.read(lambda conn: hands.inbox_reads.get(conn, context.scope, approval_id))

    async def _write_refusal(self, request: CallRequest, approval: Approval) -> Mapping[str, Any]:
        text = "Nobody decided about this call in time."
        if approval.status == "denied":
            text = f"A person has denied this call: {approval.reason}"
        output = {"text": text, "is_error": True, "verdict": "denied"}
        await self._write(request.key, "denied", output)
        return output

    async def _write_unknown(self, request: CallRequest, approval: Approval) -> Mapping[str, Any]:
        text = "It is not known whether this call happened, and nobody said in time whether to repeat it."
        if approval.status == "denied":
            text = "It is not known whether this call happened; a person has decided not to repeat it."
            text += f" They said: {approval.reason}"
        output = {"text": text, "is_error": True, "verdict": "unknown"}
        await self._write(request.key, "unknown", output)
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
        if context.control.pausing:  # others of this turn may rest already
            records.settle_status(tx, context.scope, hands.clock, context.run)
        data = {"agent_run": context.agent_run, "status": status, "verdict": output["verdict"], "ms": duration_ms}
        emit(tx, "tool.called", context.scope, run=context.run, step=key, trace_id=context.trace_id, data=data)

    def _request(self, key: str, call: ToolCall) -> CallRequest:
        context = self._context
        server, _, tool = call.name.partition("__")
        pinned = self._planned.get(call.name)
        caller = Caller(
            scope=context.scope,
            agent=context.planned.name,
            agent_digest=context.planned.digest,
            run=context.run,
            agent_run=context.agent_run,
            swarm=context.swarm,
            environment=context.environment,
            trace_id=context.trace_id,
        )
        return CallRequest(
            caller=caller,
            server=server,
            tool=tool,
            arguments=call.arguments,
            key=key,
            root=context.root,
            schema_hash=pinned.schema_hash if pinned else "",
            planned=pinned is not None,
            hooks=self._hooks(key, again=False),
        )

    def _again(self, request: CallRequest) -> CallRequest:
        return replace(request, repeat=True, hooks=self._hooks(request.key, again=True))

    def _hooks(self, key: str, *, again: bool) -> CallHooks:
        context, clock = self._context, self._context.hands.clock

        def asked(tx: Tx, plan: PlanNeeded) -> None:
            records.park(tx, context.scope, clock, context.run, key, plan.plan_id)

        def begin(tx: Tx) -> None:
            if not records.begin_step(tx, clock, key, again=again):
                raise JournalMoved(key)

        def settle(tx: Tx, outcome: CallOutcome) -> None:
            if outcome.verdict == "unknown":
                records.change_step(tx, key, {"status": "unknown"})
            else:
                self._close(tx, key, _STATUS[outcome.verdict], _output(outcome), outcome.duration_ms)

        return CallHooks(asked, begin, settle)

    def _tool_of(self, request: CallRequest) -> PlannedTool | None:
        return self._planned.get(f"{request.server}__{request.tool}")

    def _question(self, request: CallRequest, attempt: int) -> Ask:
        context, tool = self._context, self._tool_of(request)
        return Ask(
            kind="outcome",
            run=context.run,
            agent_run=context.agent_run,
            agent=context.planned.name,
            step=request.key if attempt <= 1 else f"{request.key}#{attempt}",
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
                "attempt": attempt,
                "plan": request.plan_id,
            },
            effect={"kind": "none"},
            expires_in_ms=context.hands.plan_life_ms,
        )


def _repeatable(tool: PlannedTool | None, *, effect: bool) -> bool:
    """Whether calling twice is calling once. What has an effect now is no read, whatever it was when it was planned."""
    if tool is None or tool.risk == "read":
        return tool is not None and not effect
    return tool.idempotent


def _output(outcome: CallOutcome) -> dict[str, Any]:
    """A settled call as the journal holds it and the model reads it."""
    if outcome.result is None:
        text = outcome.reason + (f" {outcome.way_out}" if outcome.way_out else "")
        return {"text": text, "is_error": True, "verdict": outcome.verdict, "code": outcome.code}
    return {"text": readable(outcome.result), "is_error": outcome.result.is_error, "verdict": outcome.verdict}


def _message(call: ToolCall, output: Mapping[str, Any]) -> Message:
    return Message("tool", str(output["text"]), tool_call_id=call.id, is_error=bool(output["is_error"]))


def summary_of(text: str) -> str:
    """One line for people: the sizes of a structured answer, or the first line of any other."""
    stripped = text.strip()
    if stripped.startswith("{"):
        try:
            found = cast("dict[str, Any]", json.loads(stripped))
        except (ValueError, RecursionError):  # no JSON, or too deep to read
            found = dict[str, Any]()
        parts = [_part(name, value) for name, value in list(found.items())[:6]]
        if parts:
            return ", ".join(part for part in parts if part)[:200]
    return stripped.splitlines()[0][:200] if stripped else ""


def _part(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, list | dict):
        size = len(cast("list[Any]", value))
        return f"{size} {_singular(words) if size == 1 else words}"
    if value is True:
        return words
    if isinstance(value, int) and value > 0:
        return _counted(value, words)
    return "" if value in (None, "", False) else f"{words} {str(value)[:60]}"


def _counted(value: int, words: str) -> str:
    """A number before what it counts, if that is a plural: `2 files searched`, but `exit code 2`."""
    first, _, rest = words.partition(" ")
    if _singular(first) == first or first.endswith(("us", "is")):
        return f"{words} {value}"
    return " ".join(part for part in (str(value), _singular(first) if value == 1 else first, rest) if part)


def _singular(words: str) -> str:
    """English names of lists, as tools write them: entries, branches, commits; what is no plural stays."""
    if words.endswith("ies"):
        return f"{words[:-3]}y"
    if words.endswith(("ches", "shes", "sses", "xes")):
        return words[:-2]
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words

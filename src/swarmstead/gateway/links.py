"""The links of the chain; `chain.py` says what each is for and in which order they stand."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from swarmstead.audit.contract import Entry, Phase, record
from swarmstead.gateway.catalogue import Catalogue
from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.contract import CallOutcome, CallRequest, CallResult, PlanNeeded, Verdict
from swarmstead.gateway.errors import (
    ArgumentsRefused,
    PlanRefused,
    RiskUnknown,
    ToolUnknown,
    UpstreamFailed,
    UpstreamUnknown,
)
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.model import plan_payload, plan_sentence
from swarmstead.gateway.ports import Approvals, Upstream
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import SteadError, Unavailable
from swarmstead.kernel.hashing import digest
from swarmstead.permits.contract import Ask, rule_for
from swarmstead.storage.database import Database, Tx
from swarmstead.telemetry.contract import redact, redact_text, tool_called

_STORAGE_CODES = {"database_unavailable", "database_locked", "disk_full"}
_PREVIEW_S = 10.0
log = logging.getLogger(__name__)


def audit_entry(request: CallRequest, phase: Phase, data: Mapping[str, Any]) -> Entry:
    """An audit entry about this call: hashes and verdicts, never arguments or results."""
    caller = request.caller
    facts = {"arguments": digest(dict(request.arguments)), "key": request.key} | dict(data)
    if caller.agent:
        facts["agent"] = caller.agent
    target = f"{request.server}/{request.tool}"
    return Entry(caller.scope, "tool.call", target, phase, caller.run, request.key, caller.trace_id, facts)


class Record:
    """Writes down how a call ended. Outermost, so that nothing ends unrecorded.

    How a side effect ended it tries to write again, after each of `pauses_s`: a database that is away for a moment must
    not make a known outcome an unknown one.
    """

    def __init__(self, db: Database, pauses_s: Sequence[float]) -> None:
        self._db = db
        self._pauses_s = pauses_s

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        started = time.perf_counter_ns()
        try:
            answer = await proceed(call)
        except SteadError as error:
            if error.code in _STORAGE_CODES:
                raise  # we could not write before; the call did not happen or is settled when it is repeated
            answer = _refused(error)
        if isinstance(answer, PlanNeeded):
            return answer
        seconds = (time.perf_counter_ns() - started) / 1e9
        duration = int(seconds * 1000)
        outcome = CallOutcome(answer.verdict, answer.result, answer.code, answer.reason, answer.way_out, duration)
        await self._write(call.request, outcome)
        tool_called(outcome.verdict, "planned" if call.request.plan_id else "direct", seconds)
        return outcome

    async def _write(self, request: CallRequest, outcome: CallOutcome) -> None:
        for pause in self._pauses_s if request.plan_id else ():
            try:
                return await self._db.write(lambda tx: _settle(tx, request, outcome))
            except Unavailable as error:
                log.warning("how %s/%s ended cannot be written yet: %s", request.server, request.tool, error.message)
                await asyncio.sleep(pause)
        return await self._db.write(lambda tx: _settle(tx, request, outcome))


def _settle(tx: Tx, request: CallRequest, outcome: CallOutcome) -> None:
    data: dict[str, Any] = {"verdict": outcome.verdict, "ms": outcome.duration_ms}
    if outcome.code:
        data["code"] = outcome.code
    if outcome.result is not None:
        data["result"] = digest(list(outcome.result.content))
    record(tx, audit_entry(request, "effect", data))
    if request.hooks.settle is not None:
        request.hooks.settle(tx, outcome)


def _refused(error: SteadError) -> CallOutcome:
    verdict: Verdict = "denied"
    if isinstance(error, UpstreamUnknown):
        verdict = "unknown"
    elif isinstance(error, UpstreamFailed):
        verdict = "failed"
    return CallOutcome(verdict, None, error.code, redact_text(error.message), error.way_out)


class Grant:
    """Lets through only what is bound to the caller. Unknown and hidden read the same."""

    def __init__(self, grants: Grants, catalogue: Catalogue) -> None:
        self._grants = grants
        self._catalogue = catalogue

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        request = call.request
        grants = await self._grants.of(request.caller.scope)
        server = grants.server(request.server, request.root)
        bound = grants.of(request.caller.agent).get(request.server, frozenset())
        if not request.planned or server is None or request.tool not in bound:
            raise _unknown_tool(request)
        listed = (await self._catalogue.tools(server)).get(request.tool)
        if listed is None:
            raise _unknown_tool(request)
        return await proceed(call.found(server, listed))


def _unknown_tool(request: CallRequest) -> ToolUnknown:
    who = request.caller.agent or "this caller"
    return ToolUnknown(
        f"Denied: {who} has no tool {request.tool!r} on {request.server!r}.",
        way_out="Bind the tool to the agent with a Binding, if it should have it.",
    )


class Contract:
    """Checks arguments against the tool's schema, and the tool against what was previewed."""

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        _, listed = call.target
        pinned = call.request.schema_hash
        if pinned and pinned != listed.tool.schema_hash:
            raise PlanRefused(
                f"Denied: the definition of {listed.tool.name!r} has changed since the run was previewed.",
                way_out="Look at the new definition, then preview and launch again.",
            )
        arguments = dict(call.request.arguments)
        for fault in listed.validator.iter_errors(arguments):
            path = ".".join(str(part) for part in fault.instance_path)
            where = f" at {path}" if path else ""
            raise ArgumentsRefused(
                f"Denied: the arguments of {listed.tool.name!r} do not satisfy its contract{where}: "
                f"{redact_text(fault.message[:300])}",
                field=f"arguments.{path}" if path else "arguments",
                way_out="Call it again with arguments that follow the tool's schema.",
            )
        return await proceed(call)


class Permit:
    """Decides by risk class; turns a risky call into a plan, and spends an approved plan."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals, dry_run: "DryRun", plan_life_ms: int) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals
        self._dry_run = dry_run
        self._plan_life_ms = plan_life_ms

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        tool = call.target[1].tool
        rule = rule_for(tool.risk)
        if rule.verdict == "deny":
            raise RiskUnknown(
                f"Denied: nobody has said what {tool.name!r} of {tool.server!r} may do.",
                way_out=f"Class it in the ToolServer: spec.risk.{tool.name}: read, write or danger.",
            )
        if rule.verdict == "ask" and not call.request.plan_id:
            return await self._plan(call, rule.text)
        return await proceed(call)

    async def _plan(self, call: Call, rule: str) -> PlanNeeded:
        request, tool = call.request, call.target[1].tool
        caller = request.caller
        effect = await self._dry_run.of(call)
        question = Ask(
            kind="plan",
            run=caller.run,
            agent_run=caller.agent_run,
            agent=caller.agent,
            step=request.key,
            swarm=caller.swarm,
            environment=caller.environment,
            server=request.server,
            tool=request.tool,
            risk=tool.risk,
            sentence=plan_sentence(request, effect),
            rule=rule,
            payload=plan_payload(request, tool),
            effect=effect,
            expires_in_ms=self._plan_life_ms,
        )

        def write(tx: Tx) -> PlanNeeded:
            approval = self._approvals.ask(tx, caller.scope, self._clock, question)
            needed = PlanNeeded(approval.id, approval.hash, approval.expires_at)
            if request.hooks.asked is not None:
                request.hooks.asked(tx, needed)
            return needed

        return await self._db.write(write)


class DryRun:
    """What a tool's own preview says will happen: for the person who decides, never for the agent."""

    def __init__(self, upstream: Upstream, catalogue: Catalogue) -> None:
        self._upstream = upstream
        self._catalogue = catalogue

    async def of(self, call: Call) -> dict[str, Any]:
        """The effect, redacted; `{"kind": "none"}`, with the reason, where there is no preview or it fails.

        Only a read tool may be a preview: anything else would be a side effect before anybody has agreed to one.
        """
        server, _ = call.target
        request = call.request
        name = server.spec.preview.get(request.tool)
        if not name:
            return {"kind": "none"}
        try:
            listed = (await self._catalogue.tools(server)).get(name)
            if listed is None or listed.tool.risk != "read":
                return {"kind": "none", "why": f"{name!r} cannot be used as a preview: it is not a read tool."}
            result = await self._upstream.call_tool(
                server, name, request.arguments, key=f"{request.key}/preview", timeout_s=_PREVIEW_S
            )
        except (UpstreamFailed, UpstreamUnknown) as error:
            return {"kind": "none", "why": redact_text(error.message)}
        if result.is_error or result.structured is None:
            return {"kind": "none", "why": redact_text(result.text[:500])}
        return {"kind": "file"} | redact(result.structured)


class Attempt:
    """Fails closed: no side effect starts before the trail says that it is about to."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        request, tool = call.request, call.target[1].tool
        if tool.risk == "read":
            return await proceed(call)

        def write(tx: Tx) -> None:
            if request.hooks.begin is not None:
                request.hooks.begin(tx)
            if request.plan_id:
                payload_hash = digest(plan_payload(request, tool))
                self._approvals.use(
                    tx, request.caller.scope, self._clock, request.plan_id, payload_hash, again=request.repeat
                )
            record(tx, audit_entry(request, "intent", {"risk": tool.risk, "plan": request.plan_id}))
            record(tx, audit_entry(request, "attempt", {"schema": tool.schema_hash}))

        await self._db.write(write)
        return await proceed(call)


class Redact:
    """Takes credentials out of what a tool answers, before anybody reads or stores it."""

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        answer = await proceed(call)
        if isinstance(answer, PlanNeeded) or answer.result is None:
            return answer
        result = answer.result
        clean = CallResult(
            tuple(redact(block) for block in result.content),
            None if result.structured is None else redact(result.structured),
            result.is_error,
        )
        return CallOutcome(answer.verdict, clean, answer.code, answer.reason, answer.way_out, answer.duration_ms)


class CallUpstream:
    """The end of the chain."""

    def __init__(self, upstream: Upstream, timeout_s: float) -> None:
        self._upstream = upstream
        self._timeout_s = timeout_s

    async def __call__(self, call: Call) -> Answer:
        server, listed = call.target
        request = call.request
        result = await self._upstream.call_tool(
            server, listed.tool.name, request.arguments, key=request.key, timeout_s=self._timeout_s
        )
        return CallOutcome("tool_error" if result.is_error else "ok", result)

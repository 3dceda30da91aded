"""The links of the chain; `chain.py` says what each is for and in which order they stand."""

import time
from collections.abc import Mapping
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
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.hashing import digest
from swarmstead.permits.contract import Ask, rule_for
from swarmstead.storage.database import Database, Tx
from swarmstead.telemetry.contract import redact, redact_text, tool_called

_STORAGE_CODES = {"database_unavailable", "database_locked", "disk_full"}


def audit_entry(request: CallRequest, phase: Phase, data: Mapping[str, Any]) -> Entry:
    """An audit entry about this call: hashes and verdicts, never arguments or results."""
    caller = request.caller
    facts = {"arguments": digest(dict(request.arguments)), "key": request.key} | dict(data)
    if caller.agent:
        facts["agent"] = caller.agent
    target = f"{request.server}/{request.tool}"
    return Entry(caller.scope, "tool.call", target, phase, caller.run, request.key, caller.trace_id, facts)


class Record:
    """Writes down how a call ended. Outermost, so that nothing ends unrecorded."""

    def __init__(self, db: Database) -> None:
        self._db = db

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
        await self._db.write(lambda tx: _settle(tx, call.request, outcome))
        tool_called(outcome.verdict, "planned" if call.request.plan_id else "direct", seconds)
        return outcome


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
        if server is None or request.tool not in grants.of(request.caller.agent).get(request.server, ()):
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

    def __init__(self, db: Database, clock: Clock, approvals: Approvals, upstream: Upstream, plan_life_ms: int) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals
        self._upstream = upstream
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
        effect = await self._effect(call)
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

    async def _effect(self, call: Call) -> dict[str, Any]:
        """What the tool's own dry run says will happen; `{"kind": "none"}` where it has none or it fails."""
        server, _ = call.target
        request = call.request
        preview = server.spec.preview.get(request.tool)
        if not preview:
            return {"kind": "none"}
        try:
            result = await self._upstream.call_tool(
                server, preview, request.arguments, key=f"{request.key}/preview", timeout_s=10
            )
        except (UpstreamFailed, UpstreamUnknown) as error:
            return {"kind": "none", "why": redact_text(error.message)}
        if result.is_error or result.structured is None:
            return {"kind": "none", "why": redact_text(result.text[:500])}
        return {"kind": "file"} | dict(result.structured)


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
            if request.plan_id:
                payload_hash = digest(plan_payload(request, tool))
                self._approvals.use(
                    tx, request.caller.scope, self._clock, request.plan_id, payload_hash, again=request.repeat
                )
            record(tx, audit_entry(request, "intent", {"risk": tool.risk, "plan": request.plan_id}))
            record(tx, audit_entry(request, "attempt", {"schema": tool.schema_hash}))
            if request.hooks.begin is not None:
                request.hooks.begin(tx)

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

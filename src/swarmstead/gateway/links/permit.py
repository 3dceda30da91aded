"""Straight through, wait for a person, or never: what the policies say."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from swarmstead.gateway.catalogue import Catalogue
from swarmstead.gateway.chain import Answer, Call, Foreseen, Next
from swarmstead.gateway.contract import CallRequest, CallResult, PlanNeeded
from swarmstead.gateway.errors import (
    PinMoved,
    PolicyDenied,
    RiskUnknown,
    ToolQuarantined,
    ToolUnknown,
    ToolUnusable,
    UpstreamFailed,
    UpstreamUnknown,
)
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.links.arguments import fault_of
from swarmstead.gateway.links.record import policy_facts, preview_entry
from swarmstead.gateway.links.result import fault_in
from swarmstead.gateway.model import (
    plan_payload,
    plan_sentence,
    precondition_of,
    question_of,
    read_question,
    upstream_key,
)
from swarmstead.gateway.offers import Listed
from swarmstead.gateway.ports import Approvals, Policies, Upstream
from swarmstead.gateway.tracing import checked
from swarmstead.gateway.trail import Trail
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.hashing import digest
from swarmstead.permits.contract import UNKNOWN_RISK, Approval, Ask, PolicyQuestion, PolicyVerdict
from swarmstead.storage.database import Database, Tx
from swarmstead.telemetry import names
from swarmstead.telemetry.contract import policy_checked, redact, redact_text

_PREVIEW_S = 10.0
_CHANGED = "what it would change has changed since it was approved"
_MOVED = "its tool server was declared anew since it was approved"
_AGAIN = "; asked again, since what it would change has changed"
_ELSEWHERE = "; asked again, since nobody knows whether it happened at the server that this was declared as before"
_LONGEST_RULE = 200  # what an approval keeps
_LONGEST_ERROR = 10_000


class Permit:
    """Asks the policies; turns a call that they want a person to see into a plan."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        grants: Grants,
        policies: Policies,
        approvals: Approvals,
        dry_run: "DryRun",
        plan_life_ms: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._grants = grants
        self._policies = policies
        self._approvals = approvals
        self._dry_run = dry_run
        self._plan_life_ms = plan_life_ms

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        request = call.request
        now = self._clock.now_ms()
        if request.kind == "tool":
            question = question_of(request.caller, call.target[1].tool, request.arguments, now)
        else:
            told = _prompt_arguments(request)
            question = read_question(request.caller, request.kind, request.server, request.tool, told, now)
        seen = call.progress
        span = None if seen.span is None else seen.span.child(names.POLICY_CHECK)
        verdict = await self._policies.decide(request.caller.scope, question)
        if span is not None:
            checked(span, verdict)
        seen.risk, seen.idempotent, seen.policy = question.risk, question.idempotent, verdict
        policy_checked(verdict.effect, verdict.monitored.effect if verdict.monitored else "")
        if verdict.effect == "deny":
            raise _denied(question, verdict)
        if seen.dry_run and (question.risk != "read" or verdict.effect == "ask"):
            return await self._foreseen(call, verdict)
        needed = None
        if request.plan_id and request.kind == "tool":  # whatever the rules say by now, it was approved as it was seen
            needed = await self._look_again(call, verdict.text)
        elif verdict.effect == "ask":
            needed = await self._plan(call, verdict.text)
        if needed is not None:
            return needed
        return await proceed(call)

    async def _foreseen(self, call: Call, verdict: PolicyVerdict) -> Foreseen:
        """The plan that a person would be shown, without asking anybody."""
        effect, _ = await self._dry_run.of(call)
        tool = call.target[1].tool
        return Foreseen(verdict, tool.risk, tool.schema_hash, plan_sentence(call.request, effect), effect)

    async def _plan(self, call: Call, rule: str, step: str = "") -> PlanNeeded:
        effect, precondition = await self._dry_run.of(call)
        question = self._question(call, rule, effect, precondition)
        question = replace(question, step=step) if step else question
        scope = call.request.caller.scope
        return await self._db.write(
            lambda tx: _asked(call, tx, self._approvals.ask(tx, scope, self._clock, question)),
        )

    async def _look_again(self, call: Call, rule: str) -> PlanNeeded | None:
        """Whether what the plan would change is still what was seen; a new plan where it is not.

        A call that was in flight at a crash is not looked at again: what it finds may be its own work, and no new plan
        says whether it has happened. It goes by the plan that it was sent with; where its server is another one by now,
        which cannot know the call by its key, a person is asked.
        """
        request = call.request
        scope, plan_id = request.caller.scope, request.plan_id
        plan = await self._db.read(lambda conn: self._approvals.plan_of(conn, scope, plan_id))
        bound = {} if plan is None else dict(plan.payload.get("precondition") or {})
        payload = _payload_of(call, bound)
        moved = plan is not None and plan.hash != digest(payload)
        if plan is None or plan.hash != digest(payload | {"server_version": plan.payload.get("server_version")}):
            return None  # it is no plan for this call, which the next link says
        call.progress.precondition = bound
        if request.repeat:
            return await self._repeated(call, rule, plan, moved=moved)
        if not moved and not bound:
            return None
        effect, found = await self._dry_run.of(call)
        if not moved and found == bound:
            return None
        why = _MOVED if moved else _CHANGED
        question = replace(self._question(call, _longer(rule, _AGAIN), effect, found), step=f"{request.key}~{plan_id}")

        def write(tx: Tx) -> PlanNeeded | None:
            approval = self._approvals.replace(tx, scope, self._clock, plan_id, why, question)
            return approval and _asked(call, tx, approval)

        return await self._db.write(write)

    async def _repeated(self, call: Call, rule: str, plan: Approval, *, moved: bool) -> PlanNeeded | None:
        request, version = call.request, str(plan.payload["server_version"])
        scope = request.caller.scope
        before = await self._grants.declared_as(scope, request.server, version) if moved else None
        if moved and (before is None or before.place != call.target[0].spec.place):
            return await self._plan(call, _longer(rule, _ELSEWHERE), step=f"{request.key}~{plan.id}")
        call.progress.server_version = version
        return None

    def _question(self, call: Call, rule: str, effect: dict[str, Any], precondition: dict[str, Any]) -> Ask:
        request, tool = call.request, call.target[1].tool
        caller = request.caller
        return Ask(
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
            payload=_payload_of(call, precondition),
            effect=effect,
            expires_in_ms=self._plan_life_ms,
            check=policy_facts(call.request, call.progress),
        )


def _longer(rule: str, why: str) -> str:
    return f"{rule[: _LONGEST_RULE - len(why)]}{why}"


def _payload_of(call: Call, precondition: Mapping[str, Any]) -> dict[str, Any]:
    server, listed = call.target
    return plan_payload(call.request, server.version, listed.tool, precondition)


def _asked(call: Call, tx: Tx, approval: Approval) -> PlanNeeded:
    needed = PlanNeeded(approval.id, approval.hash, approval.expires_at)
    if call.request.hooks.asked is not None:
        call.request.hooks.asked(tx, needed)
    return needed


def _prompt_arguments(request: CallRequest) -> Mapping[str, Any]:
    """The arguments that a prompt is fetched with."""
    told = request.more.get("arguments")
    return cast("Mapping[str, Any]", told) if isinstance(told, Mapping) else {}


def _denied(question: PolicyQuestion, verdict: PolicyVerdict) -> NotPermitted:
    if UNKNOWN_RISK in verdict.rules:
        return RiskUnknown(
            f"Denied: nobody has said what {question.tool!r} of {question.server!r} may do.",
            way_out=f"Class it in the ToolServer: spec.risk.{question.tool}: read, write or danger.",
        )
    return PolicyDenied(
        f"Denied by policy: {verdict.text}.",
        way_out="Do it another way, or ask whoever keeps the policies: `stead policy list` shows them.",
        extra={"rules": list(verdict.rules)},
    )


class DryRun:
    """What a tool's own preview says will happen: for the person who decides, never for the agent.

    It is a call like any other as far as it can be: whoever declared the server has named this very tool as the preview
    of one that the caller may call, the tool is accepted and a read, its own contract holds for arguments and answer,
    and the trail gets a row. It needs no plan: it is part of making one.
    """

    def __init__(self, upstream: Upstream, catalogue: Catalogue, trail: Trail) -> None:
        self._upstream = upstream
        self._catalogue = catalogue
        self._trail = trail

    async def of(self, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
        """The effect, redacted, and what a plan is bound to of it.

        `{"kind": "none"}`, with the reason, and nothing to be bound to where there is no preview or it fails; `refused`
        says that the preview was asked and answered that the call cannot be done. `unchanged`: it would change nothing.

        Only a read tool may be a preview: anything else would be a side effect before anybody has agreed to one.
        Fails: TrailFull, storage.errors.
        """
        server, _ = call.target
        name = server.spec.preview.get(call.request.tool)
        if not name:
            return {"kind": "none"}, {}
        try:
            listed = (await self._catalogue.tools(server)).get(name)
            why = _unfit(listed, name, call.request.arguments)
            if listed is None or why:
                return await self._noted(call, name, {"kind": "none", "why": why}), {}
            result = await self._upstream.call_tool(
                server,
                name,
                call.request.arguments,
                vet=partial(self._catalogue.vet, server, listed),
                key=f"{upstream_key(call.request)}/preview",
                timeout_s=_PREVIEW_S,
            )
        except (UpstreamFailed, UpstreamUnknown, ToolQuarantined, ToolUnusable, ToolUnknown, PinMoved) as error:
            return await self._noted(call, name, {"kind": "none", "why": redact_text(error.message)}), {}
        effect, precondition = _effect(name, listed, result)
        return await self._noted(call, name, effect), precondition

    async def _noted(self, call: Call, name: str, effect: dict[str, Any]) -> dict[str, Any]:
        verdict = "denied" if "why" in effect else "ok"
        await self._trail.note(partial(preview_entry, call.request, name, verdict))
        return effect


def _unfit(listed: Listed | None, name: str, arguments: Mapping[str, Any]) -> str:
    """Why this tool cannot show what would happen, '' if it can."""
    if listed is None or listed.tool.risk != "read":
        return f"{name!r} cannot be used as a preview: it is not a read tool."
    if listed.tool.state != "accepted":
        return f"{name!r} cannot be used as a preview: it is {listed.tool.state}."
    fault = fault_of(listed.contract, dict(arguments))
    if fault is not None:
        return f"{name!r} cannot be used as a preview: its own contract refuses these arguments: {fault.text}"
    return ""


def _effect(name: str, listed: Listed, result: CallResult) -> tuple[dict[str, Any], dict[str, Any]]:
    problem = fault_in(listed.contract, result)
    if problem:
        return {"kind": "none", "why": f"The answer of {name!r} does not satisfy its contract: {problem}."}, {}
    if result.is_error or result.structured is None:
        refused = {"refused": True} if result.is_error else {}
        return {"kind": "none", "why": redact_text(result.text[:_LONGEST_ERROR])[:500]} | refused, {}
    found = result.structured
    shown = {name: value for name, value in found.items() if name not in ("expect", "unchanged")}
    # Told from what is not redacted yet: two secrets look the same once they are left out.
    same = not found.get("before_truncated") and found.get("before") == found.get("after")
    unchanged = {"unchanged": True} if same and isinstance(found.get("after"), str) else {}
    return {"kind": "file"} | redact(shown) | unchanged, precondition_of(found)

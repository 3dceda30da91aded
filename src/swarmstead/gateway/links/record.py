"""Outermost: what happened is written down, refusals too."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from swarmstead.audit.contract import Entry, Phase, record
from swarmstead.gateway import underway
from swarmstead.gateway.chain import Answer, Call, Foreseen, Next, Progress
from swarmstead.gateway.contract import CallOutcome, CallRequest, PlanNeeded, RpcFault, Verdict, Withdrawn
from swarmstead.gateway.errors import NoSession, UpstreamFailed, UpstreamUnknown, retry_after_s
from swarmstead.gateway.trail import Trail
from swarmstead.kernel.errors import SteadError, Unavailable
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.plain import plain_text
from swarmstead.kernel.tasks import let_finish
from swarmstead.storage.database import Database, Tx
from swarmstead.telemetry.contract import redact, redact_text, tool_called

_STORAGE_CODES = {"database_unavailable", "database_locked", "disk_full"}
_WITHOUT_FORM = "sha256:none"
# With the time that a run gives a call that is cut (`runs/steps/toolcalls.py`), what others wait before they take over.
_GRACE_S = 2.0
log = logging.getLogger(__name__)


def audit_entry(request: CallRequest, phase: Phase, data: Mapping[str, Any]) -> Entry:
    """An audit entry about this call: hashes and verdicts, never arguments or results."""
    caller = request.caller
    facts = _facts(request) | dict(data)
    target = plain_text(f"{request.server}/{_named(request)}")
    action = "tool.call" if request.kind == "tool" else f"{request.kind}.read"
    return Entry(caller.scope, action, target, phase, caller.run, request.key, caller.trace_id, facts)


def _named(request: CallRequest) -> str:
    """A tool or prompt by its name. What a resource's address says behind a `?` or `#` may be anything: its digest."""
    if request.kind != "resource":
        return request.tool
    end = next((place for place, sign in enumerate(request.tool) if sign in "?#"), None)
    if end is None:
        return redact_text(request.tool)
    return f"{redact_text(request.tool[:end])}{request.tool[end]}{_fingerprint(request.tool[end + 1 :])}"


def preview_entry(request: CallRequest, preview: str, verdict: str) -> Entry:
    """An audit entry about the dry run of this call by the tool `preview`."""
    caller, facts = request.caller, _facts(request) | {"of": request.tool, "verdict": verdict}
    target = plain_text(f"{request.server}/{preview}")
    return Entry(caller.scope, "tool.preview", target, "note", caller.run, request.key, caller.trace_id, facts)


def _facts(request: CallRequest) -> dict[str, Any]:
    facts: dict[str, Any] = {"arguments": _fingerprint(dict(request.arguments)), "key": request.key}
    if request.more:
        facts["more"] = _fingerprint(dict(request.more))
    if request.caller.agent:
        facts["agent"] = request.caller.agent
    return facts


def policy_facts(request: CallRequest, progress: Progress) -> dict[str, Any]:
    """What decided about the call, and what else it takes to judge it again without its arguments."""
    if progress.policy is None:
        return {}
    caller = request.caller
    facts: dict[str, Any] = {
        "risk": progress.risk,
        "environment": caller.environment,
        "idempotent": progress.idempotent,
        "policy.check": progress.policy.facts(),
    }
    if progress.monitored:
        facts["grant.check"] = {"effect": "allow", "monitored": {"effect": "deny"}}
    if caller.swarm:
        facts["swarm"] = caller.swarm
    if not caller.agent:
        facts |= {"name": caller.scope.actor.name, "roles": sorted(caller.scope.actor.roles)}
    return facts


def _fingerprint(value: object) -> str:
    """The value's digest; a fixed word for what has none, because a call that cannot be hashed is recorded too."""
    try:
        return digest(value)
    except (ValueError, TypeError, RecursionError):
        return _WITHOUT_FORM


def lost_entry(request: CallRequest, progress: Progress) -> Entry:
    """The last row of a call whose process ends before it does."""
    return _effect(request, _ENDED, progress)


class Record:
    """Writes down how a call ended. Outermost, so that nothing ends unrecorded.

    How a side effect ended is on disk before the caller hears of it, and is tried again after each of `pauses_s`: a
    database that is away for a moment must not make a known outcome an unknown one. Nor must a caller that goes away
    meanwhile: the write gets `grace_s` more, and where that is not enough the log says so and the outcome is unknown
    to whoever goes on, because the attempt is on disk. What changed nothing, and has no
    row of a run beside it, goes to the trail.

    A fault of ours after a side effect may have begun is no answer, and says nothing about it: that call is `unknown`,
    so that a person is asked. Any other fault is recorded and raised.
    """

    def __init__(self, db: Database, trail: Trail, pauses_s: Sequence[float], grace_s: float = _GRACE_S) -> None:
        self._db = db
        self._trail = trail
        self._pauses_s = pauses_s
        self._grace_s = grace_s

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        started = time.perf_counter_ns()
        try:
            answer = await proceed(call)
        except SteadError as error:
            if error.code in _STORAGE_CODES:
                raise  # we could not write before; the call did not happen or is settled when it is repeated
            answer = _refused(error, call)
        except asyncio.CancelledError:
            await self._cut_in_time(call)
            raise
        except Withdrawn:
            raise
        except Exception:
            if not call.progress.attempted:
                await self._trail.note(partial(_effect, call.request, _BROKEN, call.progress))
                raise
            log.exception("a fault of ours leaves the outcome of %s unknown", call.request.key)
            answer = _LOST
        if not isinstance(answer, CallOutcome):
            return await self._not_carried_out(call, answer)
        seconds = (time.perf_counter_ns() - started) / 1e9
        duration = int(seconds * 1000)
        outcome = answer.after(duration, effect=call.progress.attempted and not call.progress.idempotent)
        if call.progress.attempted or call.request.hooks.settle is not None:
            outcome = await let_finish(self._written(call, outcome), self._grace_s)
        else:
            await self._trail.note(partial(_effect, call.carried, outcome, call.progress))
        tool_called(outcome.verdict, "planned" if call.request.plan_id else "direct", seconds)
        return outcome

    async def _not_carried_out(self, call: Call, answer: PlanNeeded | Foreseen) -> Answer:
        if isinstance(answer, Foreseen):  # of a plan, asking for it has written a row
            await self._trail.note(partial(_foreseen, call.carried, call.progress))
        return answer

    async def _cut_in_time(self, call: Call) -> None:
        with suppress(TimeoutError):
            await let_finish(asyncio.wait_for(self._cut(call), self._grace_s), self._grace_s)

    async def _cut(self, call: Call) -> None:
        """Nobody waits for it any more, and nobody knows how it ended: a read may have reached its server too."""
        if call.progress.attempted:
            await self._write(call, _CUT)
        elif call.progress.policy is not None:
            await self._trail.note(partial(_effect, call.carried, _CUT, call.progress))

    async def _written(self, call: Call, outcome: CallOutcome) -> CallOutcome:
        """The outcome that is on disk now: this one, or `unknown` where its answer cannot be stored."""
        try:
            await self._write(call, outcome)
        except Unavailable:
            raise
        except Exception:
            if not call.progress.attempted or outcome.result is None:
                raise
            log.exception("the answer to %s cannot be stored", call.request.key)
            await self._write(call, outcome := _LOST)
        return outcome

    async def _write(self, call: Call, outcome: CallOutcome) -> None:
        try:
            await self._write_again(call, outcome)
        except asyncio.CancelledError:
            log.error("how %s ended (%s) is not written, and unknown from now on", call.request.key, outcome.verdict)  # noqa: TRY400
            raise

    async def _write_again(self, call: Call, outcome: CallOutcome) -> None:
        request, progress = call.carried, call.progress
        for pause in self._pauses_s if progress.attempted else ():
            try:
                return await self._db.write(lambda tx: _settle(tx, request, outcome, progress))
            except Unavailable as error:
                log.warning("how %s/%s ended cannot be written yet: %s", request.server, request.tool, error.message)
                await asyncio.sleep(pause)
        return await self._db.write(lambda tx: _settle(tx, request, outcome, progress))


_CUT = CallOutcome("unknown", None, "cancelled", "The caller went away before the answer came.")
_LOST = CallOutcome(
    "unknown",
    code="outcome_unknown",
    reason="The call was sent, and something in Swarmstead failed before its answer was kept.",
    way_out="Look whether it happened before it is sent again; the server's log says what failed.",
)
_ENDED = CallOutcome("unknown", code="process_ended", reason="The process of Swarmstead that had sent it is gone.")
_BROKEN = CallOutcome("failed", code="internal", reason="Something in Swarmstead failed.")


def _foreseen(request: CallRequest, progress: Progress) -> Entry:
    return audit_entry(request, "note", {"verdict": "foreseen", "dry_run": True} | policy_facts(request, progress))


def _effect(request: CallRequest, outcome: CallOutcome, progress: Progress) -> Entry:
    data: dict[str, Any] = {"verdict": outcome.verdict, "ms": outcome.duration_ms} | policy_facts(request, progress)
    if progress.dry_run:
        data["dry_run"] = True
    if outcome.code:
        data["code"] = outcome.code
    if outcome.result is not None:
        data["result"] = _fingerprint(list(outcome.result.content) or outcome.result.more)
    return audit_entry(request, "effect", data)


def _settle(tx: Tx, request: CallRequest, outcome: CallOutcome, progress: Progress) -> None:
    record(tx, _effect(request, outcome, progress))
    if progress.attempted and not request.caller.run:
        underway.end(tx, request.caller.scope.tenant, request.key)
    if request.hooks.settle is not None:
        request.hooks.settle(tx, outcome)


def _refused(error: SteadError, call: Call) -> CallOutcome:
    verdict: Verdict = "denied"
    fault: RpcFault | None = None
    way_out = error.way_out
    if isinstance(error, UpstreamUnknown):
        verdict, fault = "unknown", None if call.progress.attempted else error.fault
        way_out = _again(call.progress) or way_out
    elif isinstance(error, UpstreamFailed) and not isinstance(error, NoSession):
        verdict, fault = "failed", error.fault
    if fault is not None:
        fault = RpcFault(fault.code, redact_text(fault.message), redact(fault.data))
    message, again = redact_text(error.message), retry_after_s(error)
    return CallOutcome(verdict, None, error.code, message, way_out, fault=fault, retry_after_s=again)


def _again(progress: Progress) -> str:
    """What to do about an outcome that is unknown, where it does not matter which it was; '' where it does."""
    if not progress.idempotent:
        return ""
    return (
        "Simply try again: it only reads."
        if progress.risk == "read"
        else "Simply try again: twice is the same as once."
    )

"""A call as a trace sees it: `tool.call` around the chain, with `policy.check` and each try of the tool server beneath.

What is told are declared names, ids, codes and verdicts. What a caller asks for that is not bound to it is a word of
the caller's, and is not repeated; nor is the address of a resource, which may hold anything.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

from swarmstead.gateway.chain import Answer, Call, Foreseen, Next, Progress
from swarmstead.gateway.contract import CallOutcome, CallRequest, Withdrawn
from swarmstead.kernel.errors import SteadError
from swarmstead.permits.contract import PolicyVerdict
from swarmstead.telemetry import names
from swarmstead.telemetry.contract import parent_of, span_id_of
from swarmstead.telemetry.spans import OpenSpan, Tracer

_CODES = {asyncio.CancelledError: "cancelled", Withdrawn: "withdrawn"}


def begun(tracer: Tracer, request: CallRequest) -> OpenSpan | None:
    """The span of a call that is looked at: part of its run's trace, of its client's, or the first of one."""
    caller = request.caller
    name = names.TOOL_CALL if request.kind == "tool" else names.FEATURE_READ
    if caller.run:
        if not tracer.of_run(caller.trace_id):
            return None
        return tracer.begin(name, caller.trace_id, span_id_of(caller.agent_run))
    said = parent_of(caller.traceparent) if caller.traceparent else None
    joined = tracer.of_client(said, caller.scope.tenant)
    return None if joined is None else tracer.begin(name, *joined, "server")


async def traced(span: OpenSpan, chain: Next, call: Call) -> Answer:
    """Walk the chain within a span. A trace that begins here stands in the trail like one that a client has begun."""
    progress, request = call.progress, call.request
    progress.span = span
    if request.caller.trace_id != span.trace_id:
        call = replace(call, request=replace(request, caller=replace(request.caller, trace_id=span.trace_id)))
    try:
        answer = await chain(call)
    except BaseException as error:
        _told(span, request, progress)
        span.end(_code_of(error))
        raise
    _told(span, request, progress)
    _end(span, answer)
    return answer


def checked(span: OpenSpan, verdict: PolicyVerdict) -> None:
    """The policies have answered."""
    _judged(span, verdict)
    span.end()


def leg_of(above: OpenSpan, request: CallRequest) -> OpenSpan:
    """One try of the tool server."""
    span = above.child(names.TOOL_UPSTREAM, "client")
    _named(span, request)
    return span


async def ended(span: OpenSpan, work: Awaitable[Answer]) -> Answer:
    """Do the work of a span."""
    try:
        answer = await work
    except BaseException as error:
        span.end(_code_of(error))
        raise
    _end(span, answer)
    return answer


def _end(span: OpenSpan, answer: Answer) -> None:
    if isinstance(answer, CallOutcome):
        span.put(names.VERDICT, answer.verdict)
        return span.end("" if answer.verdict == "ok" else answer.code or answer.verdict)
    if isinstance(answer, Foreseen):
        span.put(names.VERDICT, "foreseen")
    else:
        span.put(names.VERDICT, "asked")
        span.put(names.PLAN, answer.plan_id)
    return span.end()


def _told(span: OpenSpan, request: CallRequest, progress: Progress) -> None:
    caller = request.caller
    if request.kind == "tool":
        span.put(names.OPERATION, names.EXECUTE_TOOL)
    if progress.granted:
        _named(span, request)
    for name, value in (
        (names.TENANT, caller.scope.tenant),
        (names.ENVIRONMENT, caller.environment),
        (names.STEP, request.key),
        (names.RUN, caller.run),
        (names.AGENT_RUN_ID, caller.agent_run),
        (names.AGENT_NAME, caller.agent),
        (names.WORKFLOW_NAME, caller.swarm),
        (names.PLAN, request.plan_id if progress.attempted else ""),
        (names.RISK, progress.risk),
    ):
        span.put(name, value)
    if progress.policy is not None:
        _judged(span, progress.policy)


def _named(span: OpenSpan, request: CallRequest) -> None:
    span.put(names.MCP_METHOD, request.method)
    span.put(names.SERVER, request.server)
    if request.kind == "tool":
        span.put(names.TOOL_NAME, request.tool)
    elif request.kind == "prompt":
        span.put(names.PROMPT_NAME, request.tool)


def _judged(span: OpenSpan, verdict: PolicyVerdict) -> None:
    span.put(names.POLICY_EFFECT, verdict.effect)
    span.put(names.POLICY_RULES, verdict.rules)
    if verdict.monitored is not None:
        span.put(names.POLICY_WOULD, verdict.monitored.effect)


def _code_of(error: BaseException) -> str:
    if isinstance(error, SteadError):
        return error.code
    return next((code for sort, code in _CODES.items() if isinstance(error, sort)), "internal")

"""What a tool may answer."""

from collections.abc import Mapping

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.contract import CallOutcome, CallResult, Risk
from swarmstead.gateway.schemas.bounds import too_large
from swarmstead.gateway.schemas.compiled import Contract

RESULT_REFUSED = "result_refused"


class Results:
    """Refuses an answer that is too large or breaks the schema that the tool itself declares.

    The call was made, so this is an outcome and no exception: what it has done stays done.
    """

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        answer = await proceed(call)
        if not isinstance(answer, CallOutcome) or answer.result is None or call.request.kind != "tool":
            return answer
        listed = call.target[1]
        problem = fault_in(listed.contract, answer.result)
        return answer if not problem else _refused(listed.tool.name, listed.tool.risk, problem)


def fault_in(contract: Contract, result: CallResult) -> str:
    """What is wrong with an answer, '' for nothing; redacted."""
    large = too_large([*result.content, result.structured, result.more], contract.result_bounds)
    if large:
        return large
    if contract.result is None or result.is_error or _unfinished(result):
        return ""
    if not isinstance(result.structured, Mapping):
        return "it has no structuredContent, and the tool declares a schema for it"
    fault = contract.result.fault(dict(result.structured))
    if fault is None:
        return ""
    return f"at {fault.path}: {fault.text}" if fault.path else fault.text


def _unfinished(result: CallResult) -> bool:
    """Whether the server asks for input first: such an answer has fields of its own and no result yet."""
    return result.more.get("resultType", "complete") != "complete"


def _refused(tool: str, risk: Risk, problem: str) -> CallOutcome:
    done = "" if risk == "read" else " It was called, and what it does is done."
    return CallOutcome(
        "failed",
        None,
        RESULT_REFUSED,
        f"The answer of {tool!r} does not satisfy its contract: {problem}.{done}",
        "Have the tool's server mended." if not done else "Check what it has done before you call it again.",
    )

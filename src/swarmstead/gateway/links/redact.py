"""What comes back loses its credentials."""

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.contract import CallOutcome, CallResult
from swarmstead.telemetry.contract import redact


class Redact:
    """Takes credentials out of what a tool answers, before anybody reads or stores it."""

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        answer = await proceed(call)
        if not isinstance(answer, CallOutcome) or answer.result is None:
            return answer
        result = answer.result
        clean = CallResult(
            tuple(redact(block) for block in result.content),
            None if result.structured is None else redact(result.structured),
            result.is_error,
            redact(result.more) if result.more else result.more,
        )
        return CallOutcome(answer.verdict, clean, answer.code, answer.reason, answer.way_out, answer.duration_ms)

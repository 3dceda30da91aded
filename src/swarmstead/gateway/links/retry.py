"""Once more, where that is safe: bounded in number, in time, and in how much of a server's traffic it may be.

    what went wrong                                   may it be sent again?
    UpstreamFailed: it certainly did not start        yes: the same idempotency key goes with it
    UpstreamRefused: the server does not take it      no: it would say the same again
    NoSession: we have no place for a session         no: its caller is told when to come back
    UpstreamUnknown: it may have happened             outside of runs, if calling the tool twice is calling it once
    either, once its client was asked                 no: a person would be asked the same again

Where a later attempt did not start, an earlier one still may have happened: that one's failure is what is told.

Inside a run an unknown outcome is the run's own to settle: it counts its tries in its journal, and asks a person.
"""

from dataclasses import replace

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.errors import NoSession, UpstreamFailed, UpstreamRefused, UpstreamUnknown
from swarmstead.gateway.traffic.retries import pause_s
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.telemetry.contract import call_retried

_TOO_LITTLE_S = 0.05


class Retry:
    """Sends a call again after a failure, with a pause between, all within the time that one call has.

    Cost: one look-up and an addition where nothing fails.
    """

    def __init__(self, traffic: Traffic, timeout_s: float) -> None:
        self._traffic = traffic
        self._timeout_s = timeout_s

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        traffic = self._traffic
        budget = traffic.retries[call.request.caller.scope.tenant, call.request.server]
        budget.earn()
        started = traffic.clock()
        attempt = 1
        unknown: UpstreamUnknown | None = None
        while True:
            try:
                return await proceed(call)
            except (UpstreamFailed, UpstreamUnknown) as error:
                limits = traffic.limits
                pause = pause_s(attempt, limits.retry_base_s, limits.retry_longest_s, traffic.chance())
                allowed_s = call.place.spec.limits.timeout_s or self._timeout_s
                left_s = allowed_s - (traffic.clock() - started) - pause
                again = attempt < limits.attempts and left_s > _TOO_LITTLE_S and _is_safe(call, error)
                unknown = error if isinstance(error, UpstreamUnknown) else unknown
                if not again or not budget.spend():
                    if unknown is None or unknown is error:
                        raise
                    raise unknown from error
                call_retried(error.code)
            await traffic.sleep(pause)
            attempt += 1
            call = replace(call, timeout_s=left_s)


def _is_safe(call: Call, error: UpstreamFailed | UpstreamUnknown) -> bool:
    if call.progress.asked:
        return False
    if isinstance(error, UpstreamFailed):
        return not isinstance(error, UpstreamRefused | NoSession)
    return call.repeatable and not call.request.caller.run

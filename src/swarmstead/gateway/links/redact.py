"""What comes back loses its credentials."""

from collections.abc import Mapping
from typing import Any

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.contract import CallOutcome, CallResult
from swarmstead.gateway.relay import Relay
from swarmstead.telemetry.contract import redact

_AS_IT_IS = frozenset({"progressToken", "requestedSchema"})  # named like secrets, or naming some


class RedactedRelay:
    """Satisfies `Relay`: what a tool server tells and asks loses its credentials on the way to the client too."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client says that it can do."""
        return self._relay.capabilities

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass on what the server tells."""
        self._relay.notify(method, _clean(params))

    def hang_up(self) -> None:
        """Pass on that the server will go on later."""
        self._relay.hang_up()

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client. Fails: RelayRefused."""
        return await self._relay.ask(method, _clean(params))


def _clean(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if name in _AS_IT_IS else redact(value) for name, value in params.items()}


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

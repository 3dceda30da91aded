"""What this room needs from outside: somebody who answers."""

from collections.abc import Callable
from typing import Protocol

from swarmstead.models.contract import BeforeRetry, ModelReply, ModelRequest, ModelSpec

OnDelta = Callable[[str], None]


class ModelProvider(Protocol):
    """Answers model requests. Adapters: `scripted` (offline, by script) and `direct` (pydantic-ai)."""

    async def request(
        self,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: OnDelta | None = None,
        before_retry: BeforeRetry | None = None,
    ) -> ModelReply:
        """One reply, retried within `spec.timeout_s` where that is safe.

        `on_delta` receives text as it arrives; it is for showing only and is never stored. `before_retry` is asked
        before another attempt when those before it have used tokens; what it raises ends the request.
        Fails: `models.errors`. Cancelling the task cuts the provider's connection at once.
        """
        ...

    async def aclose(self) -> None:
        """Close pooled connections."""
        ...

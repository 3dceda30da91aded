"""What this room needs from outside: somebody who answers, and where providers may be reached."""

from collections.abc import Callable, Sequence
from typing import Protocol

from swarmstead.models.contract import BeforeRetry, ModelReply, ModelRequest, ModelSpec

OnDelta = Callable[[str], None]


class Addresses(Protocol):
    """Where connections to providers may go: the server's egress rules, the same as for tool servers."""

    async def admitted(self, scheme: str, host: str, port: int) -> Sequence[str]:
        """The checked addresses of a host, in the order in which to try them: nothing else may be connected to.

        Fails: PermissionError where the rules refuse it, and says which; OSError where there is no address.
        """
        ...


class ModelProvider(Protocol):
    """Answers model requests. Adapters: `scripted` (by script), `direct` (pydantic-ai) and `local` (llama.cpp)."""

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

    def missing(self, spec: ModelSpec) -> tuple[str, str] | None:
        """What the adapter itself lacks before `spec` can be asked, and the way out; None when it lacks nothing."""
        ...

    async def aclose(self) -> None:
        """Close pooled connections."""
        ...

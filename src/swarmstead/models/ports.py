"""What this room needs from outside: somebody who answers."""

from collections.abc import Callable
from typing import Protocol

from swarmstead.models.contract import ModelReply, ModelRequest, ModelSpec

OnDelta = Callable[[str], None]


class ModelProvider(Protocol):
    """Answers model requests. Adapters: `scripted` (by script), `direct` (pydantic-ai) and `local` (llama.cpp)."""

    async def request(self, spec: ModelSpec, request: ModelRequest, on_delta: OnDelta | None = None) -> ModelReply:
        """One reply, retried within `spec.timeout_s` where that is safe.

        `on_delta` receives text as it arrives; it is for showing only and is never stored.
        Fails: `models.errors`. Cancelling the task cuts the provider's connection at once.
        """
        ...

    def missing(self, spec: ModelSpec) -> tuple[str, str] | None:
        """What the adapter itself lacks before `spec` can be asked, and the way out; None when it lacks nothing."""
        ...

    async def aclose(self) -> None:
        """Close pooled connections."""
        ...

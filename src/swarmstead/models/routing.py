"""The room's front: asks the right provider, and knows what that costs. Runs get one of these at wiring."""

from collections.abc import Mapping

from swarmstead.kernel.errors import BadInput, SteadError
from swarmstead.kernel.secrets import resolve_reference
from swarmstead.models import prices
from swarmstead.models.contract import BeforeRetry, ModelReply, ModelRequest, ModelSpec, Usage
from swarmstead.models.ports import ModelProvider, OnDelta


class Models:
    """All models of this server, by `ModelSpec.provider`. One adapter may stand under several names."""

    def __init__(self, providers: Mapping[str, ModelProvider]) -> None:
        self._providers = dict(providers)

    async def request(
        self,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: OnDelta | None = None,
        before_retry: BeforeRetry | None = None,
    ) -> ModelReply:
        """One reply of the provider that `spec` names. Fails: `models.errors`; BadInput for a provider not set up."""
        provider = self._providers.get(spec.provider)
        if provider is None:
            raise BadInput(
                f"This server has no adapter for models of {spec.provider}.",
                way_out=f"Use one of: {', '.join(sorted(self._providers))}.",
                field="spec.provider",
            )
        return await provider.request(spec, request, on_delta, before_retry)

    def estimate(self, spec: ModelSpec, request: ModelRequest) -> int:
        """Micro-dollars that one answer to `request` cannot exceed: what a budget reserves. Fails: PriceUnknown."""
        return prices.estimate(spec, prices.token_upper_bound(request), request.max_output_tokens)

    def cost(self, spec: ModelSpec, reply: ModelReply) -> int:
        """Micro-dollars that `reply` did cost: what a budget settles. Fails: PriceUnknown."""
        return prices.cost(spec, reply.model, reply.usage)

    def cost_of_failure(self, spec: ModelSpec, used: Usage) -> int:
        """Micro-dollars that attempts without a reply did cost. Fails: PriceUnknown."""
        return prices.cost(spec, spec.model, used) if used.input_tokens or used.output_tokens else 0

    def missing(self, spec: ModelSpec) -> tuple[str, str] | None:
        """What the model lacks before it can be asked (its key, its price), and the way out; None when it is ready."""
        try:
            if spec.api_key:
                resolve_reference(spec.api_key)
            prices.estimate(spec, 1, 1)
        except SteadError as error:
            return error.message, error.way_out
        return None

    async def close(self) -> None:
        """Close every adapter, once."""
        for provider in {id(provider): provider for provider in self._providers.values()}.values():
            await provider.aclose()

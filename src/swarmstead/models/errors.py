"""What can go wrong when a model is asked, and what a person can do about it."""

from swarmstead.kernel.errors import BadInput, SteadError, Unavailable
from swarmstead.models.contract import Usage


def told(attempts: int, used: Usage) -> dict[str, object]:
    """For an error's `extra`: how often the provider was asked, and the tokens that it may bill."""
    return {"attempts": attempts, "input_tokens": used.input_tokens, "output_tokens": used.output_tokens}


def usage_of(error: SteadError) -> Usage:
    """The tokens that attempts had used before they ended in `error`, as `told` put them there."""
    tokens = [error.extra.get(name, 0) for name in ("input_tokens", "output_tokens")]
    return Usage(*(count for count in tokens if isinstance(count, int)))


class ModelFailed(Unavailable):
    """The provider did not give a usable answer, after the retries that are safe."""

    code = "model_failed"


class ModelRateLimited(ModelFailed):
    """The provider asked us to slow down for longer than the request may take."""

    code = "model_rate_limited"


class ModelRefusedKey(SteadError):
    """The provider refused the key, or there is none where the spec says it should be."""

    status = 424
    code = "model_key_refused"
    exit_code = 2


class ModelNotAllowed(SteadError):
    """The egress rules do not let requests out to the provider's address. Nothing was sent."""

    status = 424
    code = "egress_denied"
    exit_code = 2


class ModelNotInstalled(SteadError):
    """The model runs in this process, and what it needs for that is not installed."""

    status = 424
    code = "model_not_installed"
    exit_code = 2


class ModelRefusedRequest(BadInput):
    """The provider said that the request itself is wrong: unknown model, too long, bad tool schema."""

    code = "model_refused_request"


class PriceUnknown(BadInput):
    """Nobody knows what this model costs, so it may not be asked."""

    code = "price_unknown"


class ScriptExhausted(BadInput):
    """The scripted model was asked for a turn that its script does not have, or a template in it is wrong."""

    code = "script_wrong"

"""What may go wrong with one attempt, which of it is tried again and when, and how it is told to a person.

    kind          what happened                                             tried again
    rate_limited  429                                                       yes, not before Retry-After
    unavailable   5xx (529 is Anthropic's overload), 408, or the same said   yes, not before Retry-After
                  in the middle of a stream
    unreachable   no connection                                             yes
    denied        the egress rules refuse its address                       no
    cut           the connection or the answer broke off                    yes
    garbled       an answer that cannot be read                             yes
    endless       an answer that is longer than any within its limit        no
    arguments     a tool call whose arguments are not a JSON object         once, at once
    cut_arguments the same, because the output limit was reached            no
    silent        `spec.timeout_s` is over and nothing came                 no
    timeout       `spec.timeout_s` is over in the middle of an answer       no
    quota         the account has no credit left                            no
    key           401, 403                                                  no
    request       any other 4xx                                             no

Asking a model changes nothing outside, so an attempt that broke off half-way is as safe to repeat as one that never
started. It may still be charged for; that is why attempts are counted and told.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from swarmstead.kernel.errors import SteadError
from swarmstead.models.contract import ModelSpec, Usage
from swarmstead.models.errors import (
    ModelFailed,
    ModelNotAllowed,
    ModelRateLimited,
    ModelRefusedKey,
    ModelRefusedRequest,
    told,
)

FailureKind = Literal[
    "rate_limited",
    "unavailable",
    "unreachable",
    "denied",
    "cut",
    "garbled",
    "endless",
    "arguments",
    "cut_arguments",
    "silent",
    "timeout",
    "quota",
    "key",
    "request",
]
MAX_ATTEMPTS = 6
_RETRIED: frozenset[FailureKind] = frozenset({"rate_limited", "unavailable", "unreachable", "cut", "garbled"})
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 20.0
_NOTHING = Usage()
_LATER = "Try again later, or choose another model."
# kind: what is said after "openai model gpt-4.1-mini", what to do, and the error's code where it is not the class's
_TEXTS: Mapping[FailureKind, tuple[str, str, str]] = {
    "unavailable": ("does not answer at the moment", _LATER, ""),
    "unreachable": ("cannot be reached at {where}", "Check `base_url`, the network and any proxy in between.", ""),
    "cut": ("broke off its answer", "Try again; if it happens often, look at the proxies in between.", ""),
    "garbled": (
        "sent an answer that cannot be read",
        "Check that `provider` and `base_url` fit together: this is not what that provider's API sends.",
        "",
    ),
    "endless": (
        "sent more than an answer of {most:,} tokens can hold, so it was cut off",
        "It does not keep to the `max_output_tokens` that it was sent: choose another model, or tell its provider.",
        "model_answer_endless",
    ),
    "arguments": (
        "called a tool with arguments that are not a JSON object",
        "Try again, or choose a model that is better at calling tools.",
        "model_arguments_malformed",
    ),
    "cut_arguments": (
        "reached its output limit in the middle of a tool call",
        "Raise `max_output_tokens` in the model's spec.",
        "model_output_limit",
    ),
    "silent": (
        "sent nothing within {limit} s",
        "Look whether the provider is up; raise `timeout_s` in the model's spec if it is only slow.",
        "model_timeout",
    ),
    "timeout": (
        "did not finish within {limit} s",
        "Raise `timeout_s` in the model's spec, or ask for less at once.",
        "model_timeout",
    ),
    "quota": ("has no credit or quota left", "Top up the account, or choose another model.", "model_quota_exhausted"),
}


class Timing:
    """Time as the adapter sees it; tests pass one that they can move."""

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> asyncio.Timeout:
        """Cut what runs inside after this many seconds."""
        return asyncio.timeout(seconds)

    def jitter(self) -> float:
        """A factor between 0.5 and 1, so that clients which failed together do not come back together."""
        return random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that gave no usable reply. `detail` is the provider's own text, shortened, without the key.

    `of_provider`: it is an error that the provider itself has told, in the form of one. `seen` is what came, for those
    who look for it in a log: `HTTP 200, text/html`.
    """

    kind: FailureKind
    detail: str = ""
    status: int = 0
    retry_after_s: float | None = None
    usage: Usage = _NOTHING
    of_provider: bool = False
    seen: str = ""


def wait_before_next(failure: Failure, attempt: int, jitter: float, *, arguments_retried: bool) -> float | None:
    """Seconds to wait before attempt `attempt + 1`; None when there shall be none."""
    if failure.kind == "arguments":
        return None if arguments_retried else 0.0
    if failure.kind not in _RETRIED or attempt >= MAX_ATTEMPTS:
        return None
    backoff = min(_FIRST_WAIT_S * 2 ** (attempt - 1), _LONGEST_WAIT_S) * jitter
    return max(backoff, failure.retry_after_s or 0.0)


def explain(failure: Failure, spec: ModelSpec, attempts: int, spent: Usage) -> SteadError:
    """The failure as a person reads it: provider, model, what happened, and what to do."""
    who = f"{spec.provider} model {spec.model}"
    extra = told(attempts, spent)
    tried = f" Tried {attempts} times." if attempts > 1 else ""
    said = f" It said: {failure.detail}" if failure.detail else ""
    came = failure.seen or (f"HTTP {failure.status}" if failure.status else "")
    status = f" ({came})" if came else ""
    if failure.kind == "key":
        return _key_refused(spec, said, status, extra)
    if failure.kind == "denied":
        return ModelNotAllowed(
            f"{who} may not be asked: {failure.detail}.",
            way_out="If it is meant to be reached, list it in STEAD_EGRESS_ALLOW on the server.",
            field="spec.base_url",
            extra=extra,
        )
    if failure.kind == "request":
        return _request_refused(failure, spec, said, status, extra)
    if failure.kind == "rate_limited":
        wait = f" and asks to wait {failure.retry_after_s:.0f} s" if failure.retry_after_s else ""
        return ModelRateLimited(
            f"{who} limits how often it may be asked{status}{wait}.{tried}{said}",
            way_out="Run fewer agents at once, wait, or ask the provider for a higher limit.",
            extra=extra,
        )
    sentence, way_out, code = _TEXTS[failure.kind]
    sentence = sentence.format(
        where=spec.base_url or "its usual address", limit=spec.timeout_s, most=spec.max_output_tokens
    )
    return ModelFailed(f"{who} {sentence}{status}.{tried}{said}", way_out=way_out, code=code, extra=extra)


def because_of(refusal: SteadError, cause: SteadError) -> None:
    """Let the refusal of another attempt tell why there had to be one, and what would mend that."""
    refusal.message = f"{refusal.message} It was to be asked again, because {cause.message}"
    refusal.way_out = f"{cause.way_out} Or: {refusal.way_out}"


def _key_refused(spec: ModelSpec, said: str, status: str, extra: Mapping[str, object]) -> ModelRefusedKey:
    if not spec.api_key:
        return ModelRefusedKey(
            f"{spec.provider} wants a key for model {spec.model}, and the model has none{status}.{said}",
            way_out="Set `api_key` in the model's spec to a reference such as `env:NAME` and apply it again.",
            field="spec.api_key",
            extra=extra,
        )
    return ModelRefusedKey(
        f"{spec.provider} refused the key at {spec.api_key} for model {spec.model}{status}.{said}",
        way_out=f"Check that {spec.api_key} holds a valid key that may use {spec.model}, then try again.",
        field="spec.api_key",
        extra=extra,
    )


def _request_refused(
    failure: Failure, spec: ModelSpec, said: str, status: str, extra: Mapping[str, object]
) -> ModelRefusedRequest:
    who = f"{spec.provider} model {spec.model}"
    if failure.status == HTTPStatus.NOT_FOUND:
        return ModelRefusedRequest(
            f"{spec.provider} does not know model {spec.model}{status}.{said}",
            way_out="Check `model` and `base_url` in the model's spec; the key may also lack access to this model.",
            field="spec.model",
            extra=extra,
        )
    if failure.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ModelRefusedRequest(
            f"{who} refused the request as too large{status}.{said}",
            way_out="Send less (fewer tools, shorter tool results), or choose a model that takes more.",
            extra=extra,
        )
    return ModelRefusedRequest(
        f"{who} refused the request{status}.{said}",
        way_out="Look at its words: often the input is too long, or a tool's schema is one that it cannot read.",
        extra=extra,
    )

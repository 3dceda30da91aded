"""What goes to a provider and comes back, by way of pydantic-ai.

This module and `mapping.py` are the only ones that import pydantic-ai and the providers' SDKs. That takes seconds of
CPU and 60 to 145 MB, so `direct.py` loads them in a thread, when a hosted model is first asked, and each SDK is loaded
by the function that needs it.

Invariants:
- One HTTP client per Client, over `line.py`. The SDKs' own retries are off, and so are redirects: a key goes to one
  host only, at an address that the egress rules let through.
- Address and key are always given to the SDK, which would else take them from the server's environment; of the headers
  that it takes from there all the same, none goes out.
- A request is always streamed, so that cancelling cuts it at once and text can be shown as it comes.
- Thinking is read off the stream and dropped; nobody stores or shows a chain of thought.
- Nothing that leaves this module holds the key: failures are text from which it was removed, never an exception.
"""

import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, cast

from pydantic_ai import direct
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    UserError,
)
from pydantic_ai.messages import ModelResponseStreamEvent, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import Model, StreamedResponse, create_async_httpx2_client
from pydantic_ai.settings import ModelSettings

from swarmstead.models.adapters import line, mapping
from swarmstead.models.adapters.retries import Failure, FailureKind
from swarmstead.models.contract import ModelReply, ModelRequest, ModelSpec, Usage
from swarmstead.models.ports import Addresses, OnDelta
from swarmstead.models.rules import address_of

_NO_KEY = "not-set"  # SDKs insist on a key; servers that want none ignore it
_NAMED_BY_OPENAI = re.compile(r"gpt-|o\d")
_MOST_DETAIL = 300
_TAKEN = range(200, 300)
_SAYS_NO: frozenset[FailureKind] = frozenset({"unavailable", "rate_limited", "quota", "key", "request"})
_NOT_ITS_OWN = frozenset({504, 524})
"""A gateway says that nothing came in time from behind it: the provider has the request, and refused nothing."""
_OF_ANYBODY = frozenset({408, 499, *range(500, 600)})
"""So may any gateway, when what is behind it broke off: it is the provider's refusal only if it has that form."""
_ALONE_OR_TYPED = frozenset({"error", "error_type"})
_MEDIA = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")
_BYTES_PER_TOKEN = 256
"""More than the longest tokens of any vocabulary in use have (`o200k` has some of 128)."""
_BYTES_PER_EVENT, _BYTES_AROUND = 4_096, 1 << 20
"""More than a token takes on the wire, with an event to itself (some 300 bytes); and signs of life before the first."""
_KEY_HEADERS = {"anthropic": ("x-api-key", "{}"), "google": ("x-goog-api-key", "{}")}
_Make = Callable[[str], Model[Any]]


@dataclass(slots=True)
class Progress:
    """How far an attempt came, for whoever cuts it."""

    most_bytes: int
    sent: bool = False
    status: int = 0
    media: str = ""
    started: bool = False
    stream: StreamedResponse | None = None
    _close: Callable[[], Awaitable[None]] | None = None

    def sending(self) -> None:
        """As `line.Listener`."""
        self.sent = True

    def answered(self, status: int, media: str, close: Callable[[], Awaitable[None]]) -> None:
        """As `line.Listener`."""
        self.status, self.media, self._close = status, media, close

    async def close(self) -> None:
        """Let go of the provider's answer. SDKs leave one that broke to the garbage collector, and it streams on."""
        if self._close is not None:
            await self._close()

    def judged(self, failure: Failure, request: ModelRequest) -> Failure:
        """The failure with what is charged for it, and with what had come."""
        return self.seen(replace(failure, usage=self.usage(request, failure)))

    def seen(self, failure: Failure) -> Failure:
        """The failure with what had come. What ended, and was no stream of events, did not break off."""
        if failure.kind == "cut" and self.status in _TAKEN and self.media != line.EVENTS:
            failure = replace(failure, kind="garbled")
        return replace(failure, seen=failure.seen or self._seen(failure))

    def _seen(self, failure: Failure) -> str:
        if self.status not in _TAKEN or failure.kind == "endless":
            return ""
        if failure.kind in _SAYS_NO:
            return f"HTTP {self.status}, with an error in the answer"
        media = self.media if _MEDIA.fullmatch(self.media) else "of no type"
        return f"HTTP {self.status}, {media}" if failure.kind == "garbled" else ""

    def usage(self, request: ModelRequest, failure: Failure) -> Usage:
        """What an attempt that did not end is charged for: nothing that the provider had not got, or has refused."""
        if not self.sent or self._refused(failure):
            return Usage()
        return mapping.usage_of_broken(self.stream.get() if self.stream else None, request)

    def _refused(self, failure: Failure) -> bool:
        if self.status in _TAKEN:  # then it may still say no in the first event of its answer
            nothing_came = self.stream is None or mapping.is_empty(self.stream.get())
            return failure.kind in _SAYS_NO and nothing_came
        if self.status in _OF_ANYBODY:
            return failure.of_provider and self.status not in _NOT_ITS_OWN
        return self.status != 0


class Client:
    """A provider's SDK over one pooled HTTP client. Belongs to the event loop that first uses it.

    Cost: the first one of a provider imports its SDK; make it in a thread.
    """

    def __init__(self, provider: str, base_url: str, key: str, addresses: Addresses) -> None:
        self.key = key
        name, value = _KEY_HEADERS.get(provider, ("authorization", "Bearer {}"))
        own = {name: value.format(key or _NO_KEY)}
        self._http = create_async_httpx2_client(transport=line.Line(addresses, own))
        self._models: dict[str, Model[Any]] = {}
        maker = {"anthropic": _anthropic, "google": _google, "ollama": _ollama}.get(provider, _openai)
        self._make = maker(base_url, key or _NO_KEY, self._http)

    def model(self, name: str) -> Model[Any]:
        """The model of that name at this provider."""
        if name not in self._models:
            self._models[name] = self._make(name)
        return self._models[name]

    async def aclose(self) -> None:
        """Close the connections, those in use included."""
        await self._http.aclose()


def _anthropic(base_url: str, key: str, http: Any) -> _Make:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    sdk = AsyncAnthropic(api_key=key, base_url=address_of("anthropic", base_url), http_client=http, max_retries=0)
    provider = AnthropicProvider(anthropic_client=sdk)
    return lambda name: AnthropicModel(name, provider=provider)


def _google(base_url: str, key: str, http: Any) -> _Make:
    from google.genai.types import HttpRetryOptions
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    address = address_of("google", base_url)
    once = HttpRetryOptions(attempts=1)
    provider = GoogleProvider(api_key=key, http_client=http, base_url=address, retry_options=once)
    return lambda name: GoogleModel(name, provider=provider)


def _openai(base_url: str, key: str, http: Any) -> _Make:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai import OpenAIProvider

    address = address_of("openai", base_url)
    provider = OpenAIProvider(openai_client=AsyncOpenAI(api_key=key, base_url=address, http_client=http, max_retries=0))

    def make(name: str) -> Model[Any]:
        # Servers that speak OpenAI's API often know only the older name of the output limit and ignore the newer one;
        # then nothing would bound what a reply costs. OpenAI's own models insist on the newer one.
        newer = not base_url or _NAMED_BY_OPENAI.match(name) is not None
        profile = OpenAIModelProfile(
            openai_chat_streaming_requires_finish_reason=True, openai_chat_supports_max_completion_tokens=newer
        )
        return OpenAIChatModel(name, provider=provider, profile=profile)

    return make


def _ollama(base_url: str, key: str, http: Any) -> _Make:
    from openai import AsyncOpenAI
    from pydantic_ai.models.ollama import OllamaModel
    from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer, OpenAIModelProfile
    from pydantic_ai.providers.ollama import OllamaProvider

    address = address_of("ollama", base_url)
    provider = OllamaProvider(openai_client=AsyncOpenAI(api_key=key, base_url=address, http_client=http, max_retries=0))
    profile = OpenAIModelProfile(
        openai_chat_streaming_requires_finish_reason=True, openai_chat_supports_max_completion_tokens=False
    )
    if not ModelSpec("ollama", base_url=base_url).runs_at_home:
        # For some families schemas would go out with all references written out, without a bound on what that costs.
        profile["json_schema_transformer"] = OpenAIJsonSchemaTransformer
    return lambda name: OllamaModel(name, provider=provider, profile=profile)


def begun(request: ModelRequest) -> Progress:
    """The progress of an attempt that is about to be made."""
    return Progress(_BYTES_AROUND + request.max_output_tokens * _BYTES_PER_EVENT)


async def ask(
    client: Client, model: str, request: ModelRequest, progress: Progress, on_delta: OnDelta | None
) -> ModelReply | Failure:
    """One attempt. Cancelling it closes the provider's connection."""
    names = mapping.Names(request)
    async with AsyncExitStack() as stack:
        stack.callback(line.HEARD.reset, line.HEARD.set(progress))
        stack.push_async_callback(progress.close)
        try:
            stream = await stack.enter_async_context(
                direct.model_request_stream(
                    client.model(model),
                    mapping.to_wire(request.messages, names),
                    model_settings=ModelSettings(max_tokens=request.max_output_tokens),
                    model_request_parameters=mapping.to_parameters(request.tools, names),
                    instrument=False,
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever the SDK made of what the provider sent
            return progress.judged(_failure(error, client.key, progress), request)
        progress.stream = stream
        failure = await _read(stream, client.key, progress, request.max_output_tokens, on_delta)
        if failure is not None:
            await progress.close()  # before the SDK's own leaving, which may read on to the end
            return progress.judged(failure, request)
        reply = mapping.to_reply(stream.get(), request, names)
        return progress.seen(reply) if isinstance(reply, Failure) else reply


async def _read(
    stream: StreamedResponse, key: str, progress: Progress, most_tokens: int, on_delta: OnDelta | None
) -> Failure | None:
    events = aiter(stream)
    left = most_tokens * _BYTES_PER_TOKEN
    while True:
        try:
            event = await anext(events)
        except StopAsyncIteration:
            return None
        except Exception as error:  # noqa: BLE001 - as above
            return _failure(error, key, progress)
        progress.started = True
        left -= mapping.length_of(event)
        if left < 0:
            return Failure("endless")
        text = _text_of(event)
        if text and on_delta is not None:
            on_delta(text)


def _text_of(event: ModelResponseStreamEvent) -> str:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


# Failures ------------------------------------------------------------------------------------------------------------


def _failure(error: Exception, key: str, progress: Progress) -> Failure:
    if refused := line.cause(error, line.Denied):
        return Failure("denied", str(refused))
    if line.cause(error, line.Endless):
        return Failure("endless")
    if line.cause(error, line.Compressed):
        return Failure("garbled", seen=f"HTTP {progress.status}, compressed, which it was asked not to be")
    return replace(_told(error, key), of_provider=_of_provider(error, progress.media))


def _of_provider(error: Exception, media: str) -> bool:
    """Whether the error is told in a form that providers tell theirs in, by the whole of what was sent.

    SDKs hand on one layer of it, and what is no JSON as a text; a gateway's own JSON looks the same then.
    """
    if not isinstance(error, ModelHTTPError) or "json" not in media:
        return False
    try:
        body: object = json.loads(cast("Any", error.__cause__).response.text)
    except (AttributeError, ValueError, RuntimeError):  # no answer, no JSON, or none that was or can be read to its end
        return False
    if isinstance(body, list):  # Google's, of a stream
        body = next(iter(cast("list[object]", body)), None)
    return isinstance(body, dict) and _is_refusal(cast("dict[str, object]", body))


def _is_refusal(body: dict[str, object]) -> bool:
    """`{"message": ...}` and `{"detail": ...}` are what gateways and web frameworks say of their own accord."""
    told = body.get("error")
    if isinstance(told, str):  # Ollama's; with a status or a path beside it, it is a gateway's (Spring's)
        return bool(told) and body.keys() <= _ALONE_OR_TYPED
    if told is not None:
        return isinstance(told, dict) and "message" in told
    return "message" in body and (body.get("object") == "error" or "type" in body)  # vLLM's, Mistral's


def _told(error: Exception, key: str) -> Failure:
    match error:
        case ModelHTTPError():
            failure = _http_failure(error, key)
        case ModelQuotaExceededError():
            failure = Failure("quota", _detail(error, key))
        case ModelRateLimitError():
            failure = Failure("rate_limited", _detail(error, key), retry_after_s=error.retry_after)
        case ModelConnectionError():
            failure = Failure("unreachable" if error.phase in {"connect", "pool"} else "cut")
        case ModelAPIError():
            failure = _answer_failure(error, key)
        case UserError():
            failure = Failure("request", _cleaned(str(error), key))
        case _:
            failure = Failure("garbled")
    return failure


def _http_failure(error: ModelHTTPError, key: str) -> Failure:
    detail, status = _detail(error, key), error.status_code
    if isinstance(error, ModelQuotaExceededError) or status == HTTPStatus.PAYMENT_REQUIRED:
        return Failure("quota", detail, status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Failure("rate_limited", detail, status, error.retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Failure("unavailable", detail, status, error.retry_after)
    if status in {401, 403} or "API_KEY_INVALID" in str(error.body):  # Google says 400 to a wrong key
        return Failure("key", detail, status)
    return Failure("request", detail, status)


def _answer_failure(error: ModelAPIError, key: str) -> Failure:
    if error.in_stream:
        return Failure("unavailable", _detail(error, key), retry_after_s=error.retry_after)
    if "finish_reason" in error.message:
        return Failure("cut")
    return Failure("garbled")


def _detail(error: ModelAPIError, key: str) -> str:
    """The provider's own sentence, where it stands as one in the forms that error bodies have.

    Any other answer is nobody's message: it may be a page of a server that was never meant to be read.
    """
    body = error.body
    if not isinstance(body, dict):
        return ""
    fields = cast("dict[str, object]", body)
    if "error" not in fields and "status" in fields:
        return ""  # Google's SDK puts whatever it got under `message`, beside the status
    found = fields.get("error", fields)
    if isinstance(found, dict):
        found = cast("dict[str, object]", found).get("message")
    return _cleaned(found, key) if isinstance(found, str) else ""


def _cleaned(text: str, key: str) -> str:
    if key:
        text = text.replace(key, "[key]")
    text = " ".join(text.split())
    return text if len(text) <= _MOST_DETAIL else text[: _MOST_DETAIL - 1] + "…"

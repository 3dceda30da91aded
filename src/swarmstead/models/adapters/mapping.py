"""Our messages to pydantic-ai's and back. Imports pydantic-ai: see `wire.py`."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.messages import ModelRequest as WireRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from swarmstead.kernel.plain import plain, plain_text
from swarmstead.models import prices
from swarmstead.models.adapters.retries import Failure
from swarmstead.models.contract import FinishReason, Message, ModelReply, ModelRequest, ToolCall, ToolSpec, Usage

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "tool_call": "tool_calls",
    "length": "length",
    "content_filter": "content_filter",
}
_MOST_TOKENS = 10**12
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


class Names:
    """Tool names as providers accept them, and back: MCP allows dots, slashes and any length; providers do not."""

    def __init__(self, request: ModelRequest) -> None:
        known = [tool.name for tool in request.tools]
        known += [call.name for message in request.messages for call in message.tool_calls]
        self._ours = {_safe(name): name for name in known}

    def to_wire(self, name: str) -> str:
        """The name that is sent: the same where a provider accepts it, else shortened, cleaned and made unique."""
        return _safe(name)

    def from_wire(self, name: str) -> str:
        """Our name again; a name that the model made up is kept as it is."""
        return self._ours.get(name, name)


def to_parameters(tools: Iterable[ToolSpec], names: Names) -> ModelRequestParameters:
    """The tools of a request. `strict` is off: a schema belongs to its tool server and is not bent for a provider."""
    definitions = [
        ToolDefinition(
            name=names.to_wire(tool.name),
            description=tool.description,
            parameters_json_schema=dict(tool.input_schema),
            strict=False,
        )
        for tool in tools
    ]
    return ModelRequestParameters(function_tools=definitions)


def to_wire(messages: Sequence[Message], names: Names) -> list[ModelMessage]:
    """The conversation. What stands between two assistant messages becomes one request, as Anthropic demands."""
    called = {call.id: call.name for message in messages for call in message.tool_calls}
    out: list[ModelMessage] = []
    parts: list[ModelRequestPart] = []
    for message in messages:
        if message.role != "assistant":
            parts.append(_request_part(message, called, names))
            continue
        if parts:
            out.append(WireRequest(parts=parts))
            parts = []
        out.append(ModelResponse(parts=_response_parts(message, names)))
    if parts:
        out.append(WireRequest(parts=parts))
    return out


def to_reply(response: ModelResponse, request: ModelRequest, names: Names) -> ModelReply | Failure:
    """One complete answer, or what is wrong with it. `attempts` is left for the caller to count."""
    details = response.provider_details or {}
    if response.finish_reason is None and not details.get("finish_reason"):
        return Failure("cut", usage=usage_of_broken(response, request))
    usage = usage_of(response, request)
    finish = _FINISH.get(response.finish_reason or "", "other")
    text = plain_text("".join(part.content for part in response.parts if isinstance(part, TextPart)))
    try:
        calls = _calls(response.parts, names)
    except (ValueError, RecursionError):
        return Failure("cut_arguments" if finish == "length" else "arguments", usage=usage)
    if finish == "length" and _is_bare_call(response.parts):
        return Failure("cut_arguments", usage=usage)
    if calls and finish == "stop":
        finish = "tool_calls"
    return ModelReply(text, calls, usage, finish, model=plain_text(response.model_name or ""))


def _is_bare_call(parts: Sequence[ModelResponsePart]) -> bool:
    """Whether the answer ends with a call of which nothing but the name had come."""
    last = parts[-1] if parts else None
    return isinstance(last, ToolCallPart) and not (last.args.strip() if isinstance(last.args, str) else last.args)


def usage_of(response: ModelResponse, request: ModelRequest) -> Usage:
    """The tokens of a whole answer as the provider counted them. What it did not count is taken at our upper bound."""
    told = _told(response)
    read = told.input_tokens or prices.token_upper_bound(request)
    return Usage(read, told.output_tokens or min(_said(response), request.max_output_tokens), told.cached_tokens)


def usage_of_broken(response: ModelResponse | None, request: ModelRequest) -> Usage:
    """The tokens that a provider may bill for an answer which did not end; `response` is what came of it, if anything.

    What it has told so far may be the count of the beginning (Anthropic's first event says 1), so what was streamed
    counts if it is more. Where it was silent or told no count of what it says, it may have thought unseen: then only
    the limit that was sent with the request bounds the answer, which is what a run that is cancelled pays, too.
    """
    told = _told(response) if response else Usage()
    said = _said(response) if response else 0
    most = request.max_output_tokens
    wrote = min(said, most) if told.output_tokens and said else most
    read = told.input_tokens or prices.token_upper_bound(request)
    return Usage(read, max(told.output_tokens, wrote), told.cached_tokens)


def length_of(event: ModelResponseStreamEvent) -> int:
    """What an event adds to an answer, in bytes or a little less, and 1 where that is nothing."""
    if isinstance(event, PartStartEvent):
        return max(1, sum(map(len, _texts(event.part))))
    if not isinstance(event, PartDeltaEvent):
        return 1
    match event.delta:
        case TextPartDelta() | ThinkingPartDelta():
            return max(1, len(event.delta.content_delta or ""))
        case ToolCallPartDelta():
            return max(1, len(event.delta.args_delta or ""))
        case _:
            return 1


def is_empty(response: ModelResponse) -> bool:
    """Whether nothing was told or said yet."""
    return _told(response) == Usage() and not response.parts


def _told(response: ModelResponse) -> Usage:
    """The provider's count. One beyond all sense, below nothing or of a fraction becomes what a ledger can hold."""
    used = response.usage
    read = _countable(used.input_tokens)
    return Usage(read, _countable(used.output_tokens), min(_countable(used.cache_read_tokens), read))


def _countable(tokens: object) -> int:
    """SDKs pass on what they were sent, whole number or not; what is no number is no count."""
    if isinstance(tokens, str):
        try:
            tokens = float(tokens)
        except ValueError:
            return 0
    if isinstance(tokens, bool) or not isinstance(tokens, int | float):
        return 0
    if isinstance(tokens, float) and math.isnan(tokens):  # of a whole number beyond all floats it cannot be asked
        return 0
    return math.ceil(max(0, min(tokens, _MOST_TOKENS)))


def _said(response: ModelResponse) -> int:
    """Bytes of all that was streamed, thoughts included. A token is at least one of them."""
    return sum(len(text.encode(errors="replace")) for part in response.parts for text in _texts(part))


def _texts(part: ModelResponsePart) -> tuple[str, ...]:
    match part:
        case TextPart():
            return (part.content,)
        case ThinkingPart():
            return part.content, part.signature or ""
        case ToolCallPart():
            return part.tool_name, part.args if isinstance(part.args, str) else part.args_as_json_str()
        case _:
            return ()


def _safe(name: str) -> str:
    if _SAFE_NAME.fullmatch(name):
        return name
    cleaned = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:54]
    return f"_{cleaned}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _request_part(message: Message, called: Mapping[str, str], names: Names) -> ModelRequestPart:
    text = message.text.encode(errors="replace").decode()  # half a surrogate pair cannot be sent
    if message.role == "system":
        return SystemPromptPart(text)
    if message.role == "user":
        return UserPromptPart(text)
    return ToolReturnPart(
        tool_name=names.to_wire(called.get(message.tool_call_id, "unknown")),
        content=text,
        tool_call_id=message.tool_call_id,
        outcome="failed" if message.is_error else "success",
    )


def _response_parts(message: Message, names: Names) -> list[ModelResponsePart]:
    parts: list[ModelResponsePart] = [TextPart(message.text)] if message.text else []
    calls = (ToolCallPart(names.to_wire(call.name), dict(call.arguments), call.id) for call in message.tool_calls)
    return [*parts, *calls]


def _calls(parts: Sequence[ModelResponsePart], names: Names) -> tuple[ToolCall, ...]:
    calls: list[ToolCall] = []
    seen: set[str] = set()
    for part in parts:
        if isinstance(part, ToolCallPart):
            # Some servers that speak a provider's API give every call of a reply the same id.
            given = plain_text(part.tool_call_id)
            call_id = given if given not in seen else f"{given}_{len(calls)}"
            seen.add(call_id)
            calls.append(ToolCall(call_id, names.from_wire(plain_text(part.tool_name)), _arguments(part.args)))
    return tuple(calls)


def _arguments(args: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Fails: ValueError when they are not a JSON object, RecursionError when they are nested beyond reading."""
    value: Any = json.loads(args) if isinstance(args, str) and args.strip() else args or {}
    if value is None:  # models that have nothing to say for a tool without parameters say `null`
        return {}
    if isinstance(value, dict):
        return plain(value)
    raise ValueError("not an object")

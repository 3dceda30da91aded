"""Anthropic's messages API on loopback.

Format: docs.claude.com/en/api/messages and /en/docs/build-with-claude/streaming.
"""

import json
from collections.abc import Sequence
from typing import Any

from tests.fakes import web
from tests.fakes.model_server import Answer, ModelServer, sse

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicServer(ModelServer):
    error_event = "error"

    @property
    def base_url(self) -> str:
        return self.origin

    def key_of(self, request: web.Request) -> str:
        # Either header is accepted; which one the SDK sends depends on its version.
        return request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")

    def model_of(self, request: web.Request, body: Any) -> str:
        return body["model"]

    def streams(self, request: web.Request, body: Any) -> bool:
        return bool(body.get("stream"))

    def error(self, status: int, message: str) -> Any:
        kind = _TYPES.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}

    def whole(self, answer: Answer, model: str) -> Any:
        blocks = [_filled(block, deltas) for block, deltas in _blocks(answer)]
        return _message(model) | {"content": blocks, "stop_reason": _stop(answer), "usage": _usage(answer)}

    def frames(self, answer: Answer, model: str, body: Any) -> Sequence[str]:
        start = _message(model) | {"usage": _usage(answer) | {"output_tokens": 1}}
        out = [_event("message_start", message=start), _event("ping")]
        for index, (block, deltas) in enumerate(_blocks(answer)):
            out.append(_event("content_block_start", index=index, content_block=block))
            out += [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
            out.append(_event("content_block_stop", index=index))
        delta = {"stop_reason": _stop(answer), "stop_sequence": None}
        out.append(_event("message_delta", delta=delta, usage={"output_tokens": answer.output_tokens}))
        out.append(_event("message_stop"))
        return out


def _event(kind: str, **fields: Any) -> str:
    return sse({"type": kind, **fields}, kind)


def _message(model: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _blocks(answer: Answer) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each content block as it starts, and the deltas that fill it."""
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if answer.thinking:
        thought = [
            {"type": "thinking_delta", "thinking": answer.thinking},
            {"type": "signature_delta", "signature": "s"},
        ]
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, thought))
    if answer.text:
        pieces = [{"type": "text_delta", "text": piece} for piece in answer.pieces]
        blocks.append(({"type": "text", "text": ""}, pieces))
    for call in answer.calls:
        half = len(call.raw) // 2
        parts = [{"type": "input_json_delta", "partial_json": part} for part in ("", call.raw[:half], call.raw[half:])]
        blocks.append(({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, parts))
    return blocks


def _filled(block: dict[str, Any], deltas: list[dict[str, Any]]) -> dict[str, Any]:
    joined = "".join(str(delta.get("text", delta.get("partial_json", ""))) for delta in deltas)
    if block["type"] == "tool_use":
        return block | {"input": json.loads(joined)}
    return block | {"text": joined}


def _stop(answer: Answer) -> str:
    return "max_tokens" if answer.cut_by_limit else "tool_use" if answer.calls else "end_turn"


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.input_tokens - answer.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.cached_tokens,
        "output_tokens": answer.output_tokens,
    }

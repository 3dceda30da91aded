"""OpenAI's chat completions API on loopback. Ollama and many others speak the same.

Format: platform.openai.com/docs/api-reference/chat (objects `chat.completion` and `chat.completion.chunk`).
"""

from collections.abc import Sequence
from typing import Any

from tests.fakes import web
from tests.fakes.model_server import Answer, ModelServer, sse

_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 429: "requests"}


class OpenAIServer(ModelServer):
    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def key_of(self, request: web.Request) -> str:
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    def model_of(self, request: web.Request, body: Any) -> str:
        return body["model"]

    def streams(self, request: web.Request, body: Any) -> bool:
        return bool(body.get("stream"))

    def error(self, status: int, message: str) -> Any:
        kind = _TYPES.get(status, "server_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def whole(self, answer: Answer, model: str) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.calls:
            message["tool_calls"] = [_call(answer, n) for n in range(len(answer.calls))]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
        return _envelope("chat.completion", model) | {"choices": [choice], "usage": _usage(answer)}

    def frames(self, answer: Answer, model: str, body: Any) -> Sequence[str]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        if answer.thinking:
            deltas.append({"reasoning_content": answer.thinking})
        deltas += [{"content": piece} for piece in answer.pieces]
        for n, call in enumerate(answer.calls):
            head = _call(answer, n) | {"index": n, "function": {"name": call.name, "arguments": ""}}
            half = len(call.raw) // 2
            deltas.append({"tool_calls": [head]})
            deltas += [
                {"tool_calls": [{"index": n, "function": {"arguments": part}}]}
                for part in (call.raw[:half], call.raw[half:])
            ]
        head = _envelope("chat.completion.chunk", model)
        chunks = [head | {"choices": [_choice(delta, None)]} for delta in deltas]
        chunks.append(head | {"choices": [_choice({}, _finish(answer))]})
        if answer.counted and body.get("stream_options", {}).get("include_usage"):
            chunks.append(head | {"choices": [], "usage": _usage(answer)})
        return [*map(sse, chunks), sse("[DONE]")]


def _envelope(kind: str, model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_760_000_000, "model": model, "system_fingerprint": "fp_1"}


def _choice(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _call(answer: Answer, n: int) -> dict[str, Any]:
    call = answer.calls[n]
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.raw}}


def _finish(answer: Answer) -> str:
    return "length" if answer.cut_by_limit else "tool_calls" if answer.calls else "stop"


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }

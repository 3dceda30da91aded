"""Google's Gemini API on loopback. Format: ai.google.dev/api/generate-content (`GenerateContentResponse`)."""

import json
from collections.abc import Sequence
from typing import Any

from tests.fakes import web
from tests.fakes.model_server import Answer, ModelServer, sse

_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}


class GoogleServer(ModelServer):
    @property
    def base_url(self) -> str:
        return self.origin

    def key_of(self, request: web.Request) -> str:
        return request.headers.get("x-goog-api-key", "")

    def model_of(self, request: web.Request, body: Any) -> str:
        return request.path.rpartition("/")[2].partition(":")[0]

    def streams(self, request: web.Request, body: Any) -> bool:
        return request.path.endswith(":streamGenerateContent")

    def error(self, status: int, message: str) -> Any:
        return {"error": {"code": status, "message": message, "status": _STATUS.get(status, "INTERNAL")}}

    def whole(self, answer: Answer, model: str) -> Any:
        return _response(answer, model, _parts(answer), last=True)

    def frames(self, answer: Answer, model: str, body: Any) -> Sequence[str]:
        parts = _parts(answer)
        last = len(parts) - 1
        return [sse(_response(answer, model, [part], last=n == last)) for n, part in enumerate(parts)]


def _parts(answer: Answer) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": answer.thinking, "thought": True}] if answer.thinking else []
    parts += [{"text": piece} for piece in answer.pieces]
    parts += [{"functionCall": {"name": call.name, "args": json.loads(call.raw)}} for call in answer.calls]
    return parts


def _response(answer: Answer, model: str, parts: list[dict[str, Any]], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if last:
        candidate["finishReason"] = "MAX_TOKENS" if answer.cut_by_limit else "STOP"
    response: dict[str, Any] = {"candidates": [candidate], "modelVersion": model, "responseId": "r1"}
    if answer.counted:
        response["usageMetadata"] = {
            "promptTokenCount": answer.input_tokens,
            "cachedContentTokenCount": answer.cached_tokens,
            "candidatesTokenCount": answer.output_tokens if last else 1,
            "totalTokenCount": answer.input_tokens + answer.output_tokens,
        }
    return response

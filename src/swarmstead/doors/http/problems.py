"""Every error leaves as problem+json with a way out. `error_handlers` does so for the framework's routes."""

from math import ceil
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from swarmstead.gateway.errors import retry_after_s
from swarmstead.kernel.errors import NotSignedIn, SteadError

MEDIA_TYPE = "application/problem+json"


def problem(status: int, code: str, detail: str, *, way_out: str = "", field: str = "", **extra: Any) -> Response:
    """A problem that is no SteadError."""
    error = SteadError(detail, way_out=way_out, field=field, code=code, extra=extra)
    error.status = status
    return response_of(error)


def response_of(error: SteadError) -> Response:
    """A SteadError as a response."""
    headers = {"www-authenticate": "Bearer"} if isinstance(error, NotSignedIn) else dict[str, str]()
    if again := retry_after_s(error):
        headers["retry-after"] = str(ceil(again))
    return JSONResponse(error.problem(), error.status, headers, MEDIA_TYPE)


# What the framework or a guard refuses: status -> (code, detail unless the error has its own, way out)
_REFUSALS = {
    400: ("bad_input", "", "Send what /api/v1/openapi.json describes for this call."),
    404: ("not_found", "There is nothing at this address.", "See /api/v1/openapi.json."),
    405: ("method_not_allowed", "This address does not take this method.", "See /api/v1/openapi.json."),
    408: ("body_too_slow", "", "Send the body faster, or raise STEAD_READ_TIMEOUT_S."),
    413: ("body_too_large", "", "Send less, or raise STEAD_MAX_BODY_BYTES."),
}


def refusal(error: HTTPException) -> Response:
    """An error of the framework, or of a guard, as a problem."""
    code, detail, way_out = _REFUSALS.get(error.status_code, ("http_error", "", ""))
    answer = problem(error.status_code, code, detail or str(error.detail), way_out=way_out)
    answer.headers.update(error.headers or {})
    return answer

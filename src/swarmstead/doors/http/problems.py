"""Every error leaves as problem+json with a way out.

What we did not foresee leaves as a 500 without details, and is logged.
"""

import logging
import secrets
from collections.abc import Mapping
from math import ceil
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from swarmstead.doors.http import views
from swarmstead.gateway.errors import retry_after_s
from swarmstead.kernel.errors import NotSignedIn, SteadError
from swarmstead.kernel.faults import in_words
from swarmstead.runs.contract import Plan
from swarmstead.runs.errors import PlanChanged

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem(status: int, code: str, detail: str, *, way_out: str = "", field: str = "", **extra: Any) -> Response:
    """A problem that is no SteadError."""
    error = SteadError(detail, way_out=way_out, field=field, code=code, extra=extra)
    error.status = status
    return response_of(error)


def response_of(error: SteadError) -> Response:
    """A SteadError as a response. A changed plan comes with the plan that would run now."""
    body = error.problem()
    if isinstance(error, PlanChanged) and isinstance(error.plan, Plan):
        body["plan"] = views.plan(error.plan).model_dump(mode="json")
    headers = {"www-authenticate": "Bearer"} if isinstance(error, NotSignedIn) else dict[str, str]()
    if again := retry_after_s(error):
        headers["retry-after"] = str(ceil(again))
    return JSONResponse(body, error.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every route of `app` answer errors this way."""
    app.add_exception_handler(SteadError, _stead)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


async def _stead(_request: Request, error: Exception) -> Response:
    return response_of(cast("SteadError", error))


async def _validation(_request: Request, error: Exception) -> Response:
    faults = cast("RequestValidationError", error).errors()
    first = faults[0]
    if first["type"] == "json_invalid":
        return _no_json(first)
    parts = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    field = ".".join(parts)
    detail = f"{field or 'The body'}: {in_words(first)}."
    errors = [{"field": ".".join(str(part) for part in one["loc"][1:]), "message": in_words(one)} for one in faults]
    way_out = "Send what /api/v1/openapi.json describes for this call."
    return problem(422, "bad_input", detail, way_out=way_out, field=field, errors=errors)


def _no_json(fault: Mapping[str, Any]) -> Response:
    """A body that cannot be read has no fields: the place is the character at which reading stopped."""
    at = fault["loc"][-1]
    reason = str(fault.get("ctx", {}).get("error", "")) or "it ends too early"
    return problem(
        422,
        "bad_input",
        f"The body is not JSON: at character {at}, {reason[:1].lower()}{reason[1:]}.",
        way_out="Send one JSON object as /api/v1/openapi.json describes it.",
    )


async def _http(_request: Request, error: Exception) -> Response:
    return refusal(cast("HTTPException", error))


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


async def _unforeseen(request: Request, error: Exception) -> Response:
    trace_id = secrets.token_hex(16)
    log.error("unforeseen error in %s %s (trace %s)", request.method, request.url.path, trace_id, exc_info=error)
    return problem(
        500,
        "internal",
        "Something in Swarmstead failed. Nothing is known to be half done.",
        way_out="Try again; if it stays, report it with the trace id. The server's log tells more.",
        trace_id=trace_id,
    )

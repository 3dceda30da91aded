"""Errors of the framework's routes as problems.

What we did not foresee leaves as a 500 without details, and is logged.
"""

import logging
import secrets
from collections.abc import Mapping
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from swarmstead.doors.http.problems import problem, refusal, response_of
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.faults import in_words

log = logging.getLogger(__name__)


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

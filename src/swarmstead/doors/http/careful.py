"""The route class of the API: who asks is found out before a body is read; POSTs may be repeated; things have ETags.

Idempotency: `once.py`.

ETag: `"VERSION-HASH"`. HASH is of what was sent, for `If-None-Match`. VERSION is what a change depends on, and the part
of it that `If-Match` is about: a digest of a resource, the `seq` of a run, the state and payload of a question. Only
an answer that is there as a whole has one: what is streamed passes untouched.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from swarmstead.doors.http.auth import caller
from swarmstead.doors.http.bodies import checked, needs_caller
from swarmstead.doors.http.once import KEY_HEADER, Handler, under_key
from swarmstead.kernel.errors import BadInput, ChangedMeanwhile
from swarmstead.kernel.hashing import sha256_hex

# Change nothing, or only for the browser that sends them.
REPEATABLE = frozenset(
    {
        "/api/v1/runs:preview",
        "/api/v1/policies:test",
        "/api/v1/audit:verify",
        "/api/v1/audit:checkpoint",
        "/api/v1/session:redeem",
        "/api/v1/session:sign-in",
        "/api/v1/session:sign-out",
    }
)
_SECRET = frozenset({"/api/v1/keys", "/api/v1/tokens", "/api/v1/session:link"})
_NO_VERSION = "?"  # no version of anything
_TAG = re.compile(r'(?:W/)?"([^"]*)"|(\*)')
_HASH_CHARS = 16
_DOC = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "The same request under the same key, within 24 hours, is done once and answered alike.",
    "schema": {"type": "string", "maxLength": 200},
}


class CarefulRoute(APIRoute):
    """A route whose POSTs can be repeated under a key, and whose GETs may be marked with a version."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if _is_once(path, options.get("methods") or ()):
            extra: dict[str, Any] = options.get("openapi_extra") or {}
            if _DOC not in extra.get("parameters", []):
                options["openapi_extra"] = extra | {"parameters": [*extra.get("parameters", []), _DOC]}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, with what this class adds around it."""
        handle = super().get_route_handler()
        once, known = _is_once(self.path, self.methods), needs_caller(self.endpoint)

        async def careful(request: Request) -> Response:
            if known:
                await caller(request)
            request = await checked(request, known=known)
            if once and KEY_HEADER in request.headers:
                return await under_key(request, handle, secret=self.path in _SECRET)
            return _tagged(request, await handle(request))

        return careful


def _is_once(path: str, methods: Any) -> bool:
    return "POST" in methods and path not in REPEATABLE


def mark(request: Request, version: str) -> None:
    """Say which version of a thing this request reads; the answer gets its ETag."""
    request.state.version = version


def _tagged(request: Request, response: Response) -> Response:
    version: str = getattr(request.state, "version", "")
    is_whole = response.status_code == HTTPStatus.OK and not isinstance(response, StreamingResponse)
    if not version or request.method != "GET" or not is_whole:
        return response
    tag = f'"{version}-{sha256_hex(bytes(response.body))[:_HASH_CHARS]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if tag.strip('"') in {found[0] for found in _TAG.findall(request.headers.get("if-none-match", ""))}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return response


def expected(request: Request) -> frozenset[str]:
    """The versions that `If-Match` names, `*` for any; empty when there is none, so the change is bound to nothing.

    Fails: BadInput for one that names nothing: whoever sent it meant to be careful.
    """
    given = request.headers.get("if-match")
    found = _TAG.findall(given or "")
    if given is not None and not found:
        raise BadInput(
            "If-Match names no version.",
            field="If-Match",
            way_out='Send the ETag of the answer that you read, with its quotes, such as "sha256:…-0f3a…".',
        )
    return frozenset(star or tag.rpartition("-")[0] or _NO_VERSION for tag, star in found)


def expect(request: Request, version: str, what: str) -> None:
    """Hold a change to what its `If-Match` names. Fails: ChangedMeanwhile."""
    if (seen := expected(request)) and not seen & {version, "*"}:
        raise ChangedMeanwhile(
            f"{what} is not what it was when you read it. Nothing was changed.",
            way_out="Read it again and look at what has changed; its new ETag goes into If-Match.",
        )

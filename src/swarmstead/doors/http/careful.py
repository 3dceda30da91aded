"""The route class of the API: who asks is found out before a body is read; POSTs may be repeated; things have ETags.

Idempotency. A POST under an `Idempotency-Key` is done once. A key belongs to one caller and one address, for 24 hours.
The first request takes it; the same request again gets the first one's answer, one that came at the same time waits for
it, and another request is refused. A refusal (4xx) gives the key back: nothing was done. When the server ended in
between, the same request is done again, unless its answer holds a secret; launches know their claim and start nothing
twice. Answers that hold a secret are not kept.

ETag: `"VERSION-HASH"`. HASH is of what was sent, for `If-None-Match`. VERSION is what a change depends on, and the part
of it that `If-Match` is about: a digest of a resource, the `seq` of a run, the state and payload of a question. Only
an answer that is there as a whole has one: what is streamed passes untouched.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from swarmstead.doors.http.auth import app_of, caller
from swarmstead.doors.http.bodies import checked, needs_caller
from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.errors import BadInput, ChangedMeanwhile, Conflict, SteadError, Unavailable
from swarmstead.kernel.hashing import digest, sha256_hex
from swarmstead.storage import requests
from swarmstead.storage.requests import Claim

KEY_HEADER = "Idempotency-Key"
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
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
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
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class AnswerNotKept(Conflict):
    """The request was done before, or may have been; its answer held a secret and is not kept."""

    code = "idempotency_answer_not_kept"


class StillAnswering(Conflict):
    """Another server is at work on this very request."""

    code = "idempotency_in_flight"


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
                return await _once(request, handle, secret=self.path in _SECRET)
            return _tagged(request, await handle(request))

        return careful


def _is_once(path: str, methods: Any) -> bool:
    return "POST" in methods and path not in REPEATABLE


# Idempotency keys -----------------------------------------------------------------------------------------------------


def claim_of(request: Request) -> str:
    """The id of the claim under which a request is handled; '' without a key."""
    claimed: str = getattr(request.state, "claim", "")
    return claimed


async def _once(request: Request, handle: Handler, *, secret: bool) -> Response:
    key = request.headers[KEY_HEADER]
    if not _KEY.fullmatch(key):
        raise BadInput(
            "An Idempotency-Key has 1 to 200 characters, and no spaces.",
            field=KEY_HEADER,
            way_out="Make one up for each thing that you want done, such as a UUID.",
        )
    app, scope = app_of(request), await caller(request)
    route = f"{request.method} {request.url.path}"
    # A credential that may do less has the same actor: it must not be given what the other one was.
    means = [sorted(scope.actor.roles), scope.environment]
    asked = digest([request.url.query, sha256_hex(await request.body()), means])
    async with _turn(app, (scope.tenant, scope.actor.id, route, key)):
        claimed, new = await app.db.write(lambda tx: requests.claim(tx, scope, app.clock, route, key, asked))
        if not new and (earlier := _earlier(app, claimed, asked, secret=secret)) is not None:
            return earlier
        request.state.claim = claimed.id
        return await _handled(app, request, handle, claimed, secret=secret)


class _turn:  # noqa: N801 - used like a function
    """Requests under one key, one after the other: those of this process."""

    def __init__(self, app: Gatehouse, name: tuple[str, ...]) -> None:
        self._waiting = app.answering
        self._name = name

    async def __aenter__(self) -> None:
        while (other := self._waiting.get(self._name)) is not None:
            await other.wait()
        self._waiting[self._name] = asyncio.Event()

    async def __aexit__(self, *_: object) -> None:
        self._waiting.pop(self._name).set()


def _earlier(app: Gatehouse, claimed: Claim, asked: str, *, secret: bool) -> Response | None:
    """The answer of an earlier request under this key; None when the request is to be done again."""
    if claimed.asked != asked:
        raise KeyReused(
            "This Idempotency-Key was used for another request to this address.",
            way_out="Use a new key for a new request.",
        )
    if secret:
        raise AnswerNotKept(
            "This was asked before under the same key. Its answer holds a secret that is shown once and is not kept.",
            way_out="Look what it made (`stead key list`), revoke it, and make another under a new key.",
        )
    if claimed.status is not None:
        media_type = claimed.media_type or None
        return Response(claimed.body, claimed.status, {"idempotent-replayed": "true"}, media_type)
    if not app.settings.single_process and claimed.created_at > app.clock.now_ms() - requests.STALE_MS:
        raise StillAnswering("This very request is being answered right now.", way_out="Try again in a few seconds.")
    return None


async def _handled(app: Gatehouse, request: Request, handle: Handler, claimed: Claim, *, secret: bool) -> Response:
    try:
        response = await handle(request)
    except (SteadError, HTTPException, RequestValidationError) as error:
        if _status_of(error) < HTTPStatus.INTERNAL_SERVER_ERROR:
            await app.db.write(lambda tx: requests.release(tx, claimed))
        else:
            await _abandoned(app, claimed)
        raise
    except Exception:
        await _abandoned(app, claimed)
        raise
    body = "" if secret else bytes(response.body).decode()
    media_type = response.headers.get("content-type", "")
    with suppress(Unavailable):  # it was done, and is answered; a repeat of it finds the claim open
        await app.db.write(lambda tx: requests.answer(tx, claimed, response.status_code, media_type, body))
    return response


def _status_of(error: SteadError | HTTPException | RequestValidationError) -> int:
    if isinstance(error, SteadError):
        return error.status
    return error.status_code if isinstance(error, HTTPException) else HTTPStatus.UNPROCESSABLE_ENTITY


async def _abandoned(app: Gatehouse, claimed: Claim) -> None:
    """Nobody answers it any more: whoever asks again need not wait. What it may have done still stands under its id."""
    with suppress(Unavailable):
        await app.db.write(lambda tx: requests.abandon(tx, claimed))


# ETags ----------------------------------------------------------------------------------------------------------------


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

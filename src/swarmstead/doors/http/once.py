"""POSTs under an `Idempotency-Key` are done once.

A key belongs to one caller and one address, for 24 hours. The first request takes it; the same request again gets the
first one's answer, one that came at the same time waits for it, and another request is refused. A refusal (4xx) gives
the key back: nothing was done.

What a request writes and its answer are one commit (`once`), so there is no moment at which one is there without the
other: a server that ends before that commit has done nothing, and the same request is done anew; one that ends after it
has left the answer. A request that was taken over as given up finds that out in that very commit, and writes nothing.
Answers that hold a secret are kept without it. Routes that do not use `once` know their own repeats: a launch by its
claim, a dry run and a drain by having nothing to repeat.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from swarmstead.doors.http.auth import app_of, caller
from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.errors import BadInput, Conflict, SteadError, Unavailable
from swarmstead.kernel.hashing import digest, sha256_hex
from swarmstead.storage import requests
from swarmstead.storage.database import Tx
from swarmstead.storage.requests import Answer, Claim, TakenOver

KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_JSON = "application/json"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Out = TypeVar("Out", bound=BaseModel | None)


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class AnswerNotKept(Conflict):
    """The request was done before; its answer held a secret and is not kept."""

    code = "idempotency_answer_not_kept"


class StillAnswering(Conflict):
    """Another server is at work on this very request."""

    code = "idempotency_in_flight"


async def once(request: Request, do: Callable[[Tx], Out]) -> Out:
    """Write what the request asks for, in one transaction that also keeps its answer, which is what `do` comes to.

    Fails: whatever `do` raises; TakenOver, which `under_key` answers, when another server has taken the request over.
    """
    held: _Held | None = getattr(request.state, "held", None)
    if held is None:
        return await app_of(request).db.write(do)

    def done(tx: Tx) -> Out:
        requests.hold(tx, held.claim)  # what another server did meanwhile must not look like somebody else's work
        out = do(tx)
        body = "" if out is None or held.secret else out.model_dump_json(by_alias=True)
        status: int = request.scope["route"].status_code or HTTPStatus.OK
        requests.answer(tx, held.claim, Answer(status, "" if out is None else _JSON, body))
        return out

    return await app_of(request).db.write(done)


def claim_of(request: Request) -> str:
    """The id of the claim under which a request is handled, the same for all its repeats; '' without a key."""
    held: _Held | None = getattr(request.state, "held", None)
    return held.claim.id if held else ""


class _Held:
    """The claim that a request is handled under; `secret`: its answer is kept without its body."""

    __slots__ = ("claim", "secret")

    def __init__(self, claim: Claim, *, secret: bool) -> None:
        self.claim, self.secret = claim, secret


async def under_key(request: Request, handle: Handler, *, secret: bool) -> Response:
    """Answer a request that carries a key. Fails: BadInput, KeyReused, AnswerNotKept, StillAnswering."""
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
    # In a single process, whoever had it before has ended: `_turn` lets in one at a time.
    patience = 0 if app.settings.single_process else requests.STALE_MS

    def take(tx: Tx) -> tuple[Claim, bool]:
        return requests.claim(tx, scope, app.clock, route, key, asked, patience)

    async with _turn(app, (scope.tenant, scope.actor.id, route, key)):
        claimed, mine = await app.db.write(take)
        if not mine:
            return _earlier(claimed, asked, secret=secret)
        request.state.held = _Held(claimed, secret=secret)
        try:
            return await _handled(app, request, handle, claimed, secret=secret)
        except TakenOver:
            return _earlier(await app.db.read(lambda conn: requests.now(conn, claimed)), asked, secret=secret)


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


def _earlier(claimed: Claim, asked: str, *, secret: bool) -> Response:
    """The answer of an earlier request under this key."""
    if claimed.asked != asked:
        raise KeyReused(
            "This Idempotency-Key was used for another request to this address.",
            way_out="Use a new key for a new request.",
        )
    if claimed.answer is None:
        raise StillAnswering("This very request is being answered right now.", way_out="Try again in a few seconds.")
    if secret:
        raise AnswerNotKept(
            "This was asked before under the same key. Its answer holds a secret that is shown once and is not kept.",
            way_out="Look what it made (`stead key list`), revoke it, and make another under a new key.",
        )
    media_type = claimed.answer.media_type or None
    return Response(claimed.answer.body, claimed.answer.status, {"idempotent-replayed": "true"}, media_type)


async def _handled(app: Gatehouse, request: Request, handle: Handler, claimed: Claim, *, secret: bool) -> Response:
    try:
        response = await handle(request)
    except TakenOver:
        raise
    except (SteadError, HTTPException, RequestValidationError) as error:
        if _status_of(error) < HTTPStatus.INTERNAL_SERVER_ERROR:
            await app.db.write(lambda tx: requests.release(tx, claimed))
        else:
            await _abandoned(app, claimed)
        raise
    except Exception:
        await _abandoned(app, claimed)
        raise
    # Unless `once` has kept it with what was done: a route that knows its own repeats.
    body = "" if secret else bytes(response.body).decode()
    answer = Answer(response.status_code, response.headers.get("content-type", ""), body)
    with suppress(Unavailable, TakenOver):  # it was done, and is answered; its repeat comes to the same
        await app.db.write(lambda tx: requests.answer(tx, claimed, answer))
    return response


def _status_of(error: SteadError | HTTPException | RequestValidationError) -> int:
    if isinstance(error, SteadError):
        return error.status
    return error.status_code if isinstance(error, HTTPException) else HTTPStatus.UNPROCESSABLE_ENTITY


async def _abandoned(app: Gatehouse, claimed: Claim) -> None:
    """Nobody answers it any more: whoever asks again need not wait. What it may have done still stands under its id."""
    with suppress(Unavailable):
        await app.db.write(lambda tx: requests.abandon(tx, claimed))

"""Bodies of requests to the API: read only for somebody who is known, bounded in what they hold, parsed in a thread.

A body without a known sender (signing in, redeeming a link) may be small only. One that is large is counted before it
is parsed: JSON of a few megabytes can hold a million values, which cost a second of everybody's time. JSON can spell
half a surrogate pair, which nothing behind could hash, keep or send on: it is refused here, for every route at once.
"""

import asyncio
import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, get_type_hints

from fastapi import Request

from swarmstead.doors.http.auth import Caller
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.faults import in_words
from swarmstead.kernel.plain import broken_text

MOST_OF_A_STRANGER = 16_384
MOST_VALUES = 100_000
_LARGE = 65_536
# Bytes without any of these hold no half; a zero byte stands in UTF-16 and UTF-32, which JSON is read from as well.
_MAY_HOLD_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|\0")
_LONGEST_FIELD = 200


class BodyTooLarge(BadInput):
    """More than may be sent here."""

    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class ReadRequest(Request):
    """A request whose large JSON is parsed in a thread."""

    async def json(self) -> Any:
        """The body's value. Fails: json.JSONDecodeError."""
        body = await self.body()
        return await asyncio.to_thread(json.loads, body) if len(body) > _LARGE else await super().json()

    async def read_little(self) -> bytes:
        """The body of somebody who is not known: no more of it is taken in than may be sent. Fails: BodyTooLarge."""
        taken = bytearray()
        async for part in self.stream():
            taken += part
            if len(taken) > MOST_OF_A_STRANGER:
                raise BodyTooLarge(
                    f"A body without a credential has at most {MOST_OF_A_STRANGER} bytes.", way_out="Send less."
                )
        self._body = bytes(taken)
        return self._body


def needs_caller(endpoint: Callable[..., Any]) -> bool:
    """Whether a route is for somebody who is known: one of its parameters is a `Caller`."""
    return any(hint == Caller for hint in get_type_hints(endpoint, include_extras=True).values())


async def checked(request: Request, *, known: bool) -> ReadRequest:
    """The request, when its body may be parsed. `known`: its sender has been found out.

    Fails: BodyTooLarge; BadInput for JSON that holds half a surrogate pair, naming the field.
    """
    read = ReadRequest(request.scope, request.receive)
    if request.method not in ("POST", "PUT", "PATCH"):
        return read
    body = await read.body() if known else await read.read_little()
    is_json = "json" in request.headers.get("content-type", "").lower()
    if is_json and body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise BodyTooLarge(
            f"The body holds more than {MOST_VALUES:,} values.",
            way_out="Send less at once; what is long belongs in a file that a tool reads.",
        )
    if is_json and _MAY_HOLD_HALF.search(body):
        await _refuse_halves(body)
    return read


def _broken_in(body: bytes) -> tuple[str, ...] | None:
    return broken_text(json.loads(body))


async def _refuse_halves(body: bytes) -> None:
    """Cost: the body is parsed once more; only one that looks as if it had such a text gets here."""
    try:
        path = await asyncio.to_thread(_broken_in, body)
    except (ValueError, RecursionError):
        return  # whoever parses it for its route says so
    if path is None:
        return
    field = ".".join(path)[:_LONGEST_FIELD]
    raise BadInput(
        f"{field or 'The body'}: {in_words({'type': 'string_unicode'})}.",
        field=field,
        way_out="Send whole characters: an escape from \\ud800 to \\udfff stands for one only as half of a pair.",
    )

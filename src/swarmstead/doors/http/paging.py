"""Cursors: opaque to callers, two values to us. A cursor that is not ours is refused, not guessed at."""

import base64
import json
from collections.abc import Collection
from typing import Annotated, cast

from fastapi import Query

from swarmstead.kernel.errors import BadInput

MAX_INT = 2**63 - 1
Seq = Annotated[int, Query(ge=0, le=MAX_INT)]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str, Query(max_length=400)]


def choices(text: str, known: Collection[str], field: str) -> list[str]:
    """`"a,b"` -> `["a", "b"]`, each of them known. Fails: BadInput."""
    named = [one for one in text.split(",") if one]
    strange = [one for one in named if one not in known]
    if strange:
        raise BadInput(
            f"{field}: there is no {strange[0]!r}.", field=field, way_out=f"Use one or more of: {', '.join(known)}."
        )
    return named


def encode(*values: str | int) -> str:
    """A cursor that holds these values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode(cursor: str, *types: type) -> tuple[str | int, ...] | None:
    """The values of a cursor; None for ''. Fails: BadInput."""
    if not cursor:
        return None
    try:
        found: object = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = None
    values = cast("list[str | int]", found) if isinstance(found, list) else []
    if len(values) != len(types) or not all(map(isinstance, values, types)) or not all(map(_storable, values)):
        raise BadInput(
            "This cursor is not one that the server gave.", field="cursor", way_out="Begin without a cursor."
        )
    return tuple(values)


def _storable(value: str | int) -> bool:
    return abs(value) <= MAX_INT if isinstance(value, int) else "\0" not in value

"""Shapes of tools and their pins."""

from typing import Annotated, Any, Literal

from pydantic import Field

from swarmstead.doors.http.shapes import DiffLine, Shape


class PinShape(Shape):
    """Which definition of a tool is trusted, and whether another one waits.

    `why` says what keeps it from being called: `new` (nobody has accepted it), `changed` (the server gives another
    definition, `offered_hash`), `held` (a person has set it aside, for `reason`).
    """

    server: str
    tool: str
    state: Literal["accepted", "quarantined"]
    why: Literal["", "new", "changed", "held"]
    schema_hash: str
    offered_hash: str
    reason: str
    first_seen: str
    changed_at: str
    decided_at: str | None
    decided_by: str


class PinDetail(PinShape):
    """A pin with the accepted and the offered definition, and their difference line by line."""

    definition: dict[str, Any] | None
    offered: dict[str, Any] | None
    drift: list[DiffLine]


class AcceptIn(Shape):
    """Which definition is accepted: by the hash that was looked at."""

    hash: Annotated[str, Field(min_length=1, max_length=71)]


class QuarantineIn(Shape):
    """Why a tool is set aside."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]

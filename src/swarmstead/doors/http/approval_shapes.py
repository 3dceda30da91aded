"""Shapes about questions beside the question itself."""

from typing import Annotated, Any, Literal

from pydantic import Field

from swarmstead.doors.http.shapes import Shape


class DecisionIn(Shape):
    """A decision about the payload with this hash. A denial needs a reason."""

    decision: Literal["approve", "deny"]
    reason: Annotated[str, Field(max_length=2000)] = ""
    hash: Annotated[str, Field(min_length=1, max_length=71)]


class LookShape(Shape):
    """What a call that waits for a person would do now, looked at a moment ago.

    `changed`: something else than when it was asked. An approval is then not spent on it: the question is asked anew.
    `barred`: it cannot be done as things stand, since its tool is unbound, quarantined or gone; `why` says which.
    """

    state: Literal["same", "changed", "unknown", "barred"]
    effect: dict[str, Any]
    why: str
    looked_at: str

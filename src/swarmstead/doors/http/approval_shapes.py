"""Shapes about questions beside the question itself."""

from typing import Any, Literal

from swarmstead.doors.http.shapes import Shape


class LookShape(Shape):
    """What a call that waits for a person would do now, looked at a moment ago.

    `changed`: something else than when it was asked. An approval is then not spent on it: the question is asked anew.
    """

    state: Literal["same", "changed", "unknown"]
    effect: dict[str, Any]
    why: str
    looked_at: str

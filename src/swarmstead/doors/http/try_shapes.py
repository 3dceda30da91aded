"""Shapes of trying a tool out."""

from typing import Annotated, Any, Literal

from pydantic import Field

from swarmstead.doors.http.shapes import Shape


class TryIn(Shape):
    """A dry run of a tool: its arguments, and the environment that it is tried in ('' for none)."""

    arguments: Annotated[dict[str, Any], Field(default_factory=dict)]
    environment: Annotated[str, Field(max_length=63)] = ""


class ForeseenShape(Shape):
    """What a call would do. Nothing was done and nobody was asked.

    `verdict` is what the policies say of exactly this call, by the rules in `rules`; `effect` is what the tool's own
    preview says, `{"kind": "none"}` where it has none.
    """

    verdict: Literal["allow", "ask", "deny"]
    rules: list[str]
    text: str
    risk: str
    schema_hash: str
    sentence: str
    effect: dict[str, Any]


class AnsweredShape(Shape):
    """A read tool was called, or refused: what it answered. `reason` and `way_out` are there where it gave nothing."""

    verdict: Literal["ok", "tool_error", "denied", "failed", "unknown"]
    code: str
    reason: str
    way_out: str
    duration_ms: int
    content: list[dict[str, Any]]
    structured: dict[str, Any] | None


class TriedShape(Shape):
    """Either `answered` or `foreseen`. `key` names the call in the audit trail."""

    key: str
    answered: AnsweredShape | None
    foreseen: ForeseenShape | None

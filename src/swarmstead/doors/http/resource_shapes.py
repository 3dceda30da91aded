"""What applying answers with."""

from typing import Literal

from pydantic import Field

from swarmstead.doors.http.shapes import Shape


class DeletedShape(Shape):
    """What was taken back. `warnings`: what brings it back."""

    kind: str
    name: str
    action: Literal["deleted"] = "deleted"
    warnings: list[str] = Field(default_factory=list)


class AppliedShape(Shape):
    """What apply did with one document.

    `warnings` name references to what is not declared: it was applied all the same, and does not work until that is.
    """

    kind: str
    name: str
    digest: str
    action: Literal["created", "updated", "unchanged"]
    warnings: list[str] = Field(default_factory=list)

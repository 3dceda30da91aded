"""What applying answers with."""

from typing import Annotated, Literal

from pydantic import Field

from swarmstead.doors.http.shapes import DiffLine, Shape


class DeletedShape(Shape):
    """What was taken back. `digest` names the version that was current, for whoever wants it back.

    `warnings`: what still names it and lacks it from now on, and the file that declares it again.
    """

    kind: str
    name: str
    digest: str
    action: Literal["deleted"] = "deleted"
    warnings: list[str] = Field(default_factory=list)


class AppliedShape(Shape):
    """What apply did with one document.

    `warnings` name references to what is not declared: it was applied all the same, and does not work until that is;
    and what is most likely not meant as it is written.
    """

    kind: str
    name: str
    digest: str
    action: Literal["created", "updated", "unchanged"]
    warnings: list[str] = Field(default_factory=list)


class DiffShape(Shape):
    """Two versions, line by line."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    lines: list[DiffLine]

"""Bodies of the API about finding tools."""

from swarmstead.doors.http.shapes import Shape


class FoundToolShape(Shape):
    """A tool that fits a request; `score` is comparable within one answer only."""

    name: str
    server: str
    tool: str
    description: str
    risk: str
    score: float

"""Bodies of the API about the server itself: draining."""

from swarmstead.doors.http.shapes import Shape


class DrainIn(Shape):
    """Drain the server, or go on. `stop` ends it once nothing is in flight."""

    on: bool = True
    stop: bool = False


class DrainShape(Shape):
    """How far draining has come: `carrying` loops have not come to rest."""

    draining: bool
    carrying: int

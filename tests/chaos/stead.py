"""`python -m tests.chaos.stead PLACE COMMAND…`: `stead` that dies on its first start, where it is told to.

`before the commit` and `after the commit` are of the one that makes the first key known (SQLite only); `before it says
so` and `after it said so` are about the lines that show the key.
"""

import io
import sys

from swarmstead.doors.cli.main import main
from tests.chaos.kills import Boundaries, Kill, die


class _LastWords(io.TextIOWrapper):
    """Standard output that is the death of whoever says that it is ready."""

    def __init__(self, place: str) -> None:
        super().__init__(sys.stdout.buffer, encoding="utf-8", write_through=True)
        self._place = place

    def write(self, text: str, /) -> int:
        """Die before or after it is said."""
        last = "is ready" in text
        if last and self._place == "before it says so":
            die()
        written = super().write(text)
        if last:
            self.flush()
            die()
        return written


def _run(place: str, arguments: list[str]) -> None:
    if place.endswith("the commit"):
        boundaries = Boundaries()
        boundaries.install()
        boundaries.arm(Kill(1, place.split(maxsplit=1)[0], "insert:api_keys"))
    else:
        sys.stdout = _LastWords(place)
    sys.argv = ["stead", *arguments]
    main()


if __name__ == "__main__":
    _run(sys.argv[1], sys.argv[2:])

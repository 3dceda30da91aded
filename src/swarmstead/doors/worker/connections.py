"""How many connections a server keeps, and which of them gives way to the next one."""

from typing import Protocol

from swarmstead.telemetry.contract import connection_let_go


class Kept(Protocol):
    """A connection."""

    def let_go(self) -> bool:
        """Close it, unless the client is still to read an answer; whether it is closed."""
        ...


class Connections:
    """The connections of one server, `most` at a time. Belongs to one event loop.

    Cost: two operations on a dictionary a request; at the cap, a look at idle ones whose clients read nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Kept] = set()
        self._idle: dict[Kept, None] = {}  # the one that has been idle longest first

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, one: Kept) -> bool:
        """Take in a new connection. At the cap the one that was idle longest is closed; False where none is idle."""
        if len(self._open) >= self._most and not self._make_room():
            connection_let_go("refused")
            return False
        self._open.add(one)
        return True

    def leave(self, one: Kept) -> None:
        """It has ended."""
        self._open.discard(one)
        self._idle.pop(one, None)

    def rests(self, one: Kept) -> None:
        """Its answer is given, and no further request has begun."""
        if one in self._open:
            self._idle[one] = None

    def wakes(self, one: Kept) -> None:
        """A request begins."""
        self._idle.pop(one, None)

    def _make_room(self) -> bool:
        for one in self._idle:
            if one.let_go():
                self.leave(one)
                connection_let_go("idle")
                return True
        return False

"""Writers of one SQLite file take turns, first come, first served.

SQLite lets one connection write and has the others sleep and look again, for longer each time: under load a writer can
be passed over for a second. Within this process they queue here instead. This is courtesy, not safety: whoever has
waited for as long as SQLite would have goes on without a turn, and SQLite itself decides.
"""

import threading
from collections import deque


class Turns:
    """The queue of one file."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._holder: object | None = None

    def take(self, connection: object) -> None:
        """Wait for this connection's turn, which it has until `give`."""
        with self._lock:
            if self._holder is None:
                self._holder = connection
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        handed_over = gate.acquire(timeout=self._patience_s)
        with self._lock:
            if handed_over or gate not in self._waiting:
                self._holder = connection
            else:
                self._waiting.remove(gate)

    def give(self, connection: object) -> None:
        """Hand over to whoever has waited longest; nothing happens when it is not this connection's turn."""
        with self._lock:
            if self._holder is not connection:
                return
            self._holder = None
            if self._waiting:
                self._holder = self._waiting
                self._waiting.popleft().release()

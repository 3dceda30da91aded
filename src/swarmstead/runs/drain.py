"""Draining: a process that is about to stop lets its loops come to rest where nothing is in flight.

A loop at rest (it waits for a person, for a child, or between two steps) is cut at once: it begins again from its
journal, here or elsewhere. One that asks its model or has called a tool comes to the end of that first, so that no
reply is paid twice and no outcome becomes unknown.
"""

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager


class Drain:
    """Whether loops are to rest, and which are in the middle of something. One for the process."""

    def __init__(self) -> None:
        self.on = False
        self._busy: Counter[str] = Counter()

    def is_busy(self, agent_run: str) -> bool:
        """Whether the loop has a call in flight."""
        return self._busy[agent_run] > 0

    def check(self) -> None:
        """Where nothing is in flight: stop here when loops are to rest. Fails: asyncio.CancelledError."""
        if self.on:
            raise asyncio.CancelledError

    @contextmanager
    def at_work(self, agent_run: str) -> Generator[None]:
        """Around a call and the write of its outcome; whoever ends the last one while draining stops there."""
        self.check()
        self._busy[agent_run] += 1
        try:
            yield
        finally:
            self._busy[agent_run] -= 1
            if not self._busy[agent_run]:
                del self._busy[agent_run]
        if not self.is_busy(agent_run):
            self.check()

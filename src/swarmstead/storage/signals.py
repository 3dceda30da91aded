"""Waking those who wait for a committed change, without polling.

`wake(tx, topic)` joins a transaction; once it is durable, everybody in `Signals.wait(topic)` goes on. With Postgres
other processes are woken too, through NOTIFY, which the database sends at commit. A wake is a hint, never the fact:
the waiter reads the database again. Cost: a waiting task holds one future; 300 of them use no CPU.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import sqlalchemy as sa

from swarmstead.storage.database import Tx

log = logging.getLogger(__name__)
T = TypeVar("T")
FLUSHER = "signals"
CHANNEL = "stead"
EVERYTHING = "*"  # what watchers hear when wakes may have been missed: whatever they keep in memory may be old
_NOTIFY = sa.text("SELECT pg_notify(:channel, :topic)")


def wake(tx: Tx, topic: str) -> None:
    """Wake everybody who waits for `topic` once this transaction is durable."""
    tx.stage(FLUSHER, topic)


class Signals:
    """The waiters of one process. Made once, at wiring; bound to the event loop that waits."""

    def __init__(self) -> None:
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._lock = threading.Lock()

    def flush(self, tx: Tx, topics: list[Any]) -> None:
        """The flusher: local waiters are woken after the commit, other processes by the database itself."""
        unique = sorted(set(topics))
        if tx.conn.dialect.name == "postgresql":
            for topic in unique:
                tx.conn.execute(_NOTIFY, {"channel": CHANNEL, "topic": topic})
        tx.after_commit(lambda: self.notify(unique))

    def notify(self, topics: list[str]) -> None:
        """Wake local waiters; callable from any thread."""
        self._wake_waiters(topics)
        self._tell_watchers(topics)

    def notify_all(self) -> None:
        """Wake every local waiter and tell watchers `EVERYTHING`: something may have been missed."""
        with self._lock:
            topics = list(self._waiters)
        self._wake_waiters(topics)
        self._tell_watchers([EVERYTHING])

    def _wake_waiters(self, topics: list[str]) -> None:
        with self._lock:
            woken = [future for topic in topics for future in self._waiters.pop(topic, ())]
        for future in woken:
            with suppress(RuntimeError):  # the loop that waited is gone
                future.get_loop().call_soon_threadsafe(_resolve, future)

    def _tell_watchers(self, topics: list[str]) -> None:
        for watcher in tuple(self._watchers):  # one may leave while it is told
            for topic in topics:
                try:
                    watcher(topic)
                except Exception:  # the others must hear of it
                    log.exception("a watcher failed at %s", topic)

    async def until(self, topic: str, ready: Callable[[], Awaitable[T | None]]) -> T:
        """Wait until `ready` answers something. It is asked first, and again after every wake of `topic`.

        The waiter is registered before `ready` is asked, so a change between the two is not missed.
        """
        while True:
            future = asyncio.get_running_loop().create_future()
            with self._lock:
                self._waiters.setdefault(topic, set()).add(future)
            try:
                found = await ready()
                if found is not None:
                    return found
                await future
            finally:
                with self._lock:
                    waiting = self._waiters.get(topic)
                    if waiting is not None:
                        waiting.discard(future)
                        if not waiting:
                            del self._waiters[topic]

    def watch(self, watcher: Callable[[str], None]) -> Callable[[], None]:
        """Call `watcher(topic)` on every wake, from whichever thread committed; returns how to stop that.

        A watcher also hears `EVERYTHING`, which stands for every topic.
        """
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

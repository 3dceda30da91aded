"""Kills a process at a place that a test names. Runs inside the process that dies, and touches nothing of the product.

Every commit that changes a SQLite file is a boundary, whoever makes it: our writer or the durable engine. They are
counted, and labelled by the tables they write and the kinds of the events they append.
"""

import os
import re
import signal
import sqlite3
import sqlite3.dbapi2
import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

_WRITES = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM) (?:"?main"?\.)?"?(\w+)')
_EVENT = re.compile(r"'((?:run|agent|approval|turn|model|tool|command)\.\w+)'")


@dataclass(frozen=True)
class Kill:
    """Where to die: before or after the `nth` commit whose labels hold `label` ('' for every commit)."""

    nth: int
    when: str = "after"
    label: str = ""


class Boundaries:
    """Counts and labels commits; dies at the one that was named. `labels` is what it has seen since it was armed."""

    def __init__(self) -> None:
        self._kill: Kill | None = None
        self._armed = False
        self._lock = threading.Lock()
        self._passed = 0
        self.labels: list[str] = []

    def install(self) -> None:
        """Watch every connection that is opened from now on."""
        driver: Any = sqlite3.dbapi2
        driver.connect = partial(driver.connect, factory=partial(_Watched, self))

    def arm(self, kill: Kill | None) -> None:
        """Count from now on."""
        self._kill, self._armed = kill, True

    def pass_one(self, labels: set[str]) -> Kill | None:
        """Count a commit; the kill when this is the one to die at."""
        with self._lock:
            if not self._armed:
                return None
            self.labels.append(" ".join(sorted(labels)))
            if self._kill is None or (self._kill.label and self._kill.label not in labels):
                return None
            self._passed += 1
            return self._kill if self._passed == self._kill.nth else None


class _Watched(sqlite3.Connection):
    def __init__(self, boundaries: Boundaries, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._boundaries = boundaries
        self._labels: set[str] = set()
        self.set_trace_callback(self._on_statement)

    def commit(self) -> None:
        labels, self._labels = self._labels, set()
        kill = self._boundaries.pass_one(labels) if labels else None
        if kill is not None and kill.when == "before":
            die()
        super().commit()
        if kill is not None:
            die()

    def rollback(self) -> None:
        self._labels = set()
        super().rollback()

    def _on_statement(self, statement: str) -> None:
        if found := _WRITES.match(statement):
            verb, table = found.groups()
            self._labels.add(f"{verb.split()[0].lower()}:{table}")
            if table == "events":
                self._labels |= set(_EVENT.findall(statement))


def die() -> None:
    """As hard as it gets."""
    os.kill(os.getpid(), signal.SIGKILL)

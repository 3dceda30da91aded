"""The work that every contender does: the same model calls, the same tool calls, the same texts.

A task is a text: `agents=12 calls=5`. With agents, a coordinator gives each a task of its own in one turn and answers
once they have answered; an agent calls one tool in each of `calls` turns and then answers.
"""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

FINDING = (
    '{"path": "src/service/handlers.py", "from": 1, "to": 3, "lines": ["def handle(request):", '
    '"    order = parse(request.body)", "    return store.save(order)"], "more": true}'
)
_WORK = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"})
_TASK = re.compile(r"agents=(\d+) calls=(\d+)")


def task_of(agents: int, calls: int) -> str:
    """The task as a text."""
    return f"agents={agents} calls={calls}"


def work_of(task: str) -> tuple[int, int]:
    """The numbers of agents and of calls that a task states."""
    found = _TASK.search(task)
    assert found, task
    return int(found[1]), int(found[2])


def said_of(turn: int) -> str:
    """What the model says at a turn."""
    return f"Step {turn}: the handler stores an order that it has not validated; next I read the part that calls it."


def arguments_of(turn: int) -> dict[str, Any]:
    """What the model asks the tool at a turn."""
    return {"path": f"src/service/part_{turn}.py", "lines": 3}


class Stamps:
    """When the model was asked: seconds on the wall and seconds of CPU (all threads of this process)."""

    def __init__(self) -> None:
        self._at: list[tuple[float, float]] = []

    def add(self) -> None:
        """The model is asked now."""
        self._at.append((time.perf_counter(), time.process_time()))

    def clear(self) -> None:
        """Forget what was."""
        self._at.clear()

    def per_turn(self) -> dict[str, float]:
        """Milliseconds on the wall and of CPU from one model call to the next, on average."""
        turns = len(self._at) - 1
        wall, cpu = (self._at[-1][n] - self._at[0][n] for n in (0, 1))
        return {"turn_ms": wall * 1000 / turns, "turn_cpu_ms": cpu * 1000 / turns}


@dataclass
class Counts:
    """What a contender asked of its database."""

    statements: int = 0
    commits: int = 0
    _listeners: list[tuple[sa.Engine, str, Any]] = field(default_factory=list[tuple[sa.Engine, str, Any]])

    def watch(self, engine: sa.Engine) -> None:
        """Count an engine's statements and commits from here on."""
        event.listen(engine, "before_cursor_execute", self._executed)
        event.listen(engine, "commit", self._committed)

    def trace(self, statement: str) -> None:
        """Count a statement of a sqlite3 connection: its trace callback."""
        word = statement.lstrip().partition(" ")[0].upper()
        if word == "COMMIT":
            self.commits += 1
        elif word in _WORK:
            self.statements += 1

    def _executed(self, _conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().partition(" ")[0].upper() in _WORK:
            self.statements += 1

    def _committed(self, _: object) -> None:
        self.commits += 1

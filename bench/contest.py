"""One contender in a process of its own: durable turns and the swarm. `python -m bench.contest NAME FOLDER`.

Prints one JSON object: per run, milliseconds and CPU per turn; per swarm, seconds and CPU; commits and statements per
turn from a pass of their own that is not timed.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bench.machine import fsync_ms
from bench.workload import Counts, Stamps

TURNS, RUNS, SWARMS = 20, 8, 5
AGENTS, CALLS = 12, 5


class Contender(Protocol):
    """Somebody who carries durable agents."""

    @property
    def stamps(self) -> Stamps:
        """When its model was asked."""
        ...

    async def open(self, folder: Path) -> None: ...
    async def turns(self, turns: int) -> None: ...
    async def swarm(self, agents: int, calls: int) -> None: ...
    async def count(self) -> Counts: ...
    def server_cpu_s(self) -> float: ...
    async def close(self) -> None: ...


def _ours() -> Contender:
    from bench.ours import Ours

    return Ours(on_postgres=False)


def _ours_on_postgres() -> Contender:
    from bench.ours import Ours

    return Ours(on_postgres=True)


def _dbos() -> Contender:
    from bench.peer_dbos import BareDbos

    return BareDbos()


def _langgraph() -> Contender:
    from bench.peer_langgraph import LangGraph

    return LangGraph()


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "ours-sqlite": _ours,
    "langgraph-sqlite": _langgraph,
    "dbos-sqlite": _dbos,
    "ours-postgres": _ours_on_postgres,
}


async def measure(contender: Contender, folder: Path) -> dict[str, Any]:
    """Warm up, then time, then count."""
    found: dict[str, Any] = {"fsync_ms": fsync_ms(folder), "turns": [], "swarms": []}
    await contender.open(folder)
    try:
        await contender.turns(3)
        await contender.swarm(2, 1)
        for _ in range(RUNS):
            contender.stamps.clear()
            found["turns"].append(await _timed(contender, contender.turns(TURNS)) | contender.stamps.per_turn())
        for _ in range(SWARMS):
            found["swarms"].append(await _timed(contender, contender.swarm(AGENTS, CALLS)))
        found["per_turn"] = await _counted(contender)
    finally:
        await contender.close()
    return found


async def _timed(contender: Contender, work: Any) -> dict[str, float]:
    server = contender.server_cpu_s()
    cpu, wall = time.process_time(), time.perf_counter()
    await work
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_s": wall, "cpu_s": cpu, "server_cpu_s": contender.server_cpu_s() - server}


async def _counted(contender: Contender) -> dict[str, float]:
    """Commits and statements of one more turn: the difference of two lengths of run."""
    short, more = 2, 10
    counts = await contender.count()
    await contender.turns(short)
    after_short = (counts.statements, counts.commits)
    await contender.turns(short + more)
    statements = counts.statements - 2 * after_short[0]
    commits = counts.commits - 2 * after_short[1]
    return {"statements": statements / more, "commits": commits / more}


def main() -> None:
    """Measure the contender named on the command line."""
    import uvloop

    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
        contender = CONTENDERS[sys.argv[1]]()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(measure(contender, Path(folder)))))


if __name__ == "__main__":
    main()

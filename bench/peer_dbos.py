"""Bare DBOS on the same SQLite settings: workflows and steps, without events, reservations, audit or a gateway."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from bench.workload import FINDING, Counts, Stamps, arguments_of, said_of
from swarmstead.storage.engines import make_workflow_engine

_stamps = Stamps()


@DBOS.step()
async def _think(turn: int, calls: int) -> dict[str, Any]:
    _stamps.add()
    asked = [{"name": "look", "arguments": arguments_of(turn)}] if turn < calls else []
    return {"text": said_of(turn), "calls": asked}


@DBOS.step()
async def _look(arguments: dict[str, Any]) -> str:
    del arguments
    return FINDING


@DBOS.workflow()
async def _agent(calls: int) -> str:
    turn, reply = 0, await _think(0, calls)
    while reply["calls"]:
        for call in reply["calls"]:
            await _look(call["arguments"])
        turn, reply = turn + 1, await _think(turn + 1, calls)
    return str(reply["text"])


@DBOS.workflow()
async def _swarm(agents: int, calls: int) -> str:
    await _think(0, 0)
    children = [await DBOS.start_workflow_async(_agent, calls) for _ in range(agents)]
    await asyncio.gather(*(child.get_result() for child in children))
    return (await _think(1, 0))["text"]


class BareDbos:
    """DBOS as a contender."""

    stamps = _stamps

    async def open(self, folder: Path) -> None:
        """Launch it on an empty database."""
        url = f"sqlite:///{folder / 'dbos.db'}"
        self._engine = make_workflow_engine(url)
        logging.getLogger("dbos").setLevel(logging.WARNING)
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": url,
            "system_database_engine": self._engine,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
        }
        DBOS(config=config)
        DBOS.launch()

    async def turns(self, turns: int) -> None:
        """One workflow, two steps a turn."""
        handle = await DBOS.start_workflow_async(_agent, turns)
        assert await handle.get_result()

    async def swarm(self, agents: int, calls: int) -> None:
        """One workflow and a child workflow per agent."""
        handle = await DBOS.start_workflow_async(_swarm, agents, calls)
        assert await handle.get_result()

    async def count(self) -> Counts:
        """Count what its engine does from here on."""
        counts = Counts()
        counts.watch(self._engine)
        return counts

    def server_cpu_s(self) -> float:
        """There is no server."""
        return 0.0

    async def close(self) -> None:
        """Take it down."""
        await asyncio.to_thread(DBOS.destroy)

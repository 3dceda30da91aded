"""Lives that are looked at from inside: what happens to the loops that one process carries."""

import asyncio
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos._dbos import _get_dbos_instance  # pyright: ignore[reportPrivateUsage] - there is no other way to it

from swarmstead.runs.adapters.dbos_engine import DbosEngine
from swarmstead.runs.contract import Launch, Overrides, events_topic
from swarmstead.storage.errors import DatabaseUnavailable
from swarmstead.wiring import App
from tests.chaos.life import SCOPE, answer, ended, has, open_at, outcome_of
from tests.chaos.swarm import SWARM


async def prepare(folder: Path, database_url: str) -> dict[str, Any]:
    """A server's data with the swarm declared, closed in good order."""
    app = await open_at(folder, database_url)
    await app.close()
    return {}


async def lease_lost(folder: Path, database_url: str) -> dict[str, Any]:
    """A worker cannot renew its lease for long, and then can again."""
    app, run = await _waiting(folder, database_url)
    engine = _engine_of(app)
    leases, effects = engine._leases, folder / "repo" / "chaos"  # pyright: ignore[reportPrivateUsage]
    renew = leases.renew

    async def away() -> None:
        raise DatabaseUnavailable("The database does not answer.")

    carried = _carried(engine)
    leases.renew = away
    leases._until_s = 0  # pyright: ignore[reportPrivateUsage] - long ago
    await engine.renew()
    person = asyncio.create_task(answer(app, effects))
    await app.signals.until(events_topic("default"), lambda: has(app, "approval.asked"))
    meanwhile = _carried(engine), await engine.take_over(), (effects / "put-page").exists()
    leases.renew = renew
    await engine.renew()
    await app.runs.mend()
    await app.runs.mend()
    return await _end(app, run, person) | {"carried": carried, "meanwhile": meanwhile}


async def loops_lost(folder: Path, database_url: str) -> dict[str, Any]:
    """Loops end without a word, as when the engine fails between taking them from its queue and starting them."""
    app, run = await _waiting(folder, database_url)
    engine = _engine_of(app)
    for task in list(engine._carrying.values()):  # pyright: ignore[reportPrivateUsage]
        task.cancel()
        await asyncio.wait({task})
    carried = _carried(engine)
    person = asyncio.create_task(answer(app, folder / "repo" / "chaos"))
    await app.runs.mend()
    await app.runs.mend()
    return await _end(app, run, person) | {"carried": carried}


async def asked_from_within(folder: Path, database_url: str) -> dict[str, Any]:
    """A loop asks whether it is still carried here, is cut, begins again, is taken over by another, and asks again."""
    app = await open_at(folder, database_url)
    engine = _engine_of(app)
    told, asked = list[bool](), [asyncio.Event(), asyncio.Event()]

    async def carry(agent_run: str, engine: DbosEngine) -> None:
        if told:
            taken = sa.text("UPDATE dbos.workflow_status SET executor_id = 'another'")
            await app.db.write(lambda tx: tx.conn.execute(taken))
        told.append(await engine.carries(agent_run))
        asked[len(told) - 1].set()
        raise asyncio.CancelledError

    engine._carry_one = carry  # pyright: ignore[reportPrivateUsage]
    await app.runs.launch(SCOPE, _wish(folder))
    await asked[0].wait()
    await engine.at_rest()
    await app.runs.mend()
    await app.runs.mend()
    await asked[1].wait()
    await app.close()
    return {"told": told}


async def drained_while_work_is_queued(folder: Path, database_url: str) -> dict[str, Any]:
    """A worker lets everything go and looks into the queue, where all of it lies; it ends after another has done it."""
    rests = await asyncio.to_thread((folder / "rests").open, "wb")
    app, run = await _waiting(folder, database_url)
    await app.runs.rest(on=True)
    claimed = await _claimed_in_rounds(3)
    rests.close()
    return await _watched(app, run) | {"busy": 0, "claimed": claimed}


async def _claimed_in_rounds(count: int) -> list[str]:
    """Which loops DBOS's queue threads claim for this process, the next times that they look."""
    database = _get_dbos_instance()._sys_db  # pyright: ignore[reportPrivateUsage]
    claim, rounds, done = database.start_queued_workflows, list[list[str]](), asyncio.Event()
    loop = asyncio.get_running_loop()

    def watched(*of: Any, **more: Any) -> Any:
        found = claim(*of, **more)
        rounds.append(found[0])
        if len(rounds) >= count:
            loop.call_soon_threadsafe(done.set)
        return found

    database.start_queued_workflows = watched
    await done.wait()
    return [one for found in rounds for one in found]


async def drained_in_a_call(folder: Path, database_url: str) -> dict[str, Any]:
    """A worker is drained while one loop has a call in flight and the others wait; it ends after another is done."""
    rests = await asyncio.to_thread((folder / "rests").open, "wb")
    app = await open_at(folder, database_url)
    effects = folder / "repo" / "chaos"
    effects.mkdir()
    reached, go_on = await _hold(effects, "before put")
    run = await app.runs.launch(SCOPE, _wish(folder))
    person = asyncio.create_task(answer(app, effects))
    await reached.wait()
    person.cancel()
    await app.signals.until(events_topic("default"), lambda: has(app, "agent.finished"))  # the reader
    await app.runs.rest(on=True)
    busy = app.runs.carrying
    go_on.set()
    await app.runs.at_rest()
    claimed = await _claimed_in_rounds(3)
    rests.close()
    return await _watched(app, run) | {"busy": busy, "claimed": claimed}


async def _hold(effects: Path, gate: str) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold calls at a gate of the tool server: an event that says that one is there, and one to let them go on."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.decode().startswith(f"{gate} "):
                reached.set()
                await go_on.wait()
            writer.write(b"go\n")

    await asyncio.start_unix_server(hold, effects / "gate")
    return reached, go_on


async def _watched(app: App, run: str) -> dict[str, Any]:
    """Wait until the run has ended elsewhere; by what name this worker goes and what it carries then."""
    await app.signals.until(events_topic("default"), lambda: ended(app, run))
    engine = _engine_of(app)
    me, carried = engine._leases.executor, engine.carrying  # pyright: ignore[reportPrivateUsage]
    await app.close()
    return {"me": me, "carried": carried}


def _wish(folder: Path) -> Launch:
    """What a later `Life` launches too."""
    return Launch(SWARM, {"repo": str(folder / "repo")}, Overrides(), "dev", idempotency_key="chaos")


async def _waiting(folder: Path, database_url: str) -> tuple[App, str]:
    app = await open_at(folder, database_url)
    run = await app.runs.launch(SCOPE, _wish(folder))
    await app.signals.until(events_topic("default"), lambda: has(app, "approval.asked"))
    return app, run


async def _end(app: App, run: str, person: asyncio.Task[None]) -> dict[str, Any]:
    await app.signals.until(events_topic("default"), lambda: ended(app, run))
    person.cancel()
    outcome = await app.db.read(lambda conn: outcome_of(conn, app, run))
    await app.close()
    return outcome


def _engine_of(app: App) -> DbosEngine:
    engine = app.runs._engine  # pyright: ignore[reportPrivateUsage]
    assert isinstance(engine, DbosEngine)
    return engine


def _carried(engine: DbosEngine) -> int:
    return len(engine._carrying)  # pyright: ignore[reportPrivateUsage]

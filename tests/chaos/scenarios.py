"""Lives that are looked at from inside: what happens to the loops that one process carries."""

import asyncio
from pathlib import Path
from typing import Any

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


async def _waiting(folder: Path, database_url: str) -> tuple[App, str]:
    app = await open_at(folder, database_url)
    wish = Launch(SWARM, {"repo": str(folder / "repo")}, Overrides(), "dev")
    run = await app.runs.launch(SCOPE, wish)
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

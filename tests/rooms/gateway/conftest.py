"""A desk per test: on SQLite, or once on each database; and a house of runs."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio

from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from tests.clocks import MovableClock
from tests.rooms.gateway.desk import MANIFESTS, Desk
from tests.rooms.runs.house import House


@pytest_asyncio.fixture
async def desk(sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path) -> Desk:
    """On SQLite."""
    made = Desk(sqlite_database, clock, signals, tmp_path)
    await made.declare(MANIFESTS)
    return made


@pytest_asyncio.fixture
async def any_desk(database: Database, clock: MovableClock, signals: Signals, tmp_path: Path) -> Desk:
    """On SQLite and on Postgres."""
    made = Desk(database, clock, signals, tmp_path)
    await made.declare(MANIFESTS)
    return made


@pytest_asyncio.fixture
async def house(
    sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path
) -> AsyncGenerator[House]:
    """The runs room behind the gateway."""
    made = House(sqlite_database, clock, signals, tmp_path)
    await made.open()
    yield made
    await made.close()

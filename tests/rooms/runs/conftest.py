"""A house of runs per test: on SQLite, on Postgres, or once on each."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio

from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from tests.clocks import MovableClock
from tests.rooms.runs.house import House


@pytest_asyncio.fixture
async def house(
    sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path
) -> AsyncGenerator[House]:
    """On SQLite."""
    made = House(sqlite_database, clock, signals, tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def postgres_house(
    postgres_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path
) -> AsyncGenerator[House]:
    """On Postgres."""
    made = House(postgres_database, clock, signals, tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def any_house(database: Database, clock: MovableClock, signals: Signals, tmp_path: Path) -> AsyncGenerator[House]:
    """On SQLite and on Postgres."""
    made = House(database, clock, signals, tmp_path)
    await made.open()
    yield made
    await made.close()

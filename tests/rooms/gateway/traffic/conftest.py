"""Opens stands on SQLite."""

from pathlib import Path

import pytest

from swarmstead.gateway.traffic.limits import TrafficLimits
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from tests.clocks import MovableClock
from tests.rooms.gateway.traffic.stand import Opened, Stand, make


@pytest.fixture
def opened(sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path) -> Opened:
    """To be awaited with limits: a stand with the desk's resources declared."""

    async def opened(limits: TrafficLimits) -> Stand:
        stand = make(sqlite_database, clock, signals, tmp_path, limits)
        await stand.declare()
        return stand

    return opened

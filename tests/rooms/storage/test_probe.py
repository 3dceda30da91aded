"""Readiness is a write that reaches the disk."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from swarmstead.storage import probe
from swarmstead.storage.database import Database
from swarmstead.storage.errors import DiskFull
from swarmstead.storage.probe import Probe, probes
from tests.clocks import MovableClock


def at(database: Database) -> int | None:
    """When the last probe was written."""
    return database.read_sync(lambda conn: conn.execute(sa.select(probes.c.at)).scalar())


async def test_each_probe_changes_a_row_and_a_good_one_is_believed_for_a_second(
    database: Database, clock: MovableClock
) -> None:
    tried = Probe(database, clock, None)
    await tried.check()
    first = at(database)
    assert first == clock.now_ms()
    clock.advance(ms=900)
    await tried.check()
    assert at(database) == first
    clock.advance(ms=200)
    await tried.check()
    assert at(database) == clock.now_ms()


async def test_a_disk_with_next_to_nothing_left_fails_it(
    sqlite_database: Database, clock: MovableClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = os.statvfs(tmp_path)
    monkeypatch.setattr(probe, "LEAST_FREE_BYTES", free.f_bavail * free.f_frsize * 2 + 1)
    with pytest.raises(DiskFull) as caught:
        await Probe(sqlite_database, clock, tmp_path).check()
    assert "full, or nearly so" in caught.value.message
    assert "KiB are free" in caught.value.message
    assert at(sqlite_database) is None

"""The export of the trail takes as long as its reader, and keeps nobody else waiting meanwhile."""

import json
from typing import Any, cast

import pytest

from swarmstead.doors.http.routes.audit import export
from tests.doors.http.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_readers_that_stop_reading_hold_nothing(served: Served) -> None:
    """Between two pieces of an export there is no connection that its reader could hold."""
    pool = cast("Any", served.app.db.reader.pool)
    bodies = [(await export(served.scope(), served.app)).body_iterator for _ in range(8)]
    for body in bodies:
        assert await anext(cast("Any", body))
        assert pool.checkedout() == 0


async def test_the_export_is_the_chain_oldest_first(served: Served) -> None:
    async with served.client() as client:
        rows = [json.loads(line) for line in (await client.get("/api/v1/audit:export")).text.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["tenant"] for row in rows} == {"default"}

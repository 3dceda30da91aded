"""The whole HTTP door on a socket of this machine, in front of a fake tool server."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
import uvicorn

from swarmstead.audit.adapters.ed25519 import Ed25519Signer
from swarmstead.doors.http.app import make_door
from swarmstead.doors.worker.serve import bind
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.search.memory import MemoryIndex
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.gateway.search.weights import shipped
from swarmstead.people import handlers as people
from swarmstead.people.credentials import Credentials
from swarmstead.resources.queries import Registry
from swarmstead.settings import load
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from swarmstead.wiring import KINDS, App
from tests.clocks import MovableClock
from tests.doors.mcp.door import TENANT, Door
from tests.rooms.gateway.desk import MANIFESTS
from tests.rooms.runs.house import House


@pytest_asyncio.fixture
async def house(
    sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path
) -> AsyncGenerator[House]:
    """The runs room behind the gateway."""
    made = House(sqlite_database, clock, signals, tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def door(house: House, tmp_path: Path) -> AsyncGenerator[Door]:
    """The whole HTTP door on a socket of this machine."""
    first = await house.write(lambda tx: people.bootstrap(tx, house.clock, ""))
    assert first is not None
    await house.declare(MANIFESTS, TENANT)
    signer = Ed25519Signer.load_or_make(tmp_path / "audit.key")
    settings = load({"STEAD_LISTED_TOOLS": "5", "STEAD_STREAMS_PER_IDENTITY": "3"}, data=tmp_path)
    grants = Grants(house.db, Registry(KINDS))
    house.signals.watch(grants.forget)
    credentials = Credentials(house.db, house.clock)
    house.signals.watch(credentials.heard)
    search = ToolSearch(
        house.gateway, grants, house.clock, shipped(), lambda _: MemoryIndex(shipped()), house.gateway.experience
    )
    app = App(
        settings=settings,
        clock=house.clock,
        db=house.db,
        signals=house.signals,
        registry=Registry(KINDS),
        signer=signer,
        models=house.models,
        gateway=house.gateway,
        policies=house.policies,
        tool_search=search,
        runs=house.runs,
        credentials=credentials,
        first_key=first,
        loop_version="1",
    )
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_door(app, "127.0.0.1"), lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve([listener]))
    yield Door(house, f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", first.secret)
    app.closing.set()
    server.should_exit = True
    await task
    await search.aclose()
    listener.close()

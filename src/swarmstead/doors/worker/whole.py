"""`stead up` and `stead worker`: a whole server, and one without a door."""

import asyncio
from collections.abc import Awaitable, Callable

from swarmstead.doors.http.app import make_door
from swarmstead.doors.worker import logs
from swarmstead.doors.worker.serve import SIGNALS, Serving, run, run_server
from swarmstead.kernel.errors import Conflict
from swarmstead.people import handlers as people
from swarmstead.people import queries
from swarmstead.settings import Settings
from swarmstead.wiring import App, open_app

_GRACE_S = 3
Announce = Callable[[App, str, str], Awaitable[Callable[[], None]]]


def serve(settings: Settings, announce: Announce) -> None:
    """Run a server until SIGINT or SIGTERM.

    `announce(app, address, one-time sign-in link)` gives what is called once it is ready.
    Fails: PortInUse, AddressRefused, storage.errors, BadInput; nothing is left behind.
    """

    async def announced(app: App, address: str) -> Callable[[], None]:
        return await announce(app, address, await sign_in_link(app, address))

    run_server(settings, Serving(open_app, make_door, announced, _GRACE_S))


def work(settings: Settings, announce: Callable[[App], None]) -> None:
    """Run a worker without a door until SIGINT or SIGTERM, then drain it; a second signal ends it at once.

    Needs Postgres: SQLite has one process.
    """
    if settings.single_process:
        raise Conflict(
            "A second process cannot work on SQLite.",
            way_out="Set STEAD_DATABASE_URL to a Postgres for several workers; `stead up` works by itself on SQLite.",
        )
    logs.set_up(settings.log_level, as_json=settings.log_json)
    run(_work(settings, announce))


async def _work(settings: Settings, announce: Callable[[App], None]) -> None:
    app = await open_app(settings)
    try:
        announce(app)
        asked = asyncio.Queue[int]()
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, asked.put_nowait, number)
        await asked.get()
        await _drained(app, asked, settings.drain_s)
    finally:
        await app.close()


async def _drained(app: App, asked: asyncio.Queue[int], limit_s: float) -> None:
    """Let loops come to rest, for so long and until a second signal."""
    await app.runs.rest(on=True)
    app.stop_when_drained()
    ends = {asyncio.ensure_future(app.stopping.wait()), asyncio.ensure_future(asked.get())}
    await asyncio.wait(ends, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    for one in ends:
        one.cancel()


async def sign_in_link(app: App, address: str) -> str:
    """A one-time link that signs a browser in as the newest admin key; '' when there is none."""
    key_id = await app.db.read(lambda conn: queries.admin_key_id(conn, people.DEFAULT_TENANT, app.clock))
    if key_id is None:
        return ""
    token = await app.db.write(lambda tx: people.create_link(tx, app.clock, key_id))
    return f"{address}/signin#token={token}"

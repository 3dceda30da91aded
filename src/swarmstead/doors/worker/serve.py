"""`stead up` and `stead worker`: one event loop, one App, and (for `up`) the HTTP door in front of it."""

import asyncio
import errno
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from swarmstead.doors.worker import logs
from swarmstead.doors.worker.memory import few_arenas
from swarmstead.doors.worker.tls import context_of
from swarmstead.kernel.errors import Conflict, Unavailable
from swarmstead.people import handlers as people
from swarmstead.people import queries
from swarmstead.settings import Settings
from swarmstead.wiring import App, open_app

_GRACE_S = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class PortInUse(Conflict):
    """Something else listens on the address."""

    code = "port_in_use"


class AddressRefused(Unavailable):
    """The system does not let us listen on the address."""

    code = "address_refused"
    exit_code = 2


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, bound before anything else is started, so that a taken port changes nothing.

    Fails: PortInUse, AddressRefused.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} on {host} is in use.", way_out=f"Stop what uses it, or start with --port {port + 1}."
            ) from error
        raise AddressRefused(
            f"This machine does not let us listen on {host}:{port}: {error.strerror}.",
            way_out="Choose another --host or --port.",
        ) from error
    listener.listen(1024)
    return listener


Announce = Callable[[App, str, str], None]


def serve(settings: Settings, announce: Announce) -> None:
    """Run a server until SIGINT or SIGTERM. `announce(app, address, one-time sign-in link)` is called once it is ready.

    Fails: PortInUse, AddressRefused, storage.errors, BadInput; nothing is left behind.
    """
    logs.set_up(settings.log_level, as_json=settings.log_json)
    tls = context_of(settings)
    listener = bind(settings.host, settings.port)
    try:
        _run(_serve(settings, listener, tls, announce))
    finally:
        listener.close()


async def _serve(settings: Settings, listener: socket.socket, tls: ssl.SSLContext | None, announce: Announce) -> None:
    app = await open_app(settings)
    try:
        from swarmstead.doors.http.app import make_door
        from swarmstead.doors.worker.protocol import with_timeouts

        config = uvicorn.Config(
            make_door(app, settings.host),
            http=with_timeouts(settings.header_timeout_s, settings.write_timeout_s),
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=settings.idle_timeout_s,
            timeout_graceful_shutdown=_GRACE_S,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        )
        address = address_of(settings.host, listener, secure=tls is not None)
        link = await sign_in_link(app, address)
        server = _Server(config, app, lambda: announce(app, address, link))
        await server.serve([listener])
    finally:
        await app.close()


class _Server(uvicorn.Server):
    """Tells when it is ready, and ends open streams as soon as it is asked to stop."""

    def __init__(self, config: uvicorn.Config, app: App, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready
        self._watcher: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """SIGINT and SIGTERM ask the server to stop, and no more.

        uvicorn's own raises the signal again afterwards: that would end the process before the App is closed.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()
        self._watcher = asyncio.create_task(self._stop_when_asked())

    async def _stop_when_asked(self) -> None:
        await self._app.stopping.wait()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams end by themselves before connections are closed."""
        if self._watcher is not None:
            self._watcher.cancel()
        self._app.closing.set()
        await super().shutdown(sockets)


def address_of(host: str, listener: socket.socket, *, secure: bool = False) -> str:
    """`http://127.0.0.1:8700`, with the port that was really taken."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{'https' if secure else 'http'}://{shown}:{port}"


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
    _run(_work(settings, announce))


async def _work(settings: Settings, announce: Callable[[App], None]) -> None:
    app = await open_app(settings)
    try:
        announce(app)
        asked = asyncio.Queue[int]()
        for number in _SIGNALS:
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


def _run(main: Coroutine[Any, Any, None]) -> None:
    import uvloop

    few_arenas()
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)

"""A process that serves: one event loop, what it opens, and the HTTP door in front of it."""

import asyncio
import errno
import gc
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Generic, TypeVar

import uvicorn
from starlette.types import ASGIApp

from swarmstead.doors.worker import logs
from swarmstead.doors.worker.memory import few_arenas
from swarmstead.doors.worker.tls import context_of
from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.errors import Conflict, Unavailable
from swarmstead.settings import Settings

House = TypeVar("House", bound=Gatehouse)
_YOUNG = 20_000
SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
                f"Port {port} on {host} is in use.",
                way_out=f"Stop what uses it, or start with --port {port + 1} (`make up PORT={port + 1}`).",
            ) from error
        raise AddressRefused(
            f"This machine does not let us listen on {host}:{port}: {error.strerror}.",
            way_out="Choose another --host or --port.",
        ) from error
    listener.listen(1024)
    return listener


@dataclass(frozen=True, slots=True)
class Serving(Generic[House]):
    """What a process serves. `announced(app, address)` prepares what is said once it is ready.

    `grace_s`: seconds that requests have to end in when it is told to stop; a second signal cuts them.
    """

    open: Callable[[Settings], Awaitable[House]]
    make_door: Callable[[House, str], ASGIApp]
    announced: Callable[[House, str], Awaitable[Callable[[], None]]]
    grace_s: int


def run_server(settings: Settings, serving: Serving[House]) -> None:
    """Run a server until SIGINT or SIGTERM.

    Fails: PortInUse, AddressRefused, storage.errors, BadInput; nothing is left behind.
    """
    logs.set_up(settings.log_level, as_json=settings.log_json)
    tls = context_of(settings)
    listener = bind(settings.host, settings.port)
    try:
        run(_serve(settings, listener, tls, serving))
    finally:
        listener.close()


async def _serve(
    settings: Settings, listener: socket.socket, tls: ssl.SSLContext | None, serving: Serving[House]
) -> None:
    app = await serving.open(settings)
    try:
        from swarmstead.doors.worker.protocol import bounded

        config = uvicorn.Config(
            serving.make_door(app, settings.host),
            http=bounded(settings.header_timeout_s, settings.write_timeout_s, settings.max_connections),
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_keep_alive=settings.idle_timeout_s,
            timeout_graceful_shutdown=serving.grace_s,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        )
        ready = await serving.announced(app, address_of(settings.host, listener, secure=tls is not None))
        await _Server(config, app, ready).serve([listener])
    finally:
        await app.close()


class _Server(uvicorn.Server):
    """Tells when it is ready, and ends open streams as soon as it is asked to stop."""

    def __init__(self, config: uvicorn.Config, app: Gatehouse, ready: Callable[[], None]) -> None:
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
        for number in SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks for an end, the second for one at once: what is in flight is cut."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        _settle_memory()
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


def _settle_memory() -> None:
    """What a server is made of stays until it ends: the collector of cycles need not go through it again and again.

    Requests leave hardly any cycles behind, so it may also look less often than after every 700 new objects.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


def address_of(host: str, listener: socket.socket, *, secure: bool = False) -> str:
    """`http://127.0.0.1:8700`, with the port that was really taken."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{'https' if secure else 'http'}://{shown}:{port}"


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run the process' one event loop until this has ended."""
    import uvloop

    few_arenas()
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)

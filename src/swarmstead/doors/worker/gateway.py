"""`stead gateway`: the gateway alone behind its HTTP door. Imports neither runs nor models, nor the web UI."""

from collections.abc import Awaitable, Callable

from swarmstead.doors.http.gateway import make_gateway_door
from swarmstead.doors.worker.serve import Serving, run_server
from swarmstead.gatehouse import Gatehouse, open_gatehouse
from swarmstead.settings import Settings


def serve_gateway(settings: Settings, announce: Callable[[Gatehouse, str], Awaitable[Callable[[], None]]]) -> None:
    """Run a gateway until SIGINT or SIGTERM: calls in flight end first, within `drain_s`. A second signal cuts them.

    `announce(gateway, address)` gives what is called once it is ready.
    Fails: PortInUse, AddressRefused, storage.errors, BadInput; nothing is left behind.
    """
    run_server(settings, Serving(open_gatehouse, make_gateway_door, announce, settings.drain_s))

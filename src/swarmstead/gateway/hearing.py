"""What tool servers tell on their own, on its way to one who listens: only of what is granted."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swarmstead.gateway.contract import CHANGES, SUBSCRIPTIONS, UPDATED, ServerRef
from swarmstead.gateway.errors import RelayRefused, UpstreamFailed
from swarmstead.gateway.grants import Granted
from swarmstead.gateway.ports import Upstream
from swarmstead.gateway.relay import Relay

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """One server that is listened to.

    `denied` are (server, address) of resources that policies do not let the caller read.
    """

    server: ServerRef
    granted: Granted
    denied: frozenset[tuple[str, str]] = frozenset()

    def holds(self, uri: str) -> bool:
        """Whether the caller may hear of the resource at this address."""
        return self.granted.holds("resource", uri) and (self.server.name, uri) not in self.denied

    def asked(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """What of the wanted this server may be asked for; nothing if it has nothing that is granted."""
        held = {"tool": self.granted.tools, "prompt": self.granted.prompts, "resource": self.granted.resources}
        asked: dict[str, Any] = {
            name: True for kind, name in CHANGES.values() if wanted.get(name) is True and held[kind]
        }
        uris = [uri for uri in wanted.get(SUBSCRIPTIONS) or () if self.holds(str(uri))]
        return asked | ({SUBSCRIPTIONS: uris} if uris else {})


class _Filter:
    """Satisfies `contract.Relay`: lets through what is granted."""

    def __init__(self, source: Source, relay: Relay) -> None:
        self._source = source
        self._relay = relay

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """Nothing: who only listens cannot be asked."""
        return {}

    def hang_up(self) -> None:
        """Nothing: this is no answer that could come later."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refused. Fails: RelayRefused."""
        del method, params
        raise RelayRefused("Nothing is asked of a client that has asked nothing itself.")

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass on that a list or a granted resource has changed."""
        if method in CHANGES or (method == UPDATED and self._source.holds(str(params.get("uri")))):
            self._relay.notify(method, params)


async def hear(
    upstream: Upstream, sources: list[Source], wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]
) -> None:
    """Listen to all of them until cancelled. `ready` is called once no server is still to be reached."""
    open_ = [(source, asked) for source in sources if (asked := source.asked(wanted))]
    missing = set(range(len(open_)))

    def reached(number: int) -> None:
        missing.discard(number)
        if not missing:
            ready()

    async def one(number: int, source: Source, asked: Mapping[str, Any]) -> None:
        try:
            await upstream.listen(source.server, asked, _Filter(source, relay), lambda: reached(number))
        except UpstreamFailed as error:
            log.info("not listening to %s: %s", source.server.name, error.message)
        finally:
            reached(number)

    if not open_:
        ready()
    async with asyncio.TaskGroup() as group:
        for number, (source, asked) in enumerate(open_):
            group.create_task(one(number, source, asked))

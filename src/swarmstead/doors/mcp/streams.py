"""Streams that stay open: what changes while a client does nothing. `GET` of a session, `subscriptions/listen` without.

A stream tells of our own changes (what a caller may use) and passes on what tool servers tell of theirs.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from starlette.types import Receive, Send

from swarmstead.doors.mcp.resuming import gone
from swarmstead.doors.mcp.sse import EVENTS, PING, PING_S, Outbox, encode, event
from swarmstead.doors.mcp.standing import Standing
from swarmstead.gateway.contract import CHANGES, SUBSCRIPTIONS, UPDATED
from swarmstead.gateway.errors import RelayRefused
from swarmstead.resources.contract import resources_topic
from swarmstead.storage.signals import EVERYTHING, Signals

SUBSCRIPTION_META = "io.modelcontextprotocol/subscriptionId"


class Stream:
    """One open stream. Satisfies `gateway.contract.Relay` for what servers tell on their own.

    `wanted` names the changes that the client has asked for, None for all; `subscription` marks what is sent in the era
    without sessions.
    """

    def __init__(self, tenant: str, *, wanted: Mapping[str, Any] | None = None, subscription: Any = None) -> None:
        self._topic = resources_topic(tenant)
        self._wanted = wanted
        self._subscription = subscription
        self._outbox = Outbox()
        self._stir = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self.on_change: Callable[[], None] | None = None
        """Called when what this caller may hear has changed."""

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
        """Tell the client, if it has asked to be told."""
        if not self._listens_to(method, params):
            return
        told = dict(params)
        if self._subscription is not None:
            given: Any = told.get("_meta")
            meta = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
            told["_meta"] = {**meta, SUBSCRIPTION_META: self._subscription}
        if self._outbox.put(event(encode({"jsonrpc": "2.0", "method": method, "params": told}))):
            self._stir.set()

    def hear(self, topic: str) -> None:
        """A watcher of signals, called from any thread: what this caller may use has changed."""
        if topic in {self._topic, EVERYTHING}:
            self._loop.call_soon_threadsafe(self._all_changed)

    def close(self) -> None:
        """Another stream has taken its place, or its session is over."""
        self._over.set()

    async def serve(
        self, receive: Receive, send: Send, signals: Signals, closing: asyncio.Event, standing: Standing
    ) -> None:
        """Send events until the client goes, the server does, or the credential is not what it was any more."""
        await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
        forget = signals.watch(self.hear)
        ends = [asyncio.create_task(one) for one in (gone(receive), closing.wait(), self._over.wait(), standing.lost())]
        try:
            while not any(task.done() for task in ends):
                while self._outbox and await standing.holds():
                    await send({"type": "http.response.body", "body": self._outbox.take(), "more_body": True})
                if self._outbox:
                    break
                self._stir.clear()
                stirred = asyncio.create_task(self._stir.wait())
                done, _ = await asyncio.wait([stirred, *ends], timeout=PING_S, return_when=asyncio.FIRST_COMPLETED)
                stirred.cancel()
                if not done:
                    await send({"type": "http.response.body", "body": PING, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            forget()
            for task in ends:
                task.cancel()

    def _listens_to(self, method: str, params: Mapping[str, Any]) -> bool:
        if self._wanted is None or method == "notifications/subscriptions/acknowledged":
            return True
        if method == UPDATED:
            return params.get("uri") in (self._wanted.get(SUBSCRIPTIONS) or ())
        return self._wanted.get(CHANGES.get(method, ("", ""))[1]) is True

    def _all_changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
        for method in CHANGES:
            self.notify(method, {})


def acknowledged(wanted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The first thing that a subscriber is told: which of the changes it wants we will tell."""
    told: dict[str, Any] = {name: True for _, name in CHANGES.values() if wanted.get(name) is True}
    uris: Any = wanted.get(SUBSCRIPTIONS)
    if isinstance(uris, list):
        told[SUBSCRIPTIONS] = cast("list[Any]", uris)
    return "notifications/subscriptions/acknowledged", {"notifications": told}

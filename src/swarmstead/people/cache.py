"""What is remembered of credentials for a moment, so that a hot call reads no database and guessing does not pay.

Invariants: no credential is kept, only its SHA-256; every structure is bounded; all of it is changed on the event loop
only, but for `Verified.forget`, which makes single assignments and may come from any thread.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TypeVar

from swarmstead.kernel.errors import NotSignedIn
from swarmstead.people.contract import Identity
from swarmstead.people.errors import TooManyGuesses

K = TypeVar("K")
V = TypeVar("V")
_MOST = 10_000
_BURST, _PER_S, _DEBT = 30.0, 5.0, -150.0
_WAITING = 32


class Epoch:
    """What was known of one tenant at one time. A revocation ends it, and with it all that was found within it."""

    __slots__ = ("alive", "environments", "until")

    def __init__(self) -> None:
        self.alive = True
        self.environments: frozenset[str] = frozenset()
        self.until = 0


class Entry:
    """One verified credential. It counts until a time, while its epoch lives."""

    __slots__ = ("epoch", "identity", "scope", "until")

    def __init__(self, identity: Identity, until: int, epoch: Epoch) -> None:
        self.identity = identity
        self.scope = identity.scope
        self.until = until
        self.epoch = epoch


class Verified:
    """Verified credentials by SHA-256, and those that were refused a moment ago."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._entries: dict[bytes, Entry] = {}
        self._refused: dict[bytes, tuple[int, NotSignedIn]] = {}
        self._epochs: dict[str, Epoch] = {}
        self.told = 0
        """How many wakes there were: whoever reads the database compares it before and after."""
        self.get = self._entries.get

    def put(self, digest: bytes, identity: Identity, until: int) -> Entry:
        """Remember a credential until then, or until its tenant's epoch ends."""
        self._entries.pop(digest, None)
        _make_room(self._entries, self._most)
        entry = self._entries[digest] = Entry(identity, until, self.epoch(identity.scope.tenant))
        return entry

    def epoch(self, tenant: str) -> Epoch:
        """The tenant's present epoch."""
        found = self._epochs.get(tenant)
        if found is None or not found.alive:
            if (gone := _make_room(self._epochs, self._most)) is not None:
                gone.alive = False  # nobody could end it any more
            found = self._epochs[tenant] = Epoch()
        return found

    def refuse(self, digest: bytes, error: NotSignedIn, until: int) -> None:
        """Remember that a credential is no good, and in which words. The error itself holds on to the credential."""
        _make_room(self._refused, self._most)
        self._entries.pop(digest, None)
        self._refused[digest] = (until, NotSignedIn(error.message, way_out=error.way_out, code=error.code))

    def refusal(self, digest: bytes, now: int) -> NotSignedIn | None:
        """Why the credential was refused a moment ago, if it was; to be raised."""
        found = self._refused.get(digest)
        if found is None or found[0] <= now:
            return None
        return NotSignedIn(found[1].message, way_out=found[1].way_out, code=found[1].code)

    def forget(self, tenant: str = "") -> None:
        """What was found before counts no more: for one tenant, or for all."""
        self.told += 1
        self._refused = {}
        for name in [tenant] if tenant else list(self._epochs):
            if (epoch := self._epochs.get(name)) is not None:
                epoch.alive = False


class Guesses:
    """A token bucket per address for wrong credentials: 30 at once, then five a second. IPv6 counts by /64.

    It is charged when a credential turns out wrong, so that many good ones at once cost nothing; whoever sends many
    wrong ones at once gets into debt, for up to half a minute. An address may be a proxy's and stand for many: from one
    in debt, credentials are looked at one after the other, `pace_s` after each wrong one, and a good one is let in.
    """

    def __init__(self, most: int = _MOST, pace_s: float = 1 / _PER_S) -> None:
        self._most = most
        self._pace_s = pace_s
        self._left: dict[str, tuple[float, int]] = {}
        self._queues: dict[str, _Queue] = {}

    async def look(self, address: str, now: int, look: Callable[[], Awaitable[V]]) -> V:
        """What a look at a credential finds.

        Fails: NotSignedIn for a wrong one; TooManyGuesses for one that comes from an address in debt, and when too
        many wait there already.
        """
        whose = _network(address)
        if self._of(whose, now) >= 1:
            return await self._counted(whose, now, look)
        queue = self._queues.setdefault(whose, _Queue())
        if queue.waiting >= _WAITING:
            raise _too_many()
        queue.waiting += 1
        try:
            async with queue.turn:
                try:
                    return await self._counted(whose, now, look)
                except NotSignedIn as error:
                    await asyncio.sleep(self._pace_s)
                    raise _too_many() from error
        finally:
            queue.waiting -= 1
            if not queue.waiting:
                self._queues.pop(whose, None)

    async def _counted(self, whose: str, now: int, look: Callable[[], Awaitable[V]]) -> V:
        try:
            return await look()
        except NotSignedIn:
            self._wrong(whose, now)
            raise

    def _wrong(self, whose: str, now: int) -> None:
        left = max(_DEBT, self._of(whose, now) - 1)
        self._left.pop(whose, None)  # the one that was quiet for longest goes first
        _make_room(self._left, self._most)
        self._left[whose] = (left, now)

    def _of(self, whose: str, now: int) -> float:
        left, at = self._left.get(whose, (_BURST, now))
        return min(_BURST, left + max(0, now - at) / 1000 * _PER_S)


class _Queue:
    """Who waits for a look, of one network in debt."""

    __slots__ = ("turn", "waiting")

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.waiting = 0


def _too_many() -> TooManyGuesses:
    return TooManyGuesses(
        "Too many wrong credentials came from your address.",
        way_out="Wait a second, and send a credential that is good.",
        extra={"retry_after_s": 1},
    )


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def _make_room(kept: dict[K, V], most: int) -> V | None:
    """Have room for one more; the oldest goes."""
    return kept.pop(next(iter(kept))) if len(kept) >= most else None

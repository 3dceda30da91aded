"""How many calls may wait for their clients, in both eras: of one caller, of a tenant, and in all.

A call that waits holds no slot of its tool, so slots do not bound how many there are. What it does hold is memory, a
session with its tool server, and in the era of sessions a stream.
"""

from collections import Counter

from swarmstead.gateway.errors import RelayRefused
from swarmstead.kernel.scope import Scope

Owner = tuple[str, str]
"""(tenant, actor)."""
_MOST_OF_ONE, _MOST_OF_TENANT, _MOST = 16, 64, 256


class Places:
    """Belongs to one process and one event loop."""

    def __init__(self, of_one: int = _MOST_OF_ONE, of_tenant: int = _MOST_OF_TENANT, in_all: int = _MOST) -> None:
        self._most = of_one, of_tenant, in_all
        self._callers: Counter[Owner] = Counter()
        self._tenants: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many are taken."""
        return self._callers.total()

    def take(self, owner: Owner) -> None:
        """Count one more call of this caller. Fails: RelayRefused when there is no place."""
        of_one, of_tenant, in_all = self._most
        if self._callers[owner] >= of_one or self._tenants[owner[0]] >= of_tenant or len(self) >= in_all:
            raise RelayRefused("Too many calls wait for their clients.")
        self._callers[owner] += 1
        self._tenants[owner[0]] += 1

    def give_back(self, owner: Owner) -> None:
        """Count one less."""
        self._callers[owner] -= 1
        self._tenants[owner[0]] -= 1
        self._callers, self._tenants = +self._callers, +self._tenants


class Place:
    """One call's: taken with its first question, and held until the call is over and its answer is handed on."""

    __slots__ = ("_closed", "_owner", "_places", "_taken")

    def __init__(self, places: Places, caller: Scope) -> None:
        self._places = places
        self._owner: Owner = caller.tenant, caller.actor.id
        self._taken = False
        self._closed = False

    def take(self) -> None:
        """Have it. Doing it twice changes nothing. Fails: RelayRefused."""
        if self._closed:
            raise RelayRefused("The call is over.")
        if not self._taken:
            self._places.take(self._owner)
            self._taken = True

    def close(self) -> None:
        """Give it back for good, if it was taken."""
        self._closed = True
        if self._taken:
            self._taken = False
            self._places.give_back(self._owner)

"""A gate: so many calls at a time, and a bounded queue before it.

States of a ticket, and what moves it:

    state     free slot in turn   withdrawn   its time is over
    WAITING   INSIDE              GONE        GONE
    INSIDE    -                   GONE        INSIDE
    GONE      -                   GONE        GONE

Within one identity the queue is first come, first served; between identities slots go round, so that one that queues a
hundred calls does not make another wait for all of them.

Invariants: never more than `cap` inside (after the cap was lowered: no new one until enough have left). A slot is
passed on or free the moment its holder leaves. At most `room` wait. An identity without a waiting call leaves nothing
behind.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import Enum


class Place(Enum):
    """Where a ticket's call is."""

    WAITING = "waiting"
    INSIDE = "inside"
    GONE = "gone"


class Ticket:
    """A place in the queue of a gate. `admit` is called once, when a slot is given to it; `until` is its deadline."""

    __slots__ = ("admit", "identity", "place", "until")

    def __init__(self, identity: str, until: float, admit: Callable[[], None]) -> None:
        self.identity = identity
        self.until = until
        self.admit = admit
        self.place = Place.WAITING


class Gate:
    """At most `cap` calls inside. Who got in, by `enter` or with a ticket, has to leave, once.

    Cost: without a queue, `enter` and `leave` are an addition each.
    """

    __slots__ = ("_queues", "cap", "inside", "waiting")

    def __init__(self, cap: int = 1) -> None:
        self.cap = cap
        self.inside = 0
        self.waiting = 0
        self._queues: OrderedDict[str, deque[Ticket]] = OrderedDict()

    @property
    def used(self) -> bool:
        """Whether anybody is inside or waits."""
        return self.inside > 0 or self.waiting > 0

    def enter(self) -> bool:
        """Go in, if there is a slot and nobody waits for it."""
        if self.inside < self.cap and not self.waiting:
            self.inside += 1
            return True
        return False

    def queue(self, ticket: Ticket, room: int, now: float) -> bool:
        """Wait for a slot; False when `room` calls wait already. The ticket may be inside when this returns."""
        if self.waiting >= room:
            return False
        self._queues.setdefault(ticket.identity, deque()).append(ticket)
        self.waiting += 1
        self._pass_on(now)  # the cap may have been raised, or those in front may be over their time
        return True

    def leave(self, now: float) -> None:
        """Come out; the slot goes to the next in turn."""
        self.inside -= 1
        if self.waiting:
            self._pass_on(now)

    def withdraw(self, ticket: Ticket, now: float) -> None:
        """Wait no more. A slot that was given meanwhile is passed on. Doing it twice changes nothing."""
        place, ticket.place = ticket.place, Place.GONE
        if place is Place.INSIDE:
            self.leave(now)
        elif place is Place.WAITING:
            self._drop(ticket)

    def _drop(self, ticket: Ticket) -> None:
        queue = self._queues[ticket.identity]
        queue.remove(ticket)
        self.waiting -= 1
        if not queue:
            del self._queues[ticket.identity]

    def _pass_on(self, now: float) -> None:
        while self.inside < self.cap and self._queues:
            identity, queue = next(iter(self._queues.items()))
            ticket = queue.popleft()
            self.waiting -= 1
            if queue:
                self._queues.move_to_end(identity)
            else:
                del self._queues[identity]
            if ticket.until <= now:
                ticket.place = Place.GONE
                continue
            ticket.place = Place.INSIDE
            self.inside += 1
            ticket.admit()


Slots = tuple[Gate, Gate]
"""A place inside of two gates: a tool's and its tenant's."""

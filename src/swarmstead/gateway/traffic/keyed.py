"""A map that cannot be made to grow: who invents keys throws out the oldest, which is most often his own."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_LOOK_AT = 8


class Keyed(Generic[K, V]):
    """At most `room` values by key, made on first use; the one that was used longest ago makes room.

    Invariants: a value that `held` says yes to is never thrown out, so the map may pass `room` by as many as are held.
    Cost: a hit is a look-up and a move in the order.
    """

    __slots__ = ("_held", "_kept", "_make", "_room")

    def __init__(self, room: int, make: Callable[[K], V], held: Callable[[V], bool] | None = None) -> None:
        self._room = room
        self._make = make
        self._held = held
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, key: K) -> V:
        """The value of a key, made if there is none."""
        kept = self._kept
        value = kept.get(key)
        if value is not None:
            kept.move_to_end(key)
            return value
        if len(kept) >= self._room:
            self._make_room()
        value = kept[key] = self._make(key)
        return value

    def look(self, key: K) -> V | None:
        """The value of a key if there is one; this is no use of it."""
        return self._kept.get(key)

    def items(self) -> Iterator[tuple[K, V]]:
        """All of them, the longest unused first."""
        return iter(list(self._kept.items()))

    def _make_room(self) -> None:
        """Throw out the oldest that is not held. Those that are held go to the end, so they are not looked at again."""
        for _ in range(min(_LOOK_AT, len(self._kept))):
            key = next(iter(self._kept))
            if self._held is None or not self._held(self._kept[key]):
                del self._kept[key]
                return
            self._kept.move_to_end(key)

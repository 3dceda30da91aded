"""One row per tool: its key, digest, server and traits, and its vectors. Rows are appended and struck out, never moved.

`static.f16` and `deep.f16` are mapped into memory, so only what is looked at is read. `deep.f16` may have fewer rows:
it is filled in later, in order. What is struck out goes when the index is next built from nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swarmstead.gateway.contract import Risk
from swarmstead.gateway.search.contract import Permitted, ToolDocument, key_of
from swarmstead.gateway.search.ports import Traits

Numbers = NDArray[np.int64]
Marks = NDArray[np.bool_]
Floats = NDArray[np.float32]
_RISKS: tuple[Risk, ...] = ("read", "write", "danger", "unknown")
_HALF = np.dtype(np.float16)


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows as arrays of one length. `traits` has quality, cost, latency and the number of the risk class."""

    keys: Numbers
    digests: Numbers
    servers: Numbers
    traits: Floats
    live: Marks
    names: tuple[str, ...]
    order: Numbers
    ordered: Numbers
    count: int

    @classmethod
    def made(
        cls, keys: Numbers, digests: Numbers, servers: Numbers, traits: Floats, live: Marks, names: tuple[str, ...]
    ) -> "Rows":
        """From its columns. `order` and `ordered` are the keys sorted, `count` is how many rows live."""
        order = np.argsort(keys, kind="stable")
        return cls(keys, digests, servers, traits, live, names, order, keys[order], int(live.sum()))

    @classmethod
    def none(cls) -> "Rows":
        """No rows."""
        empty = np.zeros(0, np.int64)
        return cls.made(empty, empty, empty, np.zeros((0, 4), np.float32), np.zeros(0, np.bool_), ())

    @classmethod
    def load(cls, path: Path) -> "Rows":
        """As saved. Fails: OSError, ValueError, KeyError."""
        with np.load(path, allow_pickle=False) as stored:
            columns = [stored[name] for name in ("keys", "digests", "servers", "traits", "live")]
            return cls.made(*columns, names=tuple(json.loads(stored["names"].tobytes())))

    def save(self, path: Path) -> None:
        """Write all of it."""
        np.savez(
            path,
            keys=self.keys,
            digests=self.digests,
            servers=self.servers,
            traits=self.traits,
            live=self.live,
            names=np.frombuffer(json.dumps(self.names).encode(), np.uint8),
        )

    def without(self, keys: Numbers) -> "Rows":
        """These keys struck out."""
        live = self.live & ~np.isin(self.keys, keys)
        return replace(self, live=live, count=int(live.sum()))

    def plus(self, tools: Sequence[ToolDocument]) -> "Rows":
        """These tools appended."""
        numbers = {name: number for number, name in enumerate(self.names)}
        servers = [numbers.setdefault(tool.server, len(numbers)) for tool in tools]
        keys = np.concatenate([self.keys, np.array([tool.key for tool in tools], np.int64)])
        traits = [(tool.quality, tool.cost_micros, tool.latency_ms, _RISKS.index(tool.risk)) for tool in tools]
        return Rows.made(
            keys,
            np.concatenate([self.digests, np.array([tool.digest for tool in tools], np.int64)]),
            np.concatenate([self.servers, np.array(servers, np.int64)]),
            np.concatenate([self.traits, np.array(traits, np.float32).reshape(-1, 4)]),
            np.concatenate([self.live, np.ones(len(tools), np.bool_)]),
            tuple(numbers),
        )

    def of(self, keys: Numbers) -> Numbers:
        """The live row of each key; keys without one are left out."""
        if not len(self.keys):
            return np.zeros(0, np.int64)
        last = np.searchsorted(self.ordered, keys, side="right") - 1  # of several rows with one key the last may live
        at = self.order[np.maximum(last, 0)]
        return at[(self.keys[at] == keys) & self.live[at]]

    def permitted(self, permitted: Permitted) -> Numbers:
        """Rows of the tools that a caller may find. Cost: a hash per tool named; kept by whoever asks often."""
        known = set(self.names)
        keys = [key_of(server, name) for server, names in permitted.tools.items() if server in known for name in names]
        return np.sort(self.of(np.array(keys, np.int64)))

    def traits_of(self, rows: Numbers) -> list[Traits]:
        """What ranking knows of these rows."""
        return [
            Traits(_RISKS[int(risk)], quality, cost, latency)
            for quality, cost, latency, risk in self.traits[rows].tolist()
        ]


def among(found: Numbers, ordered: Numbers) -> Marks:
    """Which of `found` are in `ordered`, which is sorted."""
    if not len(ordered):
        return np.zeros(len(found), np.bool_)
    at = np.minimum(np.searchsorted(ordered, found), len(ordered) - 1)
    return ordered[at] == found


class Vectors:
    """Unit vectors as halves in a file that is only ever appended to. Not safe for two writers."""

    def __init__(self, path: Path, size: int, count: int) -> None:
        self._path = path
        self.size = size
        self._count = 0
        self._mapped: NDArray[np.float16] = np.zeros((0, size), np.float16)
        path.touch()
        if path.stat().st_size < count * size * _HALF.itemsize:
            raise ValueError(f"{path.name} is shorter than it should be")
        with path.open("r+b") as file:
            file.truncate(count * size * _HALF.itemsize)
        self._map(count)

    def __len__(self) -> int:
        return self._count

    def append(self, vectors: Floats) -> None:
        """Add rows at the end."""
        with self._path.open("ab") as file:
            file.write(vectors.astype(np.float16).tobytes())
        self._map(self._count + len(vectors))

    def at(self, rows: Numbers) -> Floats:
        """These rows."""
        return self._mapped[rows].astype(np.float32)

    def _map(self, count: int) -> None:
        if count:
            self._mapped = np.memmap(self._path, np.float16, "r", shape=(count, self.size))
        self._count = count

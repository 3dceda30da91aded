"""Nearest neighbours over usearch (HNSW), for more rows than are worth comparing one by one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from usearch.index import Index

from swarmstead.gateway.adapters.search.rows import Floats, Numbers, Vectors

EXACT = 5_000
"""Up to so many rows, each is compared: exact, and at most a few milliseconds."""
_BATCH = 50_000


class Nearest:
    """The graph of rows, kept in a file that is mapped until something is added. Built on the first need of it."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._graph: Any = None
        self._mapped = False
        if path.exists():
            self._graph = _restored(path, view=True)
            self._mapped = True
            if self._graph is None or self._graph.ndim != size:
                raise ValueError(f"{path.name} is not a graph of {size} dimensions")

    def grow(self, vectors: Vectors, live: int) -> bool:
        """Take in the rows that are not in the graph yet, once there are enough of them; whether the file changed.

        Cost: some 4,000 rows a second on two cores.
        """
        if live <= EXACT and self._graph is None:
            return False
        if self._graph is None:
            self._graph = Index(ndim=self._size, metric="cos", dtype="i8", expansion_add=128)
        start = len(self._graph)
        if start >= len(vectors):
            return False
        if self._mapped:
            self._graph = _restored(self._path, view=False)
            self._mapped = False
        self._graph.expansion_search = 128
        for first in range(start, len(vectors), _BATCH):
            rows = np.arange(first, min(first + _BATCH, len(vectors)))
            self._graph.add(rows, vectors.at(rows), threads=0)
        self._graph.save(str(self._path))
        return True

    def near(self, vector: Floats, visible: int, most: int, kept: Callable[[Numbers], Numbers]) -> Numbers:
        """About the `most` nearest rows among those that `kept` keeps, of which there are `visible`.

        More are fetched the fewer are kept, so what is hidden does not crowd out what is not.
        """
        share = max(1, visible) / max(1, len(self._graph))
        wanted = min(int(most / share * 1.5) + 16 if share < 1 else most, 4_000, len(self._graph))
        return kept(np.asarray(self._graph.search(vector, wanted, threads=1).keys, np.int64))[:most]

    @property
    def ready(self) -> bool:
        """Whether there is a graph."""
        return self._graph is not None


def _restored(path: Path, *, view: bool) -> Any:
    index: Any = Index
    return index.restore(str(path), view=view)

"""Words and meaning together: the index of one tenant's tools in a folder.

Candidates come from both: tools that share words with a text, and tools whose static vector is near. Every candidate
is then weighed by the share of words, by the static cosine and by the deep cosine. A caller who may find few tools
(up to `_SLICE`) gets a slice of their own: an index of exactly those, kept until tools or grants change.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from swarmstead.gateway.adapters.search import folder as folders
from swarmstead.gateway.adapters.search.embedding import deep_model, static_model
from swarmstead.gateway.adapters.search.nearest import EXACT, Nearest
from swarmstead.gateway.adapters.search.rows import Floats, Numbers, Rows, Vectors, among
from swarmstead.gateway.adapters.search.wordindex import Hits, WordIndex
from swarmstead.gateway.search.contract import Permitted, ToolDocument
from swarmstead.gateway.search.ports import Changed, Matches
from swarmstead.gateway.search.text import tool_sentence
from swarmstead.gateway.search.weights import Weights

log = logging.getLogger(__name__)
_BATCH = 20_000
_MOST_FETCHED = 4_000
_SLICES = 16
_SLICE = 20_000
_DEAD, _DEAD_SHARE = 100, 0.3


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller may find: rows (None for all), and the words to look in.

    `sliced`: the words are of these rows alone. Else `keys` sorts out what is found, and `servers` narrows the search.
    """

    rows: Numbers | None
    words: WordIndex
    sliced: bool
    servers: tuple[str, ...]
    keys: Numbers | None = None


class HybridIndex:
    """Fulfils `search.ports.ToolIndex`. A folder that cannot be trusted is made anew.

    Invariants: reads and changes exclude each other (`_lock`), reads and the embedding of what is new do not; `refresh`
    and `improve` wait for one another (`_writing`).
    """

    def __init__(self, folder: Path, weights: Weights, deep_limit: int = 100_000) -> None:
        self._static, self._deep = static_model(), deep_model()
        self._folder, self._weights, self._deep_limit = folder, weights, deep_limit
        self._made_with: dict[str, Any] = {"static": self._static.name, "deep": self._deep.name}
        self._lock, self._writing = threading.RLock(), threading.Lock()
        self._sights: OrderedDict[int, tuple[Permitted, Sight]] = OrderedDict()
        counts = folders.opened(folder, self._made_with)
        try:
            self._open(counts)
        except BaseException as error:  # tantivy panics, which is no Exception, when its files are not what they seem
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            log.warning("the tool index cannot be read and is made anew: %s", type(error).__name__)
            folders.emptied(folder)
            self._open({})

    def refresh(self, documents: Iterable[ToolDocument]) -> Changed:
        """As the port says. Cost: 0.2 ms a new tool, and above 5,000 tools 0.3 ms more for the graph."""
        with self._writing:
            return self._refresh(documents)

    def match(self, texts: Sequence[str], permitted: Permitted | None) -> Matches:
        """As the port says. Cost: per text 0.2 to 2 ms for candidates, and 6 ms where there are deep vectors."""
        static = self._static.embed(texts)
        with self._lock:
            deep = self._deeply(texts) if len(self._deep_vectors) else None
            sight = self._sight(permitted)
            hits = [self._words_hit(sight, text) for text in texts]
            near = [self._near(sight, vector) for vector in static]
            rows = np.unique(np.concatenate([*(self._rows.of(np.array(keys, np.int64)) for keys, _ in hits), *near]))
            fits = self._keyword(rows, hits) * self._weights.keyword + self._meaning(rows, static, deep)
            return Matches(self._rows.keys[rows].tolist(), self._rows.traits_of(rows), fits.tolist())

    def documents(self, keys: Sequence[int]) -> list[ToolDocument]:
        """As the port says."""
        with self._lock:
            return self._words.documents(keys)

    def improve(self, budget: int) -> int:
        """Deep vectors for the next tools in line, up to the limit. Cost: 4 to 8 ms a tool."""
        with self._writing:
            return self._improve(budget)

    def close(self) -> None:
        """Let go of the files. Nothing may be asked of it afterwards."""
        with self._lock:
            self._sights.clear()

    def _refresh(self, documents: Iterable[ToolDocument]) -> Changed:
        if len(self._rows.live) - self._rows.count <= max(_DEAD, _DEAD_SHARE * len(self._rows.live)):
            return self._changed(documents)
        return self._anew(documents)

    def _anew(self, documents: Iterable[ToolDocument]) -> Changed:
        """What was struck out goes. Who asks meanwhile finds what was there, and it stays if the making fails.

        Where its place cannot be taken, half of it may be gone: nothing is found until the next refresh.
        """
        with folders.beside(self._folder) as beside:
            made = HybridIndex(beside, self._weights, self._deep_limit)
            changed = made.refresh(documents)
            counts = {"static": len(made._vectors), "deep": 0} if changed.added else {}
            made.close()
            with self._lock:
                self._sights.clear()
                try:
                    folders.replaced(self._folder, beside)
                except OSError:
                    folders.emptied(self._folder)
                    self._open({})
                    raise
                self._open(counts)
        return changed

    def _changed(self, documents: Iterable[ToolDocument]) -> Changed:
        live = self._rows.live
        known = dict(zip(self._rows.keys[live].tolist(), self._rows.digests[live].tolist(), strict=True))
        seen: set[int] = set()
        added = 0
        for batch in _batches(tool for tool in documents if not tool.quarantined):
            unique = {tool.key: tool for tool in batch if tool.key not in seen}
            seen.update(unique)
            fresh = [tool for tool in unique.values() if known.get(tool.key) != tool.digest]
            if fresh:
                folders.unsealed(self._folder)
                self._add(fresh)
                added += len(fresh)
        gone = sorted(known.keys() - seen)
        if gone:
            folders.unsealed(self._folder)
            self._remove(gone)
        if gone or added:
            with self._lock:
                self._nearest.grow(self._vectors, self._rows.count)
            self._seal()
        return Changed(added, len(gone))

    def _improve(self, budget: int) -> int:
        first = len(self._deep_vectors)
        wanted = min(len(self._rows.keys), self._deep_limit)
        rows = np.arange(first, min(first + budget, wanted))
        if len(rows):
            tools = {tool.key: tool for tool in self.documents(self._rows.keys[rows].tolist())}
            texts = [_sentence(tools[key]) if key in tools else "" for key in self._rows.keys[rows].tolist()]
            vectors = self._deep.embed(texts)
            with self._lock:  # still sealed: what is past the end that the manifest knows is cut off when opened
                self._deep_vectors.append(vectors)
            self._seal()
        return max(0, wanted - len(self._deep_vectors))

    def _open(self, counts: dict[str, int]) -> None:
        self._rows = Rows.load(self._folder / "rows.npz") if counts else Rows.none()
        self._vectors = Vectors(self._folder / "static.f16", self._static.size, counts.get("static", 0))
        self._deep_vectors = Vectors(self._folder / "deep.f16", self._deep.size, counts.get("deep", 0))
        self._nearest = Nearest(self._folder / "nearest.usearch", self._static.size)
        self._words = WordIndex(self._folder / "words")
        if len(self._words) != self._rows.count or len(self._vectors) != len(self._rows.keys):
            raise ValueError("the parts of the index do not belong together")

    def _seal(self) -> None:
        self._rows.save(self._folder / "rows.npz")
        counts = {"static": len(self._vectors), "deep": len(self._deep_vectors)}
        folders.sealed(self._folder, self._made_with, counts)

    def _add(self, tools: list[ToolDocument]) -> None:
        vectors = self._static.embed([_sentence(tool) for tool in tools])
        keys = np.array([tool.key for tool in tools], np.int64)
        with self._lock:
            replaced = keys[np.isin(keys, self._rows.keys[self._rows.live])]
            self._words.change(tools, replaced.tolist())
            self._vectors.append(vectors)
            self._rows = self._rows.without(replaced).plus(tools)
            self._sights.clear()

    def _remove(self, keys: list[int]) -> None:
        with self._lock:
            self._words.change((), keys)
            self._rows = self._rows.without(np.array(keys, np.int64))
            self._sights.clear()

    def _sight(self, permitted: Permitted | None) -> Sight:
        if permitted is None:
            return Sight(None, self._words, sliced=False, servers=())
        kept = self._sights.get(id(permitted))
        if kept is not None and kept[0] is permitted:
            self._sights.move_to_end(id(permitted))
            return kept[1]
        rows = self._rows.permitted(permitted)
        if len(rows) == self._rows.count:
            sight = Sight(None, self._words, sliced=False, servers=())
        elif len(rows) <= _SLICE:
            sight = Sight(rows, self._words.slice_of(self._rows.keys[rows].tolist()), sliced=True, servers=())
        else:
            sight = Sight(rows, self._words, False, tuple(permitted.tools), np.sort(self._rows.keys[rows]))
        self._sights[id(permitted)] = (permitted, sight)
        if len(self._sights) > _SLICES:
            self._sights.popitem(last=False)
        return sight

    def _words_hit(self, sight: Sight, text: str) -> Hits:
        most = self._weights.candidates
        if sight.sliced or sight.rows is None:
            return sight.words.hits(text, most)
        fetched = min(int(most * len(self._rows.keys) / len(sight.rows) * 1.5) + 16, _MOST_FETCHED)
        found = self._allowed(sight, sight.words.hits(text, fetched), most)
        if len(found[0]) < most and fetched == _MOST_FETCHED:  # what is hidden crowds out the rest: ask again, narrowed
            found = self._allowed(sight, sight.words.hits(text, fetched, sight.servers), most)
        return found

    def _allowed(self, sight: Sight, hits: Hits, most: int) -> Hits:
        if sight.keys is None or not hits[0]:
            return hits
        allowed = among(np.array(hits[0], np.int64), sight.keys)
        kept = [(key, score) for key, score, fine in zip(*hits, allowed.tolist(), strict=True) if fine][:most]
        return [key for key, _ in kept], [score for _, score in kept]

    def _near(self, sight: Sight, vector: Floats) -> Numbers:
        most = self._weights.candidates
        if self._nearest.ready and (sight.rows is None or len(sight.rows) > EXACT):
            visible = self._rows.count if sight.rows is None else len(sight.rows)
            return self._nearest.near(vector, visible, most, lambda found: self._seen(sight, found))
        rows = np.flatnonzero(self._rows.live) if sight.rows is None else sight.rows
        if len(rows) <= most:
            return rows
        cosines = self._vectors.at(rows) @ vector
        return rows[np.argpartition(-cosines, most)[:most]]

    def _seen(self, sight: Sight, found: Numbers) -> Numbers:
        found = found[self._rows.live[found]]
        return found if sight.rows is None else found[among(found, sight.rows)]

    def _keyword(self, rows: Numbers, hits: Sequence[Hits]) -> Floats:
        found = np.zeros((len(hits), len(rows)), np.float32)
        for number, (keys, scores) in enumerate(hits):
            by_key = dict(zip(keys, scores, strict=True))
            found[number] = [by_key.get(key, 0.0) for key in self._rows.keys[rows].tolist()]
        return found

    def _deeply(self, texts: Sequence[str]) -> Floats:
        """A vector per text. The whole task's is the mean of its steps': reading it again costs as much as they do."""
        if len(texts) == 1:
            return self._deep.embed(texts)
        parts = self._deep.embed(texts[1:])
        both: Floats = np.concatenate([parts.mean(axis=0, keepdims=True), parts])
        return both

    def _meaning(self, rows: Numbers, static: Floats, deep: Floats | None) -> Floats:
        """Weighted cosines; a tool that has no deep vector yet counts its static one for both."""
        shallow: Floats = static @ self._vectors.at(rows).T
        both: Floats = (self._weights.static + self._weights.deep) * shallow
        if deep is not None:
            has = rows < len(self._deep_vectors)
            deeper = deep @ self._deep_vectors.at(rows[has]).T
            both[:, has] = self._weights.static * shallow[:, has] + self._weights.deep * deeper
        return both


def _sentence(tool: ToolDocument) -> str:
    return tool_sentence(tool.name, tool.description, tool.parameters)


def _batches(tools: Iterator[ToolDocument]) -> Iterator[list[ToolDocument]]:
    while batch := list(islice(tools, _BATCH)):
        yield batch

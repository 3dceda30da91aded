"""The index of the base install: keywords only, in memory, no package needed. Good for thousands of tools.

Okapi BM25 (Robertson and Zaragoza 2009) with k1 = 1.2 and b = 0.75 over the words of `text.tool_words`, divided by
what a tool with every word of the request would get, as in the index on disk.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from swarmstead.gateway.search.contract import Permitted, ToolDocument
from swarmstead.gateway.search.ports import Changed, Matches, Traits
from swarmstead.gateway.search.text import tool_words, words
from swarmstead.gateway.search.weights import Weights

K1, B = 1.2, 0.75


class MemoryIndex:
    """Tools and their words in dictionaries; `refresh` replaces them at once, so readers see the old or the new."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._tools: Mapping[int, ToolDocument] = {}
        self._words: Mapping[int, Counter[str]] = {}

    def refresh(self, documents: Iterable[ToolDocument]) -> Changed:
        """As the port says. Cost: only what is new or changed is counted again."""
        tools = {document.key: document for document in documents if not document.quarantined}
        same = {key for key, document in tools.items() if self._tools.get(key) == document}
        counted = {key: self._words[key] if key in same else _counted(tools[key]) for key in tools}
        changed = Changed(len(tools) - len(same), len(self._tools.keys() - tools.keys()))
        self._tools, self._words = tools, counted
        return changed

    def match(self, texts: Sequence[str], permitted: Permitted | None) -> Matches:
        """As the port says. Cost: every permitted tool is looked at; 1 us a tool, word and text."""
        tools, counted = self._tools, self._words
        keys = [key for key, tool in tools.items() if permitted is None or permitted.allows(tool.server, tool.name)]
        fits = [self._fits(set(words(text)), [counted[key] for key in keys]) for text in texts]
        used = [at for at in range(len(keys)) if any(row[at] > 0 for row in fits)]
        return Matches(
            [keys[at] for at in used],
            [_traits(tools[keys[at]]) for at in used],
            [[row[at] for at in used] for row in fits],
        )

    def documents(self, keys: Sequence[int]) -> list[ToolDocument]:
        """As the port says."""
        return [self._tools[key] for key in keys if key in self._tools]

    def improve(self, budget: int) -> int:
        """There is nothing to better."""
        del budget
        return 0

    def close(self) -> None:
        """Nothing is held but memory."""

    def _fits(self, asked: set[str], tools: list[Counter[str]]) -> list[float]:
        weight = {word: rarity(len(tools), sum(word in found for found in tools)) for word in asked}
        most = (K1 + 1) * sum(weight.values()) or 1.0
        mean = sum(found.total() for found in tools) / len(tools) if tools else 1.0
        known = {word: value * (K1 + 1) / most * self._weights.keyword for word, value in weight.items()}
        return [
            sum(
                value * found[word] / (found[word] + K1 * (1 - B + B * found.total() / (mean or 1.0)))
                for word, value in known.items()
                if word in found
            )
            for found in tools
        ]


def rarity(tools: int, with_word: int) -> float:
    """BM25's inverse document frequency, never negative."""
    return math.log(1 + (tools - with_word + 0.5) / (with_word + 0.5))


def _counted(document: ToolDocument) -> Counter[str]:
    return Counter(tool_words(document.name, document.description, document.parameters))


def _traits(tool: ToolDocument) -> Traits:
    return Traits(tool.risk, tool.quality, tool.cost_micros, tool.latency_ms)

"""From a task to the tools that fit it: steps, candidates, one order.

Every text (the whole task, and each step when there are several) asks the index for candidates. A tool's score is
the part `whole` of how far it is behind the best one for the whole task, plus the rest of how far it is behind the best
one for the step it fits best. So the best tool of every step is near the top, even where other tools fit the
longest step better than it fits its own; and a task of one step is ranked by that step alone.
"""

import math
from collections.abc import Sequence

from swarmstead.gateway.search.contract import MOST, Found, Permitted
from swarmstead.gateway.search.ports import Matches, ToolIndex, Traits
from swarmstead.gateway.search.text import clean, steps
from swarmstead.gateway.search.weights import Weights

_RISKS = {"read": 0.0, "write": 1.0, "danger": 2.0, "unknown": 2.0}


def search(
    index: ToolIndex, weights: Weights, task: str, permitted: Permitted | None, limit: int = MOST
) -> list[Found]:
    """The best tools for a task, best first. Cost: a query of both indexes per step."""
    task = clean(task)
    parts = steps(task)
    matches = index.match([task, *parts] if len(parts) > 1 else [task], permitted)
    scores = scored(matches, weights)
    best = sorted(range(len(scores)), key=lambda at: (-scores[at], matches.keys[at]))[:limit]
    by_key = {document.key: document for document in index.documents([matches.keys[at] for at in best])}
    return [Found(by_key[matches.keys[at]], scores[at]) for at in best if matches.keys[at] in by_key]


def scored(matches: Matches, weights: Weights) -> list[float]:
    """One number per candidate, highest best."""
    if not matches.keys:
        return []
    whole, *parts = [_behind_best(fits) for fits in matches.fits]
    best = [max(column) for column in zip(*parts, strict=True)] if parts else whole
    share = weights.whole
    return [
        share * all_of_it + (1 - share) * step + prior(traits, weights)
        for all_of_it, step, traits in zip(whole, best, matches.traits, strict=True)
    ]


def prior(traits: Traits, weights: Weights) -> float:
    """What is added for a tool whatever the task. What is not known adds nothing."""
    added = -weights.risk * _RISKS[traits.risk]
    if traits.quality >= 0:
        added += weights.quality * (traits.quality - 0.5)
    if traits.cost_micros >= 0:
        added -= weights.cost * math.log10(1 + traits.cost_micros)
    if traits.latency_ms >= 0:
        added -= weights.latency * math.log10(1 + traits.latency_ms)
    return added


def _behind_best(fits: Sequence[float]) -> list[float]:
    best = max(fits)
    return [fit - best for fit in fits]

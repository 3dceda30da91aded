"""Recall and latency of the product's own tool search on sets of tools, requests and right answers.

`python -m bench.tool_search A.json B.json` reads the neutral form: `tools: [{name, description, parameters?}]` and
`queries: [{q, gold: [names]}]`. Recall at k is the share of a request's right tools among the first k found, averaged
over requests. `--base` measures what an installation without the extra `search` does, `--static` leaves out the deep
model. p95 is of whole searches, one after the other, in this process.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmstead.gateway.adapters.search.opening import open_index
from swarmstead.gateway.search.contract import ToolDocument
from swarmstead.gateway.search.memory import MemoryIndex
from swarmstead.gateway.search.ports import ToolIndex
from swarmstead.gateway.search.ranking import search
from swarmstead.gateway.search.weights import shipped

KS = (1, 5, 10)
_IMPROVED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Query:
    """A request and the names of the tools that answer it."""

    text: str
    gold: frozenset[str]


@dataclass(frozen=True, slots=True)
class Measured:
    """Recall at each of KS, latencies and CPU of a search in milliseconds, and what it took to get ready."""

    recall: tuple[float, ...]
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    build_s: float


def read(path: Path) -> tuple[list[ToolDocument], list[Query]]:
    """A set in the neutral form."""
    data: dict[str, Any] = json.loads(path.read_text())
    tools = [
        ToolDocument(
            "set", str(tool["name"]), str(tool.get("description") or ""), _parameters(tool.get("parameters")), "read"
        )
        for tool in data["tools"]
    ]
    return tools, [Query(str(one["q"]), frozenset(one["gold"])) for one in data["queries"]]


def measure(index: ToolIndex, tools: list[ToolDocument], queries: Sequence[Query], *, deep: bool) -> Measured:
    """Fill the index, wait until it is as good as it gets, and search."""
    started = time.perf_counter()
    index.refresh(tools)
    while deep and index.improve(_IMPROVED_AT_ONCE):
        pass
    built = time.perf_counter() - started
    totals = [0.0] * len(KS)
    took: list[float] = []
    cpu = time.process_time()
    for query in queries:
        began = time.perf_counter()
        found = [one.document.name for one in search(index, shipped(), query.text, None, max(KS))]
        took.append((time.perf_counter() - began) * 1000)
        for at, k in enumerate(KS):
            totals[at] += len(query.gold.intersection(found[:k])) / len(query.gold)
    cpu = (time.process_time() - cpu) / len(queries) * 1000
    recall = tuple(total / len(queries) for total in totals)
    return Measured(recall, percentile(took, 0.5), percentile(took, 0.95), cpu, built)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _parameters(given: dict[str, Any] | None) -> dict[str, str]:
    return {name: text if isinstance(text, str) else json.dumps(text) for name, text in (given or {}).items()}


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--base", action="store_true", help="keywords only, as without the extra `search`")
    parser.add_argument("--static", action="store_true", help="without the deep model")
    options = parser.parse_args()
    print(
        "set                            tools queries  recall@1 recall@5 recall@10   p50 ms   p95 ms  CPU ms  build s"
    )
    for path in options.sets:
        tools, queries = read(path)
        with tempfile.TemporaryDirectory() as folder:
            index = MemoryIndex(shipped()) if options.base else open_index(Path(folder), shipped())
            one = measure(index, tools, queries, deep=not options.static)
            index.close()
        recall = "".join(f"{value:9.3f}" for value in one.recall)
        print(
            f"{path.stem:30.30} {len(tools):5} {len(queries):7} {recall} "
            f"{one.p50_ms:9.2f} {one.p95_ms:8.2f} {one.cpu_ms:7.2f} {one.build_s:8.1f}"
        )


if __name__ == "__main__":
    main()

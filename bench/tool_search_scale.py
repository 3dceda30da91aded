"""Tool search at 1,000, 100,000 and 1,000,000 tools: recall, latency, build time, memory, disk, tokens saved.

`python -m bench.tool_search_scale [--sizes 1000 100000 1000000] [--deep-limit 20000]` prints Markdown tables. Tools and
requests are made up and seeded (`bench/tool_search_data.py`). Each size runs in a process of its own, so memory is its
own. Callers: one who may find everything, one who may find half of the servers, and one with 200 tools on two servers;
each asks for tools that they may find. Latency is of whole searches, one after the other; CPU beside it, because a
machine that is shared says more about its neighbours than about us.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.tool_search import percentile
from bench.tool_search_data import Planted, planted, tools
from swarmstead.gateway.adapters.search.hybrid import HybridIndex
from swarmstead.gateway.contract import Tool
from swarmstead.gateway.search import meta
from swarmstead.gateway.search.contract import Found, Permitted, ToolDocument
from swarmstead.gateway.search.ranking import search
from swarmstead.gateway.search.weights import shipped

_REQUESTS = 300
_DESCRIBED = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What one caller met. Times are milliseconds; `first_ms` is the first search after a change of grants."""

    caller: str
    visible: int
    recall: tuple[float, float, float]
    first_ms: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Sized:
    """One size."""

    tools: int
    build_s: float
    deep_s: float
    reopen_s: float
    change_s: float
    rss_mb: float
    disk_mb: float
    all_tokens: int
    few_tokens: int
    asked: list[Asked]


def tokens(value: object) -> int:
    """An estimate: one token per four bytes of compact JSON, which is near what models' tokenizers make of schemas."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) // 4


def measure(count: int, deep_limit: int) -> Sized:
    """Build, search as three callers, reopen, change a few."""
    documents = list(tools(count))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        index = HybridIndex(folder, shipped(), deep_limit)
        index.refresh(documents)
        built = time.perf_counter()
        while count <= deep_limit and index.improve(2_000):
            pass
        deep = time.perf_counter()
        asked = [_ask(index, documents, caller, permitted) for caller, permitted in _callers(documents)]
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sample = search(index, shipped(), planted(documents, 1)[0].request, None, 8)
        index.close()
        began = time.perf_counter()
        again = HybridIndex(folder, shipped(), deep_limit)
        reopened = time.perf_counter()
        again.refresh([*documents[10:], *(_renamed(one) for one in documents[:10])])
        changed = time.perf_counter()
        disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        again.close()
    return Sized(
        count,
        built - started,
        deep - built,
        reopened - began,
        changed - reopened,
        rss,
        disk,
        tokens([meta.definition(one.qualified, _tool(one)) for one in documents[:1000]]) * count // min(count, 1000),
        _few(sample),
        asked,
    )


def _callers(documents: Sequence[ToolDocument]) -> list[tuple[str, Permitted | None]]:
    rng = random.Random(3)
    by_server: dict[str, set[str]] = {}
    for one in documents:
        by_server.setdefault(one.server, set()).add(one.name)
    servers = sorted(by_server)
    half = rng.sample(servers, max(1, len(servers) // 2))
    few = {server: frozenset(rng.sample(sorted(by_server[server]), 100)) for server in half[:2]}
    return [
        ("everything", None),
        ("half of the servers", Permitted({server: frozenset(by_server[server]) for server in half})),
        (f"{sum(map(len, few.values()))} tools", Permitted(few)),
    ]


def _ask(index: HybridIndex, documents: Sequence[ToolDocument], caller: str, permitted: Permitted | None) -> Asked:
    visible = [one for one in documents if permitted is None or permitted.allows(one.server, one.name)]
    requests = planted(visible, _REQUESTS)
    began = time.perf_counter()
    search(index, shipped(), requests[0].request, permitted, 10)
    first = time.perf_counter() - began
    places: list[int] = []
    took: list[float] = []
    cpu = time.process_time()
    for request in requests:
        began = time.perf_counter()
        found = search(index, shipped(), request.request, permitted, 10)
        took.append((time.perf_counter() - began) * 1000)
        places.append(_place(found, request))
    cpu = (time.process_time() - cpu) / len(requests) * 1000
    one, five, ten = (sum(place < k for place in places) / len(places) for k in (1, 5, 10))
    return Asked(
        caller, len(visible), (one, five, ten), first * 1000, percentile(took, 0.5), percentile(took, 0.95), cpu
    )


def _place(found: Sequence[Found], wanted: Planted) -> int:
    names = [(one.document.server, one.document.name) for one in found]
    return names.index((wanted.server, wanted.name)) if (wanted.server, wanted.name) in names else len(names) + 10


def _few(found: Sequence[Found]) -> int:
    """What a client reads instead: the two meta-tools, one answer of each, three definitions in the second."""
    hits = [
        {"name": one.document.qualified, "description": meta.gist(one.document.description), "risk": one.document.risk}
        for one in found
    ]
    described = [meta.definition(one.document.qualified, _tool(one.document)) for one in found[:_DESCRIBED]]
    return tokens(meta.DEFINITIONS) + tokens({"tools": hits}) + tokens({"tools": described})


def _tool(one: ToolDocument) -> Tool:
    properties = {name: {"type": "string", "description": text} for name, text in one.parameters.items()}
    schema = {"type": "object", "properties": properties, "required": sorted(properties)}
    return Tool(one.server, one.name, one.description, schema, None, one.risk, idempotent=False, schema_hash="")


def _renamed(one: ToolDocument) -> ToolDocument:
    return ToolDocument(one.server, f"{one.name}_v2", one.description, one.parameters, one.risk)


def _print(found: list[dict[str, Any]]) -> None:
    print("| tools | build | deep vectors | reopen | change 10 | memory | disk | all of `tools/list` | with search |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in found:
        print(
            f"| {one['tools']:,} | {one['build_s']:.1f} s | {one['deep_s']:.1f} s | {one['reopen_s']:.2f} s "
            f"| {one['change_s']:.2f} s | {one['rss_mb']:.0f} MB | {one['disk_mb']:.0f} MB "
            f"| {one['all_tokens']:,} tokens | {one['few_tokens']:,} tokens |"
        )
    print("\n| tools | caller | may find | recall@1 / 5 / 10 | first | p50 | p95 | CPU a search |")
    print("|---|---|---|---|---|---|---|---|")
    for one in found:
        for asked in one["asked"]:
            recall = " / ".join(f"{value:.3f}" for value in asked["recall"])
            print(
                f"| {one['tools']:,} | {asked['caller']} | {asked['visible']:,} | {recall} "
                f"| {asked['first_ms']:.0f} ms | {asked['p50_ms']:.1f} ms | {asked['p95_ms']:.1f} ms "
                f"| {asked['cpu_ms']:.1f} ms |"
            )


def main() -> None:
    """Each size in a process of its own; then the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--deep-limit", type=int, default=20_000, help="no deep vectors above so many tools")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(asdict(measure(options.one, options.deep_limit))))
        return
    found: list[dict[str, Any]] = []
    for size in options.sizes:
        command = [sys.executable, "-m", __spec__.name, "--one", str(size), "--deep-limit", str(options.deep_limit)]
        found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    _print(found)


if __name__ == "__main__":
    main()

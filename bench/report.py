"""The numbers as Markdown tables. `python -m bench.report` prints those of `bench/results/LATEST.json` again."""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.contest import TURNS

_PEER = "langgraph-sqlite"
_NAMES = {
    "ours-sqlite": "Swarmstead, SQLite",
    "ours-postgres": "Swarmstead, Postgres",
    "dbos-sqlite": "bare DBOS, SQLite",
    "langgraph-sqlite": "LangGraph, SQLite saver",
}


def text(found: dict[str, Any]) -> str:
    """The whole report; only the sections that were measured."""
    sections: dict[str, Callable[[Any], str]] = {
        "machine": _machine,
        "start": _start,
        "contest": _contest,
        "api": _api,
        "waiting": _waiting,
        "storage": _storage,
        "policy": _policy,
    }
    return "\n\n".join(make(found[name]) for name, make in sections.items() if name in found)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _machine(found: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return (
        "## Machine\n\n"
        f"{found['processor']}, {found['cores']} cores, {found['memory_gb']} GB, {found['system']}, "
        f"{found['file_system']}; "
        f"Python {found['python']}, SQLite {found['sqlite']}, Postgres {found['postgres']}; {versions}.\n"
        f"An fdatasync of 4 KiB takes {found['fsync_ms']} ms (median). A fixed loop of Python takes "
        f"{found['python_loop_ms']} ms before and {found['python_loop_after_ms']} ms after; load average before: "
        f"{found['load_before']}."
    )


def _start(found: dict[str, Any]) -> str:
    rows = [
        ("first start to ready (empty folder)", _spread(found["first_s"], "s"), "2 s"),
        ("second start to ready", _spread(found["second_s"], "s"), "2 s"),
    ]
    for key, name in (("at_ready_mb", "memory when ready"), ("at_rest_mb", "memory after 10 s at rest")):
        memory = found[key]
        rows.append((name, f"{memory['pss']:.0f} MB PSS, {memory['rss']:.0f} MB RSS", "130 MB"))
    return "## Start and memory\n\n" + _table(["what", "measured", "aim"], rows)


def _contest(found: dict[str, list[Any]]) -> str:
    turns = _table(
        ["one durable turn", "ms", "CPU ms", "database server's CPU ms", "commits", "statements", "against LangGraph"],
        [_turn_row(name, results, found[_PEER]) for name, results in found.items()],
    )
    swarm = _table(
        ["12 agents x 5 tool calls", "s", "CPU s", "database server's CPU s", "against LangGraph"],
        [_swarm_row(name, results, found[_PEER]) for name, results in found.items()],
    )
    rounds, fsync = len(found[_PEER]), [one["fsync_ms"] for results in found.values() for one in results]
    note = f"{rounds} rounds in turn; an fdatasync took {_spread(fsync, 'ms')} between them."
    return f"## Durable turns\n\n{note}\n\n{turns}\n\n## Swarm\n\n{swarm}"


def _turn_row(name: str, results: list[Any], peer: list[Any]) -> list[str]:
    turns = [turn for one in results for turn in one["turns"]]
    server = _median(turn["server_cpu_s"] * 1000 / TURNS for turn in turns)
    counts = results[0]["per_turn"]
    return [
        _NAMES[name],
        _spread([turn["turn_ms"] for turn in turns], ""),
        f"{_median(turn['turn_cpu_ms'] for turn in turns):.1f}",
        f"{server:.1f}" if server else "",
        f"{counts['commits']:.1f}",
        f"{counts['statements']:.0f}" if counts["statements"] else "",
        _ratio(results, peer, lambda one: _median(turn["turn_ms"] for turn in one["turns"])),
    ]


def _swarm_row(name: str, results: list[Any], peer: list[Any]) -> list[str]:
    swarms = [swarm for one in results for swarm in one["swarms"]]
    server = _median(swarm["server_cpu_s"] for swarm in swarms)
    return [
        _NAMES[name],
        _spread([swarm["wall_s"] for swarm in swarms], ""),
        f"{_median(swarm['cpu_s'] for swarm in swarms):.2f}",
        f"{server:.2f}" if server else "",
        _ratio(results, peer, lambda one: _median(swarm["wall_s"] for swarm in one["swarms"])),
    ]


def _ratio(results: list[Any], peer: list[Any], of: Callable[[Any], float]) -> str:
    """The median over the rounds of ours over theirs, so that a slow minute counts for both."""
    return f"{_median(of(one) / of(other) for one, other in zip(results, peer, strict=True)):.2f}"


def _api(found: dict[str, Any]) -> str:
    head = ["request", "connections", "a second", "p50 ms", "p95 ms", "p99 ms", "errors"]
    quiet = [_load(name, c, load) for name, loads in found["quiet"].items() for c, load in loads.items()]
    parts = ["## API", _table(head, quiet)]
    for name in ("upstream answers", "upstream hangs", "upstream refuses"):
        beside = found[name]
        rows = [_load(what, "8", load) for what, load in beside["loads"].items()]
        parts.append(f"Tool server: {name}; {beside['launched']} runs launched, {beside['refused']} refused beside it.")
        parts.append(_table(head, rows))
    return "\n\n".join(parts)


def _load(name: str, connections: str, load: dict[str, Any]) -> list[str]:
    times = [f"{load[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms")]
    return [name, connections, f"{load['per_s']:.0f}", *times, str(load["errors"])]


def _waiting(found: dict[str, Any]) -> str:
    rows = [
        ("a core's share at rest, no runs", f"{found['idle_core_percent']:.1f} %", ""),
        (f"with {found['runs']} runs that wait", f"{found['waiting_core_percent']:.1f} %", "5 %"),
        ("memory with them", f"{found['memory_mb']['pss']:.0f} MB PSS", ""),
    ]
    for key, name, aim in (("one_by_one", "one by one", "200 ms"), ("at_once", "64 at once", "")):
        took = found[key]
        times = f"p50 {took['p50_ms']:.0f} ms, p95 {took['p95_ms']:.0f} ms"
        rows.append((f"decision to the approved call, {name}", times, aim))
    return "## Waiting for a person\n\n" + _table(["what", "measured", "aim"], rows)


def _storage(found: dict[str, Any]) -> str:
    rows: list[list[str]] = []
    for name, by_concurrency in found.items():
        for concurrency, results in by_concurrency.items():
            medians = [_median(one[key] for one in results) for key in ("per_s", "ms", "cpu_ms")]
            rows.append([name, concurrency, f"{medians[0]:.0f}", f"{medians[1]:.2f}", f"{medians[2]:.2f}"])
    return "## Writes of four statements\n\n" + _table(["way", "at once", "a second", "ms", "CPU ms"], rows)


def _policy(found: dict[str, Any]) -> str:
    rows = [
        [name, str(rules), *(f"{took[key]:.1f}" for key in ("us", "slowest_us"))]
        for name, by_rules in found["verdicts"].items()
        for rules, took in by_rules.items()
    ]
    note = f"A Policy of 100 rules is checked against the schema in {found['check_100_ms']:.1f} ms, once."
    return (
        "## Policy verdicts\n\n"
        + _table(["verdict", "rules of a tenant", "us (best round)", "us (worst)"], rows)
        + (f"\n\n{note}")
    )


def _spread(values: Sequence[float], unit: str) -> str:
    digits = 2 if max(values) < 10 else 1
    return f"{_median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f}) {unit}".rstrip()


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    latest = Path(__file__).parent / "results" / "LATEST.json"
    print(text(json.loads(latest.read_text())))

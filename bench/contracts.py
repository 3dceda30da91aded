"""What contracts and pins cost. `python -m bench.contracts` prints a Markdown table; medians of five rounds."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from swarmstead.gateway.contract import ServerRef, Tool, ToolServerSpec
from swarmstead.gateway.pins.handlers import Seen
from swarmstead.gateway.pins.keeper import StoredPins
from swarmstead.gateway.schemas.compiled import contract_of
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.kernel.clock import SystemClock
from swarmstead.settings import load
from swarmstead.storage.signals import Signals
from swarmstead.wiring import open_database

_ROUNDS = 5
_CALLS = 50_000
_TOOLS = 2_000
_TEXT = {"type": "string"}


def _tool(properties: int) -> Tool:
    schema: dict[str, Any] = {"type": "object", "properties": {f"p{n}": _TEXT for n in range(properties)}}
    return Tool("bench", "t", "", schema, None, "read", idempotent=True, schema_hash="sha256:0")


def _micros(work: Callable[[], object], times: int) -> float:
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - started) / times * 1e6)
    return statistics.median(rounds)


def _checks() -> list[tuple[str, str]]:
    checker = contract_of(_tool(5), ContractLimits()).arguments
    if checker is None:
        raise RuntimeError("the schema of this bench cannot be used")
    small = {"p0": "README.md", "p1": "x"}
    large = {"p0": "README.md", "more": [{"name": "x", "size": n} for n in range(1_000)]}
    return [
        ("arguments of 2 strings checked", f"{_micros(lambda: checker.fault(small), _CALLS):.1f} us"),
        ("arguments of 3,000 values checked", f"{_micros(lambda: checker.fault(large), 50):,.0f} us"),
        (
            "a schema of 5 properties compiled",
            f"{_micros(lambda: contract_of(_tool(5), ContractLimits()), 50):,.0f} us",
        ),
        (
            "a schema of 4,000 properties compiled",
            f"{_micros(lambda: contract_of(_tool(4_000), ContractLimits()), 1) / 1000:,.0f} ms",
        ),
    ]


async def _sights(folder: Path) -> list[tuple[str, str]]:
    db = open_database(load({}, data=folder), SystemClock(), Signals())
    pins = StoredPins(db, SystemClock())
    server = ServerRef("bench", ToolServerSpec("stdio", ("bench",)), tenant="bench")
    seen = {
        f"t{n}": Seen(f"sha256:{n:064}", {"name": f"t{n}", "inputSchema": _tool(5).input_schema}) for n in range(_TOOLS)
    }
    try:
        first = await _millis(lambda: pins.check(server, seen))
        again = statistics.median([await _millis(lambda: pins.check(server, seen)) for _ in range(_ROUNDS)])
    finally:
        db.close()
    return [
        (f"first sight of {_TOOLS:,} tools", f"{first:,.0f} ms"),
        (f"the same {_TOOLS:,} tools again, once a minute", f"{again:,.0f} ms"),
    ]


async def _millis(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1e3


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_checks(), *asyncio.run(_sights(Path(folder)))]
    print("| what | cost |\n|---|---|")
    for what, cost in rows:
        print(f"| {what} | {cost} |")


if __name__ == "__main__":
    main()

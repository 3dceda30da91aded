"""Health: is the process alive, and can it do its work? Without a credential, so it tells nothing else."""

from typing import Any

from swarmstead import __version__
from swarmstead.doors.mcp.protocol import VERSIONS
from swarmstead.gatehouse import Gatehouse
from swarmstead.gateway.versions import UPSTREAM_VERSIONS
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.errors import SteadError


def alive(app: Gatehouse) -> dict[str, Any]:
    """The process answers. With the versions of MCP that it speaks, and what the operator's files have in force."""
    return _health(app, "ok", [])


async def ready(app: Gatehouse) -> dict[str, Any]:
    """Whether it can read and write its database and takes work: `status` is `ok`, or `unavailable`.

    Files that are refused leave it ready: the last good ones are in force.
    """
    checks = [await _database(app), _taking(app), *_config(app)]
    return _health(app, "ok" if all(check["ok"] for check in checks) else "unavailable", checks)


def _health(app: Gatehouse, status: str, checks: list[dict[str, Any]]) -> dict[str, Any]:
    kept = app.config.state if app.config else None
    config = kept and {"digest": kept.digest, "since": rfc3339(kept.since), "refused": bool(kept.refused)}
    return {
        "status": status,
        "role": app.role,
        "version": __version__,
        "protocol_versions": list(VERSIONS),
        "upstream_protocol_versions": list(UPSTREAM_VERSIONS),
        "config": config,
        "checks": checks,
    }


async def _database(app: Gatehouse) -> dict[str, Any]:
    try:
        await app.probe.check()
    except SteadError as error:
        return _check("database", error.message)
    return _check("database", "")


def _taking(app: Gatehouse) -> dict[str, Any]:
    return _check(app.takes, app.resting)


def _config(app: Gatehouse) -> list[dict[str, Any]]:
    if app.config is None:
        return []
    refused = app.config.state.refused
    detail = f"Refused, the last good one stays in force: {refused}" if refused else ""
    return [{"name": "config", "ok": True, "detail": detail}]


def _check(name: str, problem: str) -> dict[str, Any]:
    return {"name": name, "ok": not problem, "detail": problem}

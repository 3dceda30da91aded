"""The checks of `stead doctor`. Each answers one line; none of them writes, and none stops the others."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from swarmstead import __version__
from swarmstead.doors.cli.client import Client
from swarmstead.doors.cli.options import connect
from swarmstead.kernel.errors import SteadError

if TYPE_CHECKING:
    from swarmstead.settings import Settings

_OLDEST, _TOO_NEW = (3, 11), (3, 14)
_LITTLE_BYTES, _TOO_LITTLE_BYTES = 1 << 30, 64 << 20
_PATIENCE_S = 5.0
_MENDS = {
    "database": "Mend what it says; the server looks again by itself.",
    "runs": "Have it take runs again: stead drain --off.",
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `mend` says what to do where something is wrong or could be better."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""


def every(options: Mapping[str, Any], server: str | None, key_file: Path | None) -> list[Check]:
    """All checks, in the order in which a server needs what they look at."""
    found = [python()]
    settings: Settings | None = None
    try:
        from swarmstead.settings import load

        settings = load(**options)
        import_module("swarmstead.wiring")  # whether everything that a server imports is there
    except ImportError as error:
        found.append(Check("packages", "fail", f"{error}.", "Install them: make setup, or install the wheel again."))
    except SteadError as error:
        found.append(_failed("settings", error))
    else:
        found.append(Check("packages", "ok", f"Swarmstead {__version__} and what it needs"))
    if settings is not None:
        found += here(settings)
    found += [_safely("web UI", bundle), git(), browser()]
    found += remote(settings, server, key_file)
    return found


def here(settings: "Settings") -> Iterator[Check]:
    """What a server with these settings needs of this machine."""
    for check in (data, space, database, trail, lock, port, allowed):
        yield _safely(check.__name__, partial(check, settings))


def python() -> Check:
    """The interpreter's version."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if _OLDEST <= sys.version_info[:2] < _TOO_NEW:
        return Check("python", "ok", f"{version} at {sys.executable}")
    return Check("python", "fail", f"{version} is not supported.", "Use Python 3.11, 3.12 or 3.13.")


def data(settings: "Settings") -> Check:
    """The data directory: there or makeable, writable, closed to others."""
    path = settings.data.resolve()
    if not path.exists():
        parent = _existing(path)
        if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            return Check("data", "ok", f"{path} will be made at the first start")
        return Check("data", "fail", f"{path} cannot be made in {parent}.", "Choose another folder with --data.")
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Check(
            "data", "fail", f"{path} cannot be written.", "Give this user the folder, or choose another: --data."
        )
    if path.stat().st_mode & 0o077:
        return Check("data", "warn", f"{path} is open to other users.", f"chmod 700 {path}")
    return Check("data", "ok", str(path))


def space(settings: "Settings") -> Check:
    """Room on the disk that holds the data."""
    free = shutil.disk_usage(_existing(settings.data.resolve())).free
    text = f"{free / (1 << 30):.1f} GiB free"
    if free < _TOO_LITTLE_BYTES:
        return Check("space", "fail", f"Only {free >> 20} MiB are free.", "Free space on the disk that holds the data.")
    if free < _LITTLE_BYTES:
        return Check("space", "warn", text, "Free space on the disk that holds the data.")
    return Check("space", "ok", text)


def database(settings: "Settings") -> Check:
    """The database: it answers, its schema is not from the future, and nobody keeps it locked."""
    from swarmstead.doors.cli import stored

    version = stored.version(settings)
    if version is None:
        return Check("database", "ok", "empty; it is made at the first start")
    head, known = stored.revisions()
    if version == head:
        return Check("database", "ok", f"schema {version}")
    if version in known:
        return Check(
            "database", "warn", f"schema {version}; this version has {head}", "The next `stead up` migrates it."
        )
    return Check(
        "database",
        "fail",
        f"Its schema {version} is newer than this version's ({head}).",
        "Install the version that wrote it, or choose other data with --data.",
    )


def trail(settings: "Settings") -> Check:
    """The audit trail: the key that signs its checkpoints, and that rows can follow its last one."""
    from swarmstead.doors.cli import stored
    from swarmstead.gatehouse import has_signing_key

    there = has_signing_key(settings)
    try:
        begun, ends = stored.version(settings) is not None, stored.loose_ends(settings)
    except SteadError:
        return Check("trail", "warn", "Not known: the database cannot be read.", "Mend the database first.")
    if ends:
        detail = "; ".join(
            f"the audit trail of {tenant} was damaged from outside: {how}" for tenant, how in ends.items()
        )
        mend = "`stead audit verify` says what is wrong with it. Bring the database back from a backup."
        return Check("trail", "fail", f"{detail}.", mend)
    if there or not begun:
        detail = "it can be written, and its checkpoints signed" if there else "its key is made at the first start"
        return Check("trail", "ok", detail)
    detail = f"{settings.data.resolve() / 'audit.key'}, which signs audit checkpoints, is not there."
    return Check(
        "trail", "warn", detail, "Bring it back from a backup; else the next start makes another, and says so."
    )


def lock(settings: "Settings") -> Check:
    """Whether a server runs on the data now."""
    from swarmstead.doors.cli import stored

    if not settings.single_process:
        return Check("lock", "ok", "Postgres: several servers may share it")
    owner = stored.lock_owner(settings.data)
    return Check(
        "lock", "ok", f"a server runs on this data (process {owner})" if owner else "no server runs on this data"
    )


def port(settings: "Settings") -> Check:
    """Whether the port is free, or ours already."""
    from swarmstead.doors.cli import stored

    where = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return Check("port", "ok", "a free one is taken at start")
    fault = stored.port_fault(settings.host, settings.port)
    if not fault:
        return Check("port", "ok", f"{where} is free")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        scheme = "https" if settings.tls_cert else "http"
        health = Client(f"{scheme}://{host}:{settings.port}", "", _PATIENCE_S).health()
        return Check("port", "ok", f"Swarmstead {health['version']} answers on {where}")
    except (SteadError, TypeError, KeyError):
        free = settings.port + 1
        way = f"Stop what uses it, or start with another --port: --port {free} (`make up PORT={free}`)."
        return Check("port", "fail", f"{where}: {fault}.", way)


def allowed(settings: "Settings") -> Check:
    """The folders that runs may read repositories in."""
    paths = list(dict.fromkeys(path.resolve() for path in settings.allowed_paths))
    gone = [str(path) for path in paths if not path.is_dir()]
    if gone:
        return Check("allowed", "warn", f"{', '.join(gone)} is no folder.", "Mend --allow or STEAD_ALLOWED_PATHS.")
    if Path("/") in paths:
        return Check("allowed", "warn", "Runs may read the whole machine.", "Name the folders: --allow FOLDER.")
    return Check("allowed", "ok", ", ".join(str(path) for path in paths))


def git() -> Check:
    """The git program, which the tool server `git` calls."""
    found = shutil.which("git")
    if found:
        return Check("git", "ok", found)
    return Check(
        "git", "fail", "git is not on PATH; runs cannot read repositories.", "Install it: apt-get install git."
    )


def bundle() -> Check:
    """The web UI's files."""
    from swarmstead.doors.http.static import ASSETS

    if (ASSETS / "index.html").is_file():
        return Check("web UI", "ok", str(ASSETS))
    return Check("web UI", "warn", "It is not built; API and command line work.", "In a checkout with Node: make ui.")


def browser() -> Check:
    """A browser; only the project's own tests use one."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), "")
    return Check("browser", "ok", found or "none found; only the tests of the project use one")


def remote(settings: "Settings | None", server: str | None, key_file: Path | None) -> Iterator[Check]:
    """The server that commands speak with, the key, and whether the declared models can answer."""
    try:
        client = connect(server, key_file, _PATIENCE_S)
        health = client.health()
    except SteadError as error:
        yield Check("server", "warn", error.message, error.way_out)
        if settings is not None:
            yield _safely("models", lambda: _models_stored(settings))
        return
    yield from _said(client.address, health)
    try:
        who = client.get("/api/v1/session")["actor"]
        yield Check("key", "ok", f"signed in as {who['name']} ({', '.join(who['roles'])})")
    except SteadError as error:
        yield Check("key", "warn", error.message, error.way_out)
        return
    if health.get("role") != "gateway":  # one that stands alone has no models
        yield _safely("models", lambda: _models_declared(client))


def _said(address: str, health: Mapping[str, Any]) -> Iterator[Check]:
    """What the server says of itself: whether it is ready, its version, its files, the protocols."""
    troubles = [one for one in health["checks"] if not one["ok"]]
    for one in troubles:
        mend = _MENDS.get(one["name"], "Its log says more.")
        yield Check("server", "fail", f"{address} is not ready. {one['name']}: {one['detail']}", mend)
    there = str(health.get("version"))
    if there != __version__:
        mend = "Use the command line of the server's version."
        yield Check("server", "warn", f"{address} is version {there}, this is {__version__}.", mend)
    elif not troubles:
        yield Check("server", "ok", f"{address} is {health['status']}")
    config: Mapping[str, Any] = health.get("config") or {}
    if config.get("refused"):
        detail = " ".join(one["detail"] for one in health["checks"] if one["name"] == "config")
        mend = "Mend the file; it is read again as soon as it changes."
        yield Check("config", "fail", detail or "What stands in its files is refused.", mend)
    yield _protocols(health)


def _protocols(health: Mapping[str, Any]) -> Check:
    """The versions of MCP that the server speaks; those are pinned in each release."""
    spoken, upstream = (
        ", ".join(health.get(part) or ()) for part in ("protocol_versions", "upstream_protocol_versions")
    )
    return Check("protocol", "ok", f"MCP {spoken} with clients; {upstream} with tool servers")


def _models_declared(client: Client) -> Check:
    items: list[dict[str, Any]] = client.get("/api/v1/models")["items"]
    lacks = {one["name"]: (one["missing"]["what"], one["missing"]["way_out"]) for one in items if one["missing"]}
    return _models(len(items), lacks)


def _models_stored(settings: "Settings") -> Check:
    from swarmstead.doors.cli import stored

    found = stored.models(settings)
    if found is None:
        detail = "Not known: the server could not be asked, and there is no database here to look into."
        return Check("models", "warn", detail, "Look again when the server answers.")
    return _models(*found, where=f" in the database below {settings.data.resolve()}" if settings.single_process else "")


def _models(count: int, lacks: Mapping[str, tuple[str, str]], where: str = "") -> Check:
    if not lacks:
        return Check("models", "ok", f"{count} declared{where}, none lacks anything")
    detail = "; ".join(f"{name}: {what}" for name, (what, _) in lacks.items())
    return Check("models", "warn", detail, " ".join(dict.fromkeys(way_out for _, way_out in lacks.values())))


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))


def _safely(name: str, check: Callable[[], Check]) -> Check:
    """A check that cannot even look is a finding of its own."""
    try:
        return check()
    except SteadError as error:
        return _failed(name, error)
    except OSError as error:
        return Check(name, "fail", f"This cannot be looked at: {error.strerror}.", "Run this as the server's user.")


def _failed(name: str, error: SteadError) -> Check:
    return Check(name, "fail", error.message, error.way_out)

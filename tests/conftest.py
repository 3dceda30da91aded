"""What every folder of tests may ask for: a clock to move, and databases of a test's own on SQLite and on Postgres.

`database` and `database_url` run a test twice, once on each; the `sqlite_…` and `postgres_…` ones run it once.
The Postgres server starts when the first test asks for it.
"""

import shutil
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import hypothesis
import pytest

from swarmstead.settings import Settings, load
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from swarmstead.wiring import open_database
from tests.clocks import MovableClock
from tests.databases import Postgres, migrated_sqlite, running_postgres

# The same examples in every run, and no clock: a slow machine is no fault of what is tested.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("house")

# A shell that runs the tests in the background ignores Ctrl-C, and what is ignored is inherited: programs that tests
# start, and interrupt, would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

OpenDatabase = Callable[[str], Database]


@pytest.fixture
def clock() -> MovableClock:
    """Stands at 2026-11-22T09:38:35.123Z until the test moves it."""
    return MovableClock()


@pytest.fixture
def signals() -> Signals:
    """The waiters of `database`, and of whatever `open_database` opens."""
    return Signals()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    return migrated_sqlite(tmp_path_factory.mktemp("sqlite") / "stead.db")


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    """A real Postgres server, one for the session."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite file without rows: `stead.db` in the test's `tmp_path`."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'stead.db')}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> Generator[str]:
    """A migrated Postgres database without rows."""
    with postgres.fresh() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database without rows, on SQLite and on Postgres."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def open_database_at(clock: MovableClock, signals: Signals) -> Generator[OpenDatabase]:
    """Opens a database as the product does, with all its flushers. Call it again to be a second worker."""
    opened: list[Database] = []

    def open_at(url: str) -> Database:
        opened.append(open_database(_settings(url), clock, signals))
        return opened[-1]

    yield open_at
    for database in opened:
        database.close()


def _settings(url: str) -> Settings:
    if url.startswith("sqlite"):
        return load({}, data=Path(url.removeprefix("sqlite:///")).parent)
    return load({}, database_url=url)


@pytest.fixture
def database(database_url: str, open_database_at: OpenDatabase) -> Database:
    """A migrated database, opened as the product opens it; on SQLite and on Postgres."""
    return open_database_at(database_url)


@pytest.fixture
def sqlite_database(sqlite_url: str, open_database_at: OpenDatabase) -> Database:
    """As `database`, on SQLite only."""
    return open_database_at(sqlite_url)


@pytest.fixture
def postgres_database(postgres_url: str, open_database_at: OpenDatabase) -> Database:
    """As `database`, on Postgres only."""
    return open_database_at(postgres_url)

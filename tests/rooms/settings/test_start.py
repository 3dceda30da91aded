"""A server that cannot start says why, and leaves neither a lock nor a thread behind."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmstead.audit.errors import KeyUnusable
from swarmstead.kernel.errors import BadInput, SteadError
from swarmstead.settings import load
from swarmstead.storage.datadir import DataDir
from swarmstead.storage.errors import DatabaseUnavailable, DataInUse, SchemaTooNew
from swarmstead.wiring import open_app


def newer_schema(data: Path) -> None:
    with sqlite3.connect(data / "stead.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.close()


def no_database(data: Path) -> None:
    (data / "stead.db").write_bytes(b"this is no database" * 100)


def no_key(data: Path) -> None:
    (data / "audit.key").write_bytes(b"short")


def nothing(_data: Path) -> None:
    """Leave it empty."""


def database_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("db-")}


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize(
    ("spoil", "bootstrap_key", "refusal"),
    [
        (newer_schema, "", SchemaTooNew),
        (no_database, "", DatabaseUnavailable),
        (no_key, "", KeyUnusable),
        (nothing, "too-short", BadInput),
    ],
)
async def test_a_start_that_fails_leaves_nothing_open(
    tmp_path: Path, spoil: Callable[[Path], None], bootstrap_key: str, refusal: type[SteadError]
) -> None:
    spoil(tmp_path)
    before = database_threads()
    with pytest.raises(refusal) as caught:
        await open_app(load({"STEAD_BOOTSTRAP_KEY": bootstrap_key}, data=tmp_path))
    assert caught.value.way_out
    with DataDir(tmp_path):
        pass
    assert database_threads() <= before


async def test_a_second_server_does_not_touch_the_first_ones_data(tmp_path: Path) -> None:
    with DataDir(tmp_path):
        with pytest.raises(DataInUse):
            await open_app(load({}, data=tmp_path))
        assert names_in(tmp_path) == ["server.lock"]


@pytest.mark.parametrize("name", ["STEAD_EGRESS_ALLOW", "STEAD_EGRESS_BLOCK"])
async def test_egress_rules_that_cannot_be_read_are_refused_before_anything_is_opened(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(BadInput, match=r"'127\.1', which is no host") as caught:
        await open_app(load({name: "tools.example.org, 127.1"}, data=tmp_path))
    assert (caught.value.field, bool(caught.value.way_out)) == (name, True)
    assert names_in(tmp_path) == []

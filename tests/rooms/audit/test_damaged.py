"""Whatever somebody writes into the trail's tables: each row is named, and the others are read all the same."""

from pathlib import Path

import pytest

from swarmstead.audit import handlers, model, queries
from swarmstead.audit.adapters.ed25519 import Ed25519Signer
from swarmstead.audit.contract import Row, Unread, Verification
from swarmstead.audit.errors import TrailDamaged, damage_told
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.errors import Unavailable
from swarmstead.people import handlers as people
from swarmstead.people import queries as people_reads
from swarmstead.people.tables import tenants
from swarmstead.storage.database import Database
from tests.clocks import MovableClock
from tests.rooms.audit.helpers import ADA, EVE, append, export, read_export, recording, rows_of, tamper
from tests.rooms.audit.helpers import entry as told

IN_BOTH = {"a list": "'[1]'", "an infinity": "'{\"a\":1e400}'", "half a pair": '\'{"a":"\\ud800"}\''}
IN_SQLITE = {
    "cut": "'{bad'",
    "bytes": "x'ff'",
    "no text": "CAST(x'7bff7d' AS TEXT)",
    "a number": "7",
    "too deep": f"'{'[' * 100_000}'",
}


@pytest.fixture
def signer(tmp_path: Path) -> Ed25519Signer:
    return Ed25519Signer.load_or_make(tmp_path / "audit.key")


def verify(database: Database, signer: Ed25519Signer, first_key: str = "") -> Verification:
    return database.read_sync(lambda conn: queries.verify_stored(conn, ADA, signer, None, first_key))


def problems(found: Verification) -> dict[int, str]:
    return {one.seq: one.problem for one in found.problems}


def named(found: Verification, seq: int) -> str:
    """The problem of this row, which is the only one, and whose chain was walked to its end."""
    assert not found.ok
    assert (found.checked, found.head_seq) == (6, 6)
    assert list(problems(found)) == [seq]
    return problems(found)[seq]


@pytest.mark.parametrize("value", IN_BOTH.values(), ids=IN_BOTH)
def test_a_row_whose_data_cannot_be_read_is_named(database: Database, signer: Ed25519Signer, value: str) -> None:
    append(database, 6)
    tamper(database, f"UPDATE audit_rows SET data = {value.replace(':', chr(92) + ':')} WHERE seq = 3")  # noqa: S608
    assert "cannot be read" in named(verify(database, signer), 3)
    assert "`data`" in named(verify(database, signer), 3)


@pytest.mark.parametrize("value", IN_SQLITE.values(), ids=IN_SQLITE)
def test_sqlite_takes_anything_and_the_row_is_named(
    sqlite_database: Database, signer: Ed25519Signer, value: str
) -> None:
    append(sqlite_database, 6)
    tamper(sqlite_database, f"UPDATE audit_rows SET data = {value} WHERE seq = 3")  # noqa: S608 - values of ours
    assert "`data`" in named(verify(sqlite_database, signer), 3)
    assert [type(row) for row in rows_of(sqlite_database)] == [Row, Row, Unread, Row, Row, Row]


@pytest.mark.parametrize("column", [name for name in Row.__slots__ if name not in ("tenant", "seq")])
@pytest.mark.parametrize("value", ["x'ff'", "CAST(x'ff' AS TEXT)", "'9e99'"])
def test_any_column_may_hold_something_else(
    sqlite_database: Database, signer: Ed25519Signer, column: str, value: str
) -> None:
    """Text that is a number stays text in a column of texts; there it is a change as any other."""
    append(sqlite_database, 6)
    tamper(sqlite_database, f"UPDATE audit_rows SET {column} = {value} WHERE seq = 3")  # noqa: S608 - values of ours
    found = verify(sqlite_database, signer)
    assert (found.ok, found.checked, min(problems(found))) == (False, 6, 3)
    if value != "'9e99'" or column in ("at", "data"):
        assert f"`{column}`" in problems(found)[3]
    page = sqlite_database.read_sync(lambda conn: queries.page(conn, ADA))
    assert [row.seq for row in page] == [6, 5, 4, 3, 2, 1]
    assert all(rfc3339(row.at) for row in page)
    exported = model.verify(read_export(export(rows_of(sqlite_database))))
    assert min(problems(exported)) == 3


@pytest.mark.parametrize("seq", ["'three'", "3.5", "x'03'", "9e999", "-3", "0"])
def test_a_row_without_a_number_is_out_of_the_chain_and_told(
    sqlite_database: Database, signer: Ed25519Signer, seq: str
) -> None:
    append(sqlite_database, 6)
    tamper(sqlite_database, f"UPDATE audit_rows SET seq = {seq} WHERE seq = 3")  # noqa: S608 - values of ours
    found = verify(sqlite_database, signer)
    assert problems(found)[3] == "row 3 removed"
    assert "1 rows cannot be read" in problems(found)[6]
    assert [row.seq for row in sqlite_database.read_sync(lambda conn: queries.page(conn, ADA))] == [6, 5, 4, 2, 1]
    assert sqlite_database.read_sync(lambda conn: queries.newest(conn, ADA)) == 6


def test_calls_are_read_past_a_row_that_cannot_be(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_BATCH", 2)
    append(sqlite_database, 6)
    tamper(sqlite_database, "UPDATE audit_rows SET data = '{bad' WHERE seq = 3")

    def calls(limit: int) -> list[int]:
        return sqlite_database.read_sync(lambda conn: [row.seq for row in queries.of_calls(conn, ADA, limit)])

    assert calls(10) == [6, 5, 4, 3, 2, 1]
    assert calls(5) == [6, 5, 4, 3, 2]


# What is missing -----------------------------------------------------------------------------------------------------


def first_key(database: Database, clock: MovableClock) -> str:
    database.write_sync(lambda tx: tx.conn.execute(tenants.insert().values(name="acme", created_at=1)))
    database.write_sync(lambda tx: people.create_key(tx, ADA, clock, "ci", ("admin",)))
    clock.advance(seconds=1)
    database.write_sync(lambda tx: people.create_key(tx, ADA, clock, "later", ("admin",)))
    return database.read_sync(lambda conn: people_reads.first_key(conn, ADA))


def test_an_empty_trail_of_a_tenant_that_has_keys_is_a_problem(
    database: Database, signer: Ed25519Signer, clock: MovableClock
) -> None:
    key = first_key(database, clock)
    assert verify(database, signer, key).ok
    tamper(database, "DELETE FROM audit_rows", "DELETE FROM audit_heads")
    assert "no row is there" in problems(verify(database, signer, key))[1]
    append(database, 3)
    assert "what came before these rows was removed" in problems(verify(database, signer, key))[1]


def test_a_head_row_that_is_missing_is_named_and_stops_writes(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    tamper(database, "DELETE FROM audit_heads")
    assert "head row" in problems(verify(database, signer))[4]
    assert "is missing" in problems(verify(database, signer))[4]
    with pytest.raises(TrailDamaged) as caught:
        database.write_sync(recording(told(9)))
    assert caught.value.status == 503
    assert "head row, which tells where it ends, is missing" in caught.value.message
    assert "stead audit verify" in caught.value.way_out
    assert len(rows_of(database)) == 4


def test_the_trail_of_another_tenant_goes_on(database: Database) -> None:
    append(database, 2)
    tamper(database, "DELETE FROM audit_heads")
    with pytest.raises(TrailDamaged) as caught:
        database.write_sync(recording(told(9)))
    assert not isinstance(caught.value, Unavailable)  # whose writes wait until the database is back
    append(database, 1, EVE)
    assert len(rows_of(database, EVE)) == 1


def test_damage_is_told_and_the_next_one_is_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    with damage_told():
        raise TrailDamaged("The trail of 'acme' is damaged.", way_out="Look.")
    assert "The trail of 'acme' is damaged. Look." in caplog.text


def test_a_head_row_that_was_moved_back_stops_writes(database: Database) -> None:
    append(database, 4)
    tamper(database, "UPDATE audit_heads SET seq = 2")
    with pytest.raises(TrailDamaged, match="ends before rows which are there"):
        database.write_sync(recording(told(9)))
    assert len(rows_of(database)) == 4


def test_a_head_row_that_holds_no_number_stops_writes(sqlite_database: Database, signer: Ed25519Signer) -> None:
    append(sqlite_database, 4)
    tamper(sqlite_database, "UPDATE audit_heads SET seq = 'four'")
    with pytest.raises(TrailDamaged, match="cannot be read"):
        sqlite_database.write_sync(recording(told(9)))
    assert "its head is row four" in problems(verify(sqlite_database, signer))[5]


def test_a_trail_without_its_head_row_is_still_signed_by_nobody(
    database: Database, signer: Ed25519Signer, clock: MovableClock
) -> None:
    append(database, 4)
    tamper(database, "DELETE FROM audit_heads")
    with pytest.raises(TrailDamaged):
        database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))

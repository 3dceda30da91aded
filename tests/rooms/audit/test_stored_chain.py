"""On both databases: whatever is done to the stored trail behind the product's back shows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from swarmstead.audit import handlers, queries
from swarmstead.audit.adapters.ed25519 import Ed25519Signer
from swarmstead.audit.contract import Checkpoint, Row, Verification
from swarmstead.audit.model import row_hash
from swarmstead.kernel.errors import Conflict, NotFound
from swarmstead.kernel.scope import Scope
from swarmstead.storage.database import Database, Tx
from tests.clocks import MovableClock
from tests.conftest import OpenDatabase
from tests.rooms.audit.helpers import ADA, EVE, append, entry, recording, rows_of, tamper


@pytest.fixture
def signer(tmp_path: Path) -> Ed25519Signer:
    return Ed25519Signer.load_or_make(tmp_path / "audit.key")


def verify(
    database: Database, signer: Ed25519Signer, checkpoint: Checkpoint | None = None, scope: Scope = ADA
) -> Verification:
    return database.read_sync(lambda conn: queries.verify_stored(conn, scope, signer, checkpoint))


def problems(found: Verification) -> dict[int, str]:
    return {one.seq: one.problem for one in found.problems}


# A sound chain -------------------------------------------------------------------------------------------------------


def test_an_untouched_chain_is_sound(database: Database, signer: Ed25519Signer) -> None:
    append(database, 7)
    rows = rows_of(database)
    found = verify(database, signer)
    assert (found.ok, found.checked, found.head_seq, found.head_hash) == (True, 7, 7, rows[-1].hash)
    assert [row.seq for row in rows] == list(range(1, 8))
    assert rows[3].data == entry(3).data
    assert (rows[3].actor, rows[3].actor_kind) == ("key:k_ada", "user")


def test_an_empty_chain_is_sound_and_has_nothing_to_sign(
    database: Database, signer: Ed25519Signer, clock: MovableClock
) -> None:
    assert verify(database, signer) == Verification(True, 0, 0, "0" * 64, ())
    with pytest.raises(NotFound):
        database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))


def test_each_tenant_has_a_chain_of_its_own(database: Database, signer: Ed25519Signer) -> None:
    append(database, 3)
    append(database, 2, EVE)
    database.write_sync(recording(entry(9, EVE), entry(9), entry(10, EVE)))
    assert [row.target for row in rows_of(database)] == ["git/log#0", "git/log#1", "git/log#2", "git/log#9"]
    assert {row.tenant for row in rows_of(database, EVE)} == {"evil"}
    assert verify(database, signer).checked == 4
    assert verify(database, signer, scope=EVE).checked == 4


def test_a_change_that_is_undone_leaves_no_row(database: Database, signer: Ed25519Signer) -> None:
    def failing(tx: Tx) -> None:
        recording(entry(1))(tx)
        raise Conflict("no")

    append(database, 2)
    with pytest.raises(Conflict):
        database.write_sync(failing)
    append(database, 2)
    assert verify(database, signer).checked == 4


def test_a_change_without_its_row_is_not_kept(database: Database) -> None:
    """The trail fails closed: when a row cannot be written, what it tells of does not happen either."""

    def handler(tx: Tx) -> None:
        recording(entry(2))(tx)
        recording(replace(entry(3), data={"share": float("nan")}))(tx)

    append(database, 2)
    with pytest.raises(ValueError):
        database.write_sync(handler)
    assert len(rows_of(database)) == 2


def test_appends_from_many_workers_make_one_chain_without_gaps(
    database_url: str, open_database_at: OpenDatabase, signer: Ed25519Signer
) -> None:
    workers = [open_database_at(database_url)]
    if database_url.startswith("postgresql"):
        workers.append(open_database_at(database_url))
    with ThreadPoolExecutor(8) as pool:
        for outcome in [
            pool.submit(workers[n % len(workers)].write_sync, recording(entry(n), entry(n, EVE), entry(n)))
            for n in range(60)
        ]:
            outcome.result(60)
    for scope, count in ((ADA, 120), (EVE, 60)):
        found = verify(workers[0], signer, scope=scope)
        assert (found.ok, found.checked, found.head_seq) == (True, count, count)


def test_verifying_while_rows_are_appended_raises_no_false_alarm(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    original = queries.chain

    def read(conn: object) -> Verification:
        seen = list(original(conn, ADA))  # type: ignore[arg-type]
        with ThreadPoolExecutor(1) as pool:
            pool.submit(append, database, 2).result(30)
        assert len(seen) == 4
        return queries.verify_stored(conn, ADA, signer)  # type: ignore[arg-type]

    assert database.read_sync(read).checked == 4
    assert verify(database, signer).checked == 6


# Tampering -----------------------------------------------------------------------------------------------------------


def test_a_change_of_any_field_shows(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    values = dict.fromkeys(Row.__slots__, "'changed'") | {"at": "at + 1", "data": "'{\"n\": 2}'", "seq": "7"}
    for column in Row.__slots__:
        with database.writer.connect() as conn, conn.begin() as undone:
            change = f"UPDATE audit_rows SET {column} = {values[column]} WHERE tenant = 'acme' AND seq = 2"  # noqa: S608
            conn.execute(sa.text(change))
            found = queries.verify_stored(conn, ADA, signer)
            undone.rollback()
        assert not found.ok, column
        assert min(one.seq for one in found.problems) == 2, column
    assert verify(database, signer).ok


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_a_removed_row_shows(database: Database, signer: Ed25519Signer, seq: int) -> None:
    append(database, 4)
    tamper(database, f"DELETE FROM audit_rows WHERE seq = {seq}")  # noqa: S608 - a number of ours
    assert f"row {seq} removed" in problems(verify(database, signer))[seq]


def test_rows_removed_and_the_rest_numbered_anew_show(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    tamper(
        database,
        "DELETE FROM audit_rows WHERE seq = 2",
        "UPDATE audit_rows SET seq = 2 WHERE seq = 3",
        "UPDATE audit_rows SET seq = 3 WHERE seq = 4",
        "UPDATE audit_heads SET seq = 3",
    )
    assert set(problems(verify(database, signer))) == {2, 3}


def test_two_rows_that_change_places_show(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    tamper(
        database,
        "UPDATE audit_rows SET seq = 99 WHERE seq = 2",
        "UPDATE audit_rows SET seq = 2 WHERE seq = 3",
        "UPDATE audit_rows SET seq = 3 WHERE seq = 99",
    )
    assert {2, 3} <= set(problems(verify(database, signer)))


def test_a_row_moved_to_another_tenant_shows_in_both(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    append(database, 3, EVE)
    tamper(database, "UPDATE audit_rows SET tenant = 'evil' WHERE tenant = 'acme' AND seq = 4")
    assert not verify(database, signer).ok
    assert 4 in problems(verify(database, signer, scope=EVE))


def test_a_cut_off_end_shows_through_the_head(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    tamper(database, "DELETE FROM audit_rows WHERE seq > 2")
    assert "ends at row 2, its head is row 4" in problems(verify(database, signer))[3]


def test_rows_without_their_head_show(database: Database, signer: Ed25519Signer) -> None:
    append(database, 4)
    tamper(database, "DELETE FROM audit_heads")
    assert not verify(database, signer).ok


def test_a_cut_off_end_with_its_head_moved_back_shows_through_a_checkpoint(
    database: Database, signer: Ed25519Signer, clock: MovableClock
) -> None:
    append(database, 4)
    second = rows_of(database)[1]
    checkpoint = database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))
    tamper(
        database,
        "DELETE FROM audit_rows WHERE seq > 2",
        f"UPDATE audit_heads SET seq = 2, hash = '{second.hash}'",  # noqa: S608 - a hash of ours
    )
    assert verify(database, signer).ok
    assert "the checkpoint saw row 4" in problems(verify(database, signer, checkpoint))[3]


def test_a_trail_that_is_gone_shows_through_a_checkpoint(
    database: Database, signer: Ed25519Signer, clock: MovableClock
) -> None:
    append(database, 4)
    checkpoint = database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))
    tamper(database, "DELETE FROM audit_rows", "DELETE FROM audit_heads")
    assert problems(verify(database, signer, checkpoint)) == {
        1: "chain cut off: it ends at row 0, the checkpoint saw row 4"
    }


def test_a_chain_that_was_rewritten_soundly_shows_through_a_checkpoint(
    database: Database, signer: Ed25519Signer, clock: MovableClock
) -> None:
    append(database, 3)
    checkpoint = database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))
    previous = "0" * 64
    for row in rows_of(database):
        forged = {name: getattr(row, name) for name in Row.__slots__ if name != "hash"}
        forged |= {"actor": "key:k_eve", "prev_hash": previous}
        hash_ = row_hash(forged)
        assignments = f"actor = 'key:k_eve', prev_hash = '{previous}', hash = '{hash_}'"
        tamper(
            database,
            f"UPDATE audit_rows SET {assignments} WHERE seq = {row.seq}",  # noqa: S608 - values of ours
            f"UPDATE audit_heads SET hash = '{hash_}'",  # noqa: S608 - a hash of ours
        )
        previous = hash_
    assert verify(database, signer).ok
    assert problems(verify(database, signer, checkpoint)) == {
        3: "row differs from the checkpoint: the chain was rewritten"
    }


def test_a_checkpoint_still_holds_when_the_chain_has_grown(
    database: Database, signer: Ed25519Signer, clock: MovableClock
) -> None:
    append(database, 3)
    checkpoint = database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))
    append(database, 4)
    assert verify(database, signer, checkpoint).ok


def test_a_thoroughly_broken_chain_is_reported_within_bounds(database: Database, signer: Ed25519Signer) -> None:
    append(database, 120)
    tamper(database, "UPDATE audit_rows SET actor = 'eve'")
    found = verify(database, signer)
    assert found.checked == 120
    assert 50 <= len(found.problems) <= 60


# Several hosts -------------------------------------------------------------------------------------------------------


def test_any_host_verifies_what_another_has_signed(
    database: Database, signer: Ed25519Signer, clock: MovableClock, tmp_path: Path
) -> None:
    other = Ed25519Signer.load_or_make(tmp_path / "other.key")
    append(database, 3)
    signed = database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, other))
    assert "by no key that is known here" in problems(verify(database, signer, signed))[3]
    for _ in range(2):
        database.write_sync(lambda tx: handlers.introduce(tx, "acme", clock, other))
    assert verify(database, signer, signed).ok
    told = rows_of(database)[3:]
    assert [(row.action, row.target) for row in told] == [("audit.key", f"audit-key/{other.key_id}")]
    assert "signature" in problems(verify(database, signer, replace(signed, signature="AAAA")))[3]
    assert "signature" in problems(verify(database, signer, replace(signed, key_id="0" * 16)))[3]


def test_a_host_trusts_its_own_key_and_not_what_the_database_says_of_it(
    database: Database, signer: Ed25519Signer, clock: MovableClock, tmp_path: Path
) -> None:
    forger = Ed25519Signer.load_or_make(tmp_path / "forger.key")
    append(database, 3)
    database.write_sync(lambda tx: handlers.introduce(tx, "acme", clock, signer))
    tamper(database, f"UPDATE audit_keys SET public_key = '{forger.public_key}'")  # noqa: S608 - a key of ours
    good = database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))
    assert verify(database, signer, good).ok
    forged = database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, forger))
    assert not verify(database, signer, replace(forged, key_id=signer.key_id)).ok


# Reading -------------------------------------------------------------------------------------------------------------


def test_pages_are_newest_first_filtered_and_the_tenants_own(database: Database) -> None:
    append(database, 6)
    append(database, 6, EVE)

    def page(**filters: object) -> list[int]:
        return [row.seq for row in database.read_sync(lambda conn: queries.page(conn, ADA, **filters))]  # type: ignore[arg-type]

    assert page(limit=4) == [6, 5, 4, 3]
    assert page(limit=4, before=3) == [2, 1]
    assert page(run="r_1") == [5, 2]
    assert page(actor="key:k_ada", action="tool.call", limit=1) == [6]
    assert page(actor="key:k_eve") == []
    assert page(action="key.create") == []


def test_a_long_chain_is_read_in_batches_without_a_seam(
    database: Database, signer: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_BATCH", 3)
    for count in (3, 6, 7):
        append(database, count - len(rows_of(database)))
        assert [row.seq for row in rows_of(database)] == list(range(1, count + 1))
    assert verify(database, signer).ok

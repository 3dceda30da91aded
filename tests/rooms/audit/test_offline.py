"""Without a server: an exported chain, a checkpoint and a public key are enough to see what was done to it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.audit import handlers, queries
from swarmstead.audit.adapters.ed25519 import Ed25519Checker, Ed25519Signer
from swarmstead.audit.contract import Checkpoint, Row
from swarmstead.audit.errors import KeyUnusable
from swarmstead.audit.model import GENESIS, hash_of, row_hash, verify
from swarmstead.storage.database import Database
from tests.clocks import MovableClock
from tests.rooms.audit.helpers import ADA, append, export, read_export, rows_of


@pytest.fixture
def signer(tmp_path: Path) -> Ed25519Signer:
    return Ed25519Signer.load_or_make(tmp_path / "audit.key")


@pytest.fixture
def signed(sqlite_database: Database, signer: Ed25519Signer, clock: MovableClock) -> Checkpoint:
    """Where a chain of six rows stands."""
    append(sqlite_database, 6)
    return sqlite_database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, signer))


def test_an_export_can_be_verified_with_the_public_key_alone(
    sqlite_database: Database, signer: Ed25519Signer, signed: Checkpoint
) -> None:
    checker = Ed25519Checker.from_text(signer.public_key)
    found = queries.check(read_export(export(rows_of(sqlite_database))), checker, signed)
    assert (found.ok, found.checked, found.head_hash) == (True, 6, signed.hash)
    assert not hasattr(checker, "sign")


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param([0, 1, 2, 3, 4], id="cut off"),
        pytest.param([1, 2, 3, 4, 5], id="first missing"),
        pytest.param([0, 1, 3, 4, 5], id="one missing"),
        pytest.param([0, 1, 3, 2, 4, 5], id="swapped"),
        pytest.param([0, 1, 1, 2, 3, 4, 5], id="repeated"),
        pytest.param([], id="empty"),
    ],
)
def test_an_export_of_other_rows_shows(
    sqlite_database: Database, signer: Ed25519Signer, signed: Checkpoint, kept: list[int]
) -> None:
    lines = export(rows_of(sqlite_database))
    assert not queries.check(read_export(lines[number] for number in kept), signer, signed).ok


def test_a_changed_line_of_an_export_shows(
    sqlite_database: Database, signer: Ed25519Signer, signed: Checkpoint
) -> None:
    lines = [line.replace("git/log#2", "git/log#3") for line in export(rows_of(sqlite_database))]
    assert not queries.check(read_export(lines), signer, signed).ok


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "evil"},
        {"seq": 5},
        {"hash": "f" * 64},
        {"at": 1},
        {"key_id": "0" * 16},
        {"signature": "AAAA"},
        {"signature": "no base64 at all"},
        {"signature": ""},
    ],
    ids=str,
)
def test_a_forged_checkpoint_is_not_believed(
    sqlite_database: Database, signer: Ed25519Signer, signed: Checkpoint, change: dict[str, Any]
) -> None:
    forged = replace(signed, **change)
    if "seq" in change:
        forged = replace(forged, hash=rows_of(sqlite_database)[4].hash)
    found = queries.check(rows_of(sqlite_database), signer, forged)
    assert "signature" in " ".join(one.problem for one in found.problems)


def test_a_checkpoint_of_another_server_is_not_believed(
    sqlite_database: Database, signed: Checkpoint, tmp_path: Path, clock: MovableClock, signer: Ed25519Signer
) -> None:
    other = Ed25519Signer.load_or_make(tmp_path / "other.key")
    foreign = sqlite_database.read_sync(lambda conn: handlers.checkpoint(conn, ADA, clock, other))
    assert queries.check(rows_of(sqlite_database), other, foreign).ok
    for checkpoint in (foreign, replace(foreign, key_id=signer.key_id)):
        assert not queries.check(rows_of(sqlite_database), signer, checkpoint).ok
    assert foreign.hash == signed.hash


def test_a_row_reads_from_json_as_it_was_hashed(sqlite_database: Database) -> None:
    append(sqlite_database, 2)
    for row, line in zip(rows_of(sqlite_database), export(rows_of(sqlite_database)), strict=True):
        fields = json.loads(line)
        claimed = fields.pop("hash")
        assert row_hash(fields) == claimed == hash_of(row)


# Any single change to any chain --------------------------------------------------------------------------------------


def chain_of(targets: list[str]) -> list[Row]:
    rows: list[Row] = []
    previous = GENESIS
    for seq, target in enumerate(targets, 1):
        row = Row("acme", seq, seq, "a", "user", "act", target, "note", "", "", "", {"t": target}, previous, "")
        previous = hash_of(row)
        rows.append(replace(row, hash=previous))
    return rows


@given(st.lists(st.text(max_size=3), min_size=2, max_size=8), st.data())
def test_every_single_change_shows(targets: list[str], data: st.DataObject) -> None:
    rows = chain_of(targets)
    assert verify(rows).ok
    place = data.draw(st.integers(0, len(rows) - 2))
    kind = data.draw(st.sampled_from(["remove", "repeat", "swap", "change"]))
    if kind == "remove":
        changed = rows[:place] + rows[place + 1 :]
    elif kind == "repeat":
        changed = [*rows[: place + 1], *rows[place:]]
    elif kind == "swap":
        changed = [*rows[:place], rows[place + 1], rows[place], *rows[place + 2 :]]
    else:
        column = data.draw(st.sampled_from(["seq", "at", "actor", "target", "data", "prev_hash", "hash", "tenant"]))
        old = getattr(rows[place], column)
        new = {"x": 1} if column == "data" else old + 1 if isinstance(old, int) else f"{old}x"
        changed = [*rows[:place], replace(rows[place], **{column: new}), *rows[place + 1 :]]
    assert not verify(changed).ok


# The key -------------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "data" / "audit.key"
    first = Ed25519Signer.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["audit.key"]
    assert Ed25519Signer.load_or_make(path).key_id == first.key_id
    assert Ed25519Signer.load_or_make(path).check(b"message", first.sign(b"message"))


def test_workers_that_start_together_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(Ed25519Signer.load_or_make, [tmp_path / "audit.key"] * 8))
    assert len({one.key_id for one in made}) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.key"
    path.write_bytes(content)
    with pytest.raises(KeyUnusable) as caught:
        Ed25519Signer.load_or_make(path)
    assert str(path) in caught.value.message
    assert "backup" in caught.value.way_out
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(KeyUnusable):
        Ed25519Signer.load_or_make(tmp_path / "file" / "audit.key")


@pytest.mark.parametrize("text", ["", "AAAA", "not base64", "A" * 44])
def test_a_public_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Ed25519Checker.from_text(text)


def test_a_signer_that_is_told_its_public_key_is_the_same_one(tmp_path: Path) -> None:
    first = Ed25519Signer.load_or_make(tmp_path / "audit.key")
    told = Ed25519Signer.load_or_make(tmp_path / "audit.key")
    told.known_as(first.public_key)
    assert (told.key_id, told.public_key) == (first.key_id, first.public_key)
    assert told.check(b"message", first.sign(b"message"))
    assert first.check(b"message", told.sign(b"message"))

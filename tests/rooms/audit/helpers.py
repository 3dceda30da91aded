"""What the audit tests share: entries, and the stored chain as rows and as an export."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict

import sqlalchemy as sa

from swarmstead.audit import queries
from swarmstead.audit.contract import Entry, Row, record
from swarmstead.kernel.hashing import canonical_json
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.storage.database import Database, Tx

ADA = Scope("acme", Actor("key:k_ada", "user", "Ada", frozenset({"admin"})))
EVE = Scope("evil", Actor("key:k_eve", "user", "Eve", frozenset({"admin"})))


def entry(number: int, scope: Scope = ADA) -> Entry:
    """An entry with something in every field."""
    return Entry(
        scope,
        "tool.call",
        f"git/log#{number}",
        "effect",
        run=f"r_{number % 3}",
        step=f"r/{number}",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        data={"n": number, "hash": "sha256:ü", "deep": {"b": [1, None, True], "a": 0.5}},
    )


def recording(*entries: Entry) -> Callable[[Tx], None]:
    """A handler that records these in one transaction."""

    def handler(tx: Tx) -> None:
        for one in entries:
            record(tx, one)

    return handler


def append(database: Database, count: int, scope: Scope = ADA) -> None:
    """That many entries, two to a transaction."""
    for start in range(0, count, 2):
        database.write_sync(recording(*(entry(number, scope) for number in range(start, min(start + 2, count)))))


def rows_of(database: Database, scope: Scope = ADA) -> list[Row]:
    """The stored chain."""
    return database.read_sync(lambda conn: list(queries.chain(conn, scope)))


def export(rows: Iterable[Row]) -> list[str]:
    """JSON lines, as `GET /api/v1/audit:export` writes them."""
    return [canonical_json(asdict(row)).decode() for row in rows]


def read_export(lines: Iterable[str]) -> list[Row]:
    """What somebody without a server has in hand."""
    return [Row(**json.loads(line)) for line in lines]


def tamper(database: Database, *statements: str) -> None:
    """What somebody with access to the database, and none to the product, could do."""
    with database.writer.begin() as conn:
        for statement in statements:
            conn.execute(sa.text(statement))

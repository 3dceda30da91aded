"""Prepared statements do on both databases what `Connection.execute` does."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from swarmstead.budgets.tables import budget_leases
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.prepared import Prepared

_INSERT = Prepared(budget_leases.insert())
_READ = Prepared(
    sa.select(budget_leases.c.id, budget_leases.c.accounts, budget_leases.c.settled)
    .where(budget_leases.c.tenant == "t1", budget_leases.c.amount > sa.bindparam("more"))
    .order_by(budget_leases.c.id)
)
_SET = Prepared(budget_leases.update().where(budget_leases.c.id == sa.bindparam("of")), ["accounts", "settled"])


def _lease(number: int, amount: int, tenant: str = "t1") -> dict[str, object]:
    accounts = [f"run/{number}", "100 % of %(it)s"]
    return {
        "id": f"ls_{number}",
        "tenant": tenant,
        "accounts": accounts,
        "amount": amount,
        "expires_at": 2**40,
        "settled": None,
    }


def test_rows_come_back_as_they_went_in(database: Database) -> None:
    def write(tx: Tx) -> None:
        _INSERT.run_all(tx.conn, [_lease(1, 10), _lease(2, 20), _lease(3, 30, tenant="t2")])

    database.write_sync(write)
    assert database.read_sync(lambda conn: _READ.rows(conn, {"more": 9})) == [
        ("ls_1", ["run/1", "100 % of %(it)s"], None),
        ("ls_2", ["run/2", "100 % of %(it)s"], None),
    ]
    assert database.read_sync(lambda conn: _READ.rows(conn, {"more": 20})) == []
    named = database.read_sync(lambda conn: _READ.records(conn, {"more": 19}))
    assert named == [{"id": "ls_2", "accounts": ["run/2", "100 % of %(it)s"], "settled": None}]
    plain = database.read_sync(lambda conn: conn.execute(sa.select(budget_leases).order_by(budget_leases.c.id)).all())
    assert [(row.id, row.accounts, row.expires_at) for row in plain][2] == ("ls_3", ["run/3", "100 % of %(it)s"], 2**40)


def test_an_update_sets_the_named_columns_and_says_how_many_rows(database: Database) -> None:
    database.write_sync(lambda tx: _INSERT.run(tx.conn, _lease(1, 10)))
    changed: dict[str, object] = {"of": "ls_1", "accounts": [], "settled": 7}
    assert database.write_sync(lambda tx: _SET.run(tx.conn, changed)) == 1
    assert database.write_sync(lambda tx: _SET.run(tx.conn, changed | {"of": "ls_9"})) == 0
    assert database.read_sync(lambda conn: _READ.rows(conn, {"more": 0})) == [("ls_1", [], 7)]


def test_a_refused_row_is_sqlalchemys_error_without_the_values(database: Database) -> None:
    database.write_sync(lambda tx: _INSERT.run(tx.conn, _lease(1, 10)))
    with pytest.raises(IntegrityError) as refused:
        database.write_sync(lambda tx: _INSERT.run(tx.conn, _lease(1, 987_654)))
    assert "987654" not in str(refused.value)
    assert database.read_sync(lambda conn: len(_READ.rows(conn, {"more": 0}))) == 1

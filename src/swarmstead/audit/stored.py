"""Stored rows, whatever has become of them: one that cannot be read must not hide the others."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from swarmstead.audit.contract import Row
from swarmstead.audit.model import row_of
from swarmstead.audit.tables import audit_rows
from swarmstead.kernel.scope import Scope
from swarmstead.storage.sql import fields

# SQLite keeps text or a fraction in a column of whole numbers. What has no number is in no place of the chain.
NUMBERED = (audit_rows.c.seq == sa.cast(audit_rows.c.seq, sa.BigInteger)) & (audit_rows.c.seq > 0)
_OF_A_VALUE = (ValueError, TypeError, RecursionError, OperationalError)
_NOT_TEXT = "could not decode to utf-8"


def rows_of(conn: sa.Connection, scope: Scope, query: sa.Select[Any]) -> list[Row]:
    """What `query`, a selection of whole rows, finds; `Unread` in the place of what cannot be read.

    Cost: a statement; where a row cannot be read, one for each row and one for each field of such a row.
    """
    try:
        return [row_of(fields(found)) for found in conn.execute(query)]
    except _OF_A_VALUE as error:
        _raise_what_is_the_databases(error)
    numbers = conn.execute(query.with_only_columns(audit_rows.c.seq)).scalars().all()
    return [_alone(conn, scope, seq) for seq in numbers]


def _alone(conn: sa.Connection, scope: Scope, seq: int) -> Row:
    mine = (audit_rows.c.tenant == scope.tenant) & (audit_rows.c.seq == seq)
    found: dict[str, Any] = {}
    for column in audit_rows.c:
        try:
            found[column.name] = conn.execute(sa.select(column).where(mine)).scalar_one()
        except _OF_A_VALUE as error:
            _raise_what_is_the_databases(error)
    return row_of(found)


def _raise_what_is_the_databases(error: Exception) -> None:
    """Raise `error` again when it is the database's and no value's."""
    if isinstance(error, OperationalError) and _NOT_TEXT not in str(error.orig).lower():
        raise error

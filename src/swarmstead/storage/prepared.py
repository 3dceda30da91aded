"""Statements of the hot paths: built once, and run by the driver itself.

SQLAlchemy writes the SQL, once per dialect, and says how values are converted. What `Connection.execute` does anew at
every run (a cache key, a context, events, a result object) is left out. That pays where a statement runs in every turn
of every agent, and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

K = TypeVar("K")
Values = Mapping[str, Any]
Convert = Callable[[Any], Any]
Statement = sa.Select[*tuple[Any, ...]] | sa.Insert | sa.Update


class Prepared:
    """One statement. Values go by the names of its `bindparam`s, and of the columns that an insert or update sets.

    `columns` names those; without them an insert sets every column of its table, and an update what its `values` say.
    Cost: about a quarter of `Connection.execute` on SQLite (`bench/storage.py`).
    """

    __slots__ = ("_columns", "_forms", "_statement")

    def __init__(self, statement: Statement, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = columns
        self._forms: dict[str, _Form] = {}

    def rows(self, conn: sa.Connection, values: Values) -> list[tuple[Any, ...]]:
        """Run it in the connection's transaction; the columns that it gives back. Fails: sqlalchemy's DBAPIError."""
        form = self._form(conn)
        return form.read(form.execute(conn, form.bound(values))[0])

    def records(self, conn: sa.Connection, values: Values) -> list[dict[str, Any]]:
        """As `rows`, each as column name -> value."""
        form = self._form(conn)
        found = form.read(form.execute(conn, form.bound(values))[0])
        return [dict(zip(form.columns, row, strict=True)) for row in found]

    def run(self, conn: sa.Connection, values: Values) -> int:
        """Run it in the connection's transaction; how many rows it changed. Fails: sqlalchemy's DBAPIError."""
        form = self._form(conn)
        return form.execute(conn, form.bound(values))[1]

    def run_all(self, conn: sa.Connection, many: Sequence[Values]) -> None:
        """Run it once for each of `many`. Fails: sqlalchemy's DBAPIError."""
        form = self._form(conn)
        given = [form.bound(values) for values in many]
        if len(given) == 1:  # psycopg opens a pipeline for several, which costs more than the statement
            form.execute(conn, given[0])
        else:
            form.execute(conn, given, many=True)

    def _form(self, conn: sa.Connection) -> "_Form":
        form = self._forms.get(conn.dialect.name)
        if form is None:
            form = self._forms[conn.dialect.name] = _Form(self._statement, self._columns, conn.dialect)
        return form


class _Form:
    """A statement in one dialect: its SQL, and how values go in and come out."""

    __slots__ = ("_convert", "_driver_error", "_fixed", "_gives", "_names", "_positional", "_read", "_sql", "columns")

    def __init__(self, statement: Statement, columns: Sequence[str] | None, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self._sql = str(compiled)
        self._driver_error = dialect.loaded_dbapi.Error
        self._positional = dialect.positional
        self._names = tuple(compiled.positiontup or compiled.params)
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        types = [compiled.binds[name].type.dialect_impl(dialect) for name in self._names]
        self._convert = _known(self._names, [type_.bind_processor(dialect) for type_ in types])
        self.columns = tuple(column.name for column in statement.exported_columns)
        given = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        self._gives = bool(given)
        self._read = _known(range(len(given)), [type_.result_processor(dialect, None) for type_ in given])

    def bound(self, values: Values) -> Any:
        """The values as the driver takes them."""
        whole = {**self._fixed, **values}
        for name, convert in self._convert:
            whole[name] = convert(whole[name])
        return [whole[name] for name in self._names] if self._positional else whole

    def execute(self, conn: sa.Connection, given: Any, *, many: bool = False) -> tuple[Sequence[Any], int]:
        """The driver's rows, and how many were changed; its errors become SQLAlchemy's, without the values."""
        cursor = conn.connection.cursor()
        try:
            run = cursor.executemany if many else cursor.execute
            run(self._sql, given)
            return cursor.fetchall() if self._gives else (), cursor.rowcount
        except self._driver_error as error:
            raise DBAPIError.instance(self._sql, None, error, self._driver_error, dialect=conn.dialect) from error
        finally:
            cursor.close()

    def read(self, found: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The driver's rows with their values converted."""
        if not self._read:
            return list(found)
        rows = [list(row) for row in found]
        for row in rows:
            for index, convert in self._read:
                row[index] = convert(row[index])
        return [tuple(row) for row in rows]


def _known(keys: Iterable[K], converts: Sequence[Convert | None]) -> list[tuple[K, Convert]]:
    return [(key, convert) for key, convert in zip(keys, converts, strict=True) if convert is not None]

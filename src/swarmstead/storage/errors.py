"""What can go wrong with the database, said so that an operator can act."""

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolEmpty

from swarmstead.kernel.errors import BadInput, Conflict, SteadError, Unavailable

_CANNOT_GROW = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}  # a quota is no "disk is full" to SQLite
OF_DRIVERS = (DBAPIError, PoolEmpty, UnicodeEncodeError)  # half a surrogate pair stops drivers before they ask


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or cannot be written."""

    code = "database_unavailable"


class DatabaseLocked(Unavailable):
    """Another process held the write lock for longer than the busy timeout."""

    code = "database_locked"


class DiskFull(Unavailable):
    """The disk that holds the database is full. Nothing of the failed change was kept."""

    code = "disk_full"


class ValueRefused(BadInput):
    """A value is longer or larger than its column, or holds a character that the database cannot keep."""

    code = "value_refused"


class SchemaTooNew(Conflict):
    """The database was written by a newer version of the product."""

    code = "schema_too_new"


class DataInUse(Conflict):
    """Another server already runs on the same data directory."""

    code = "data_in_use"


def explain(error: BaseException) -> SteadError:
    """Turn a driver's error into ours. The driver's own text is kept as the cause, never shown."""
    if isinstance(error, DataError | UnicodeEncodeError):
        return ValueRefused(
            "A value is too long, too large, or holds a character that cannot be stored (NUL, half a surrogate pair).",
            way_out="Shorten it or remove that character, then try again.",
        )
    if isinstance(error, PoolEmpty):
        return DatabaseUnavailable(
            "All connections to the database are busy. Nothing of this change was kept.",
            way_out="Try again; if it stays, look for what keeps the database busy.",
        )
    if getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) in _CANNOT_GROW:
        return DiskFull(
            "The database file cannot grow: the disk is full, or a quota or a limit on file sizes is reached. "
            "Nothing of this change was kept.",
            way_out="Free space on that disk, or raise the quota or limit, then try again.",
        )
    return _said(str(getattr(error, "orig", error)).lower())


def _said(text: str) -> SteadError:
    if "disk is full" in text or "no space left" in text or "disk full" in text:
        return DiskFull(
            "The disk that holds the database is full. Nothing of this change was kept.",
            way_out="Free space on that disk, then try again.",
        )
    if "locked" in text or "busy" in text:
        return DatabaseLocked(
            "The database stayed locked by another process for too long. Nothing of this change was kept.",
            way_out="Find the process that holds the file (a backup, a shell), end it, then try again.",
        )
    if "readonly" in text or "read-only" in text:
        return DatabaseUnavailable(
            "The database file cannot be written.",
            way_out="Give the server's user write access to the data directory and to the file.",
        )
    if "not a database" in text or "malformed" in text:
        return DatabaseUnavailable(
            "The database file is damaged, or it is no database at all.",
            way_out="Put a backup of `stead.db` in its place, or start with another `--data` folder.",
        )
    if "unable to open database file" in text:
        return DatabaseUnavailable(
            "The database file cannot be opened.",
            way_out="See that `stead.db` in the data folder is a file and no folder, and that the server's user may "
            "read and write it.",
        )
    return DatabaseUnavailable(
        "The database does not answer or refused the change. Nothing of this change was kept.",
        way_out="See that the database is up and reachable at the host and port of STEAD_DATABASE_URL, then try again.",
    )

"""Bringing a database to this version's schema, and refusing one from the future.

Alembic is imported only when there is something to migrate: a server that starts on a current schema reads one row.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from swarmstead.storage import errors
from swarmstead.storage.engines import is_sqlite

HEAD = "0014"
_VERSION = sa.text("SELECT version_num FROM alembic_version")
_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(5378147)")  # any number will do; it means "migrating"


def current_version(engine: sa.Engine) -> str | None:
    """The schema version in the database, None for an empty one.

    Fails: storage.errors when the database cannot be reached.
    """
    try:
        with engine.connect() as conn:
            if not sa.inspect(conn).has_table("alembic_version"):
                return None
            return conn.execute(_VERSION).scalar()
    except DBAPIError as error:
        raise errors.explain(error) from error


def migrate(engine: sa.Engine) -> bool:
    """Bring the schema to HEAD; True when it was not there yet. Workers that start together wait for one of them.

    Fails: SchemaTooNew when the database knows a revision that this version does not.
    """
    version = current_version(engine)
    if version == HEAD:
        return False
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise errors.SchemaTooNew(
            f"This database has schema {version}, which is newer than this version of Swarmstead (schema {HEAD}).",
            way_out="Install the version that wrote it, or point --data (or STEAD_DATABASE_URL) at another database.",
        )
    try:
        with engine.begin() as conn:
            if not is_sqlite(engine):  # SQLite's BEGIN IMMEDIATE does the same
                conn.execute(_ONE_AT_A_TIME)
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise errors.explain(error) from error
    return True

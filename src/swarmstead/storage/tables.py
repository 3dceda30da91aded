"""The metadata all rooms register their tables in, and the column types that behave alike on both databases."""

import sqlalchemy as sa

# Explicit names, so that a migration can drop what it made on either database.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Millis = sa.BigInteger
Micros = sa.BigInteger
# Plain JSON on both: nothing queries inside a document, so JSONB's reordering of keys buys nothing.
# None is SQL NULL, so that "has no output yet" can be asked for.
Document = sa.JSON(none_as_null=True)

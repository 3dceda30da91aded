"""Alembic's entry: runs on the connection that `storage.migrate` hands over, never on one of its own."""

from alembic import context

from swarmstead.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()

"""Where every room keeps its rows: one SQLite file or one Postgres, the same tables and migrations on both."""

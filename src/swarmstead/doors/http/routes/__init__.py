"""Routes of the REST API, a module per room."""

"""All of Postgres: statements in files, one method each, and the embedded server."""

"""Databases to measure on."""

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg


@contextlib.contextmanager
def empty_database(kind: str) -> Iterator[str]:
    """The URL of an empty database of its own; "" for SQLite's, which is a file of the facade's."""
    server = os.environ.get("TEST_DATABASE_URL", "")
    if kind == "SQLite":
        yield ""
        return
    if not server:
        raise SystemExit("start this with scripts/bench, which brings PostgreSQL along")
    name = "bench"
    parts = urlsplit(server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

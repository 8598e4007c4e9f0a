"""PostgreSQL for end-to-end tests: the server that TEST_DATABASE_URL names, or one of its own; databases made anew."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.e2e.lab.process import STOP_SECONDS, LabError

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The URL of a running server on this machine; one that this starts is gone afterwards, with its data."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if given.startswith("postgres"):
        yield given
        return
    # The server lives as long as this pipe: should the test run be killed, `cat` ends, and the server with it.
    child = subprocess.Popen(
        [str(ROOT / "scripts/with-postgres"), "sh", "-c", 'echo "$TEST_DATABASE_URL"; exec cat'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        url = child.stdout.readline().strip()
        if not url.startswith("postgres"):
            raise LabError(f"scripts/with-postgres started no server: {url}")
        yield url
    finally:
        child.stdin.close()
        child.wait(STOP_SECONDS)
        child.stdout.close()


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on that server, dropped afterwards even while something is connected to it."""
    name = f"e2e_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

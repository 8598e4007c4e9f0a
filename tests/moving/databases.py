"""Databases of a test's own, SQLite's and PostgreSQL's, and what `manage.py` does with them in processes of its own."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import postgresql
from tests.e2e.lab import process
from tests.e2e.postgresql import fresh_database, postgresql_server

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("sqlite", "postgresql")
KEY = "the-key-of-a-database-that-is-kept-for-tests-and-of-no-server"
ANOTHER_KEY = "the-key-of-a-server-elsewhere-which-has-made-it-by-itself"


@dataclass(frozen=True)
class Database:
    """A database by its URL, which may not be there yet, and the state folder of the server that has it."""

    url: str
    state: Path
    key: str = KEY

    def manage(
        self, *arguments: str, status: int = 0, within: tuple[str, ...] = (), passphrase: str = "", **environment: str
    ) -> str:
        """The output of `manage.py …`, which has to end with that status. Raises LabError."""
        argv = [*within, sys.executable, str(ROOT / "manage.py"), *arguments]
        done = process.run(argv, env=self.env | {"FACADE_BACKUP_PASSPHRASE": passphrase} | environment)
        if done.status != status:
            raise process.LabError(f"{' '.join(argv)} → {done.status}\n{done.output}")
        return done.output

    def settle(self) -> dict[str, Any]:
        """Migrate it and fill it; what is known of that."""
        self.manage("migrate", "--verbosity", "0")
        facts: dict[str, Any] = json.loads(self._inhabitants("settle"))
        return facts

    def look(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What is in it."""
        seen: dict[str, Any] = json.loads(self._inhabitants("look", json.dumps(facts)))
        return seen

    def load(self, dumped: Path) -> None:
        """Fill it, which is empty, with a dump in SQL."""
        if self.url.startswith("postgres"):
            postgresql.restore(self.url, dumped.read_bytes())
            return
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
            # Django gives each of its connections one, for the constraints that use it.
            connection.create_function("REGEXP", 2, lambda pattern, text: bool(re.search(pattern, text)))
            connection.executescript(dumped.read_text())

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        if self.url.startswith("postgres"):
            argv = [str(postgresql.program("psql")), "--no-psqlrc", "--csv", "--tuples-only", self.url, "-c", statement]
            said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
            return [tuple(line.split(",")) for line in said.splitlines()]
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
            return [tuple(map(str, row)) for row in connection.execute(statement)]

    @property
    def env(self) -> dict[str, str]:
        """The environment of its server."""
        return process.private_environment(self.state) | {
            "DATABASE_URL": self.url,
            "FACADE_STATE_DIR": str(self.state),
            "SECRET_KEY": self.key,
            "FACADE_PROBE_ON_SAVE": "false",
            "PYTHONPATH": str(ROOT),
        }

    def _inhabitants(self, what: str, stdin: str = "") -> str:
        argv = [sys.executable, "-m", "tests.moving.inhabitants", what]
        return process.run(argv, env=self.env, stdin=stdin).checked().stdout


@contextmanager
def new_database(kind: str, folder: Path, key: str = KEY) -> Iterator[Database]:
    """One without tables; SQLite's file is not there yet."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'facade.sqlite3'}"
        else:
            url = stack.enter_context(fresh_database(stack.enter_context(postgresql_server())))
        yield Database(url, folder, key)

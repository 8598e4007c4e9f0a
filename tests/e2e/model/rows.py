"""The rows, as SQL reads and writes them: with nothing of the project's code between."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.e2e.model.truth import Holding, Route

# Longer than any writer may keep others waiting.
_LOCK_SECONDS = 120


@dataclass(frozen=True)
class Rows:
    """Of a database: SQLite's file, or PostgreSQL's URL."""

    place: str | Path

    def holding(self, slug: str) -> Holding:
        """What a tenant has."""
        with self._connection() as connection:
            return Holding(
                {
                    prefix: Route(registry, upstream, bool(enabled))
                    for prefix, registry, upstream, enabled in connection.execute(
                        "SELECT m.prefix, m.registry_id, m.upstream_prefix, m.enabled FROM routing_mapping m "
                        "JOIN routing_hostname h ON h.id = m.hostname_id JOIN routing_tenant t ON t.id = h.tenant_id "
                        f"WHERE t.slug = '{slug}'"
                    )
                },
                dict(
                    connection.execute(
                        "SELECT r.id, r.origin FROM routing_registry r JOIN routing_tenant t ON t.id = r.tenant_id "
                        f"WHERE t.slug = '{slug}'"
                    )
                ),
                bool(self._value(connection, f"SELECT suspended FROM routing_tenant WHERE slug = '{slug}'")),
            )

    def mapping(self, hostname: str, prefix: str) -> tuple[int, int]:
        """Id and version."""
        with self._connection() as connection:
            found = connection.execute(
                "SELECT m.id, m.version FROM routing_mapping m JOIN routing_hostname h ON h.id = m.hostname_id "
                f"WHERE h.name = '{hostname}' AND m.prefix = '{prefix}'"
            ).fetchone()
        assert found is not None, (hostname, prefix)
        return found[0], found[1]

    def set_route(self, mapping: int, route: Route) -> None:
        """Write a mapping's row, behind the verbs' back."""
        with self._connection() as connection:
            connection.execute(
                f"UPDATE routing_mapping SET upstream_prefix = '{route.upstream}', registry_id = {route.registry}, "
                f"enabled = {'TRUE' if route.enabled else 'FALSE'} WHERE id = {mapping}"
            )

    def generation(self) -> int:
        """Of the newest change."""
        with self._connection() as connection:
            return int(self._value(connection, "SELECT value FROM routing_generation WHERE id = 1"))

    def wait_for_writers(self) -> None:
        """Whoever had begun to write is through, or never will be: writers stand in line for this lock."""
        with self._connection() as connection:
            if isinstance(self.place, Path):
                connection.execute("BEGIN IMMEDIATE")
            else:
                connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
                connection.execute("SELECT value FROM routing_generation WHERE id = 1 FOR UPDATE")

    @staticmethod
    def _value(connection: Any, query: str) -> Any:
        found = connection.execute(query).fetchone()
        assert found is not None, query
        return found[0]

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        if isinstance(self.place, Path):
            with closing(sqlite3.connect(self.place, timeout=_LOCK_SECONDS)) as file, file:
                # Constraints of the tables use it, and SQLite has none of its own.
                file.create_function("REGEXP", 2, lambda pattern, text: re.search(pattern, text) is not None)
                yield file
            return
        with psycopg.connect(self.place, connect_timeout=_LOCK_SECONDS) as server:
            yield server

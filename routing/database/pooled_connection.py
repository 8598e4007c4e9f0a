"""A connection to PostgreSQL as the pool makes them. Imported where the database is one, by the settings."""

from typing import Any

from psycopg import Connection

from routing.database.open_connections import note_open


class PooledConnection(Connection[Any]):
    """One that is noted among this process' own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        note_open(self)

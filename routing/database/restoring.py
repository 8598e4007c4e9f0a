"""Whether a database is being restored just now, table by table: what it holds by then is a part.

Without `--single-transaction`, pg_restore and a script of pg_dump commit each step: all tables, then all rows, then the
primary keys, each after the rows of its table (https://www.postgresql.org/docs/current/app-pgrestore.html, --section).
"""

from collections.abc import Collection

from django.db import connection

from routing.database.failures import IncompleteDatabase


def require_whole(tables: Collection[str]) -> None:
    """Pass where the rows of these tables are all there, as far as that shows. SQLite restores all at once.

    Raises IncompleteDatabase, or another django.db.DatabaseError.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid = ANY(%s::text[]::regclass[])",
            [list(tables)],
        )
        if cursor.fetchone()[0] < len(tables):
            raise IncompleteDatabase("tables of the routing table have no primary key yet")

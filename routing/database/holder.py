"""Who holds a lock that others wait for in vain, as far as PostgreSQL tells."""

from typing import NamedTuple

from django.db import connection

_QUERY = """
SELECT activity.pid, activity.application_name, activity.state, extract(epoch FROM now() - activity.xact_start)::int
FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
WHERE held.relation = %s::regclass AND held.granted AND held.mode <> 'AccessShareLock'
    AND activity.pid <> pg_backend_pid() AND activity.wait_event_type IS DISTINCT FROM 'Lock'
ORDER BY activity.xact_start LIMIT 1
"""


class Holder(NamedTuple):
    """A process of PostgreSQL's, whose it is, what it does, and for how many seconds its transaction has lasted."""

    pid: int
    application: str
    state: str
    seconds: int

    def __str__(self) -> str:
        whose = f" of {self.application}" if self.application else ""
        return f"PostgreSQL's process {self.pid}{whose} ({self.state}, for {self.seconds} s)"


def holder_of(table: str) -> Holder | None:
    """Who has locked rows of a table for longest; None where nobody has by now. Not within a transaction that failed.

    Raises django.db.Error.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [table])
        row = cursor.fetchone()
    return Holder(row[0], row[1] or "", row[2] or "hidden", row[3] or 0) if row else None

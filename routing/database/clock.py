"""The time on which all servers of a database agree, whatever their own clocks say."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

#: A clock that jumps does so by more. What is further in the future than it can be was written while it was ahead.
CLOCK_ERROR = timedelta(minutes=10)


def database_now() -> datetime:
    """The database's time. SQLite has this machine's, as everybody has who can use it. Raises django.db.Error."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)

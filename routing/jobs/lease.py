"""Leases by name: what one process at a time may do, whichever server it runs on.

All times are the database's, so that servers whose clocks differ agree on who holds what.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from routing.models import Lease

#: A clock that jumps does so by more. What is further in the future than it can be was written while it was ahead.
CLOCK_ERROR = timedelta(minutes=10)


def database_now() -> datetime:
    """The database's time. SQLite has this machine's, as everybody has who can use it."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)


def hold(name: str, holder: str, seconds: float) -> bool:
    """Take a lease, or keep it, for so many seconds from now. False where another holder has it."""
    Lease.objects.bulk_create([Lease(name=name)], ignore_conflicts=True)
    now = database_now()
    until = now + timedelta(seconds=seconds)
    # One that lasts longer than anybody takes it for was taken while the clock was ahead.
    free = Q(holder=holder) | Q(until=None) | Q(until__lte=now) | Q(until__gt=until + CLOCK_ERROR)
    return bool(Lease.objects.filter(free, name=name).update(holder=holder, until=until))


def let_go(name: str, holder: str) -> None:
    """Give a lease back before its time, where it is held."""
    Lease.objects.filter(name=name, holder=holder).update(holder="", until=None)


def stand_in_line(name: str) -> None:
    """Be the only one in this transaction until it ends."""
    assert transaction.get_connection().in_atomic_block
    Lease.objects.bulk_create([Lease(name=name)], ignore_conflicts=True)
    Lease.objects.select_for_update().get(name=name)

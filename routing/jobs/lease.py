"""Leases by name: what one process at a time may do, whichever server it runs on.

All times are the database's, so that servers whose clocks differ agree on who holds what.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from routing.database.clock import CLOCK_ERROR, database_now
from routing.models import Lease


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

"""A job that is done while somebody waits for it, in their own process, with a place like any other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from routing.database.clock import database_now
from routing.database.connections import give_back_connection
from routing.jobs.kinds import Kind, Places
from routing.jobs.lease import stand_in_line
from routing.jobs.queue import LONGEST, finish, grant, held_places
from routing.models import Job
from routing.request_id import current_request_id

_LOOK_AGAIN_SECONDS = 0.2


class Busy(Exception):
    """There is no place for it now. `same`: because just this is under way already. `seconds`: when to come back."""

    def __init__(self, same: bool, seconds: int) -> None:
        super().__init__("under way already" if same else "no place is free")
        self.same = same
        self.seconds = seconds


@contextmanager
def at_once(kind: Kind, key: str, share: str, places: Places, wait_seconds: float) -> Iterator[None]:
    """Hold the job's lease meanwhile; what waits in the queue about the same thing is done by this too.

    Waits for a place for so long at most. Raises Busy.
    """
    deadline = time.monotonic() + wait_seconds
    while isinstance(taken := _take(kind, key, share, places), Busy):
        if time.monotonic() >= deadline:
            raise taken
        give_back_connection()
        time.sleep(_LOOK_AGAIN_SECONDS)
    try:
        yield
    finally:
        finish(taken)


def _take(kind: Kind, key: str, share: str, places: Places) -> Job | Busy:
    with transaction.atomic():
        stand_in_line(f"lane {kind.lane}")
        now = database_now()
        job = Job.objects.select_for_update().filter(kind=kind.name, key=key).first()
        if job is not None and job.lease and job.lease_until is not None and now < job.lease_until <= now + LONGEST:
            return Busy(True, 5)
        held = held_places(kind.lane, now)
        if held.total() >= places.total or held[share] >= places.per_share:
            return Busy(False, 10)
        job = job or Job(kind=kind.name, key=key, lane=kind.lane, turn=0, run_at=now)
        job.share, job.request_id = share, current_request_id()
        grant(job, kind, now)
        job.save()
    return job

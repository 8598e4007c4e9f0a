"""The queue: put jobs in, take the next one, be done with it."""

import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Min, Q

from routing.database.clock import CLOCK_ERROR, database_now
from routing.jobs.kinds import MAIL, Kind, Places
from routing.jobs.lease import stand_in_line
from routing.models import Job
from routing.request_id import current_request_id

logger = logging.getLogger(__name__)

#: So many jobs of one share wait in a lane; more are not taken.
MAX_WAITING_PER_SHARE = 1_000
_RETRY_SECONDS = 10.0
#: No job is put off, or leased, for longer: what seems to be was while the clock was ahead.
LONGEST = timedelta(hours=6)
#: What nobody has done after so long, such as a job of another release, is thrown away.
_KEPT_DAYS = 7


def enqueue(
    kind: Kind, key: str, share: str, arguments: Mapping[str, Any] | None = None, *, after_seconds: float = 0.0
) -> bool:
    """Have it done soon after the present transaction. False where too many jobs of that share wait already.

    One that waits is not put in once more. One that is under way is done again after that. `after_seconds`: no sooner
    than so long from now; where it is wanted sooner meanwhile, it is done sooner.
    """
    run_at = _due(database_now(), after_seconds)
    with transaction.atomic():
        row = Job.objects.select_for_update().filter(kind=kind.name, key=key).first()
        if row is not None:
            if row.lease and not row.again:
                row.again, row.run_at = True, run_at
                row.save(update_fields=["again", "run_at"])
            elif row.run_at > run_at and (row.again or not row.lease):
                row.run_at = run_at
                row.save(update_fields=["run_at"])
            return True
        if Job.objects.filter(lane=kind.lane, share=share, lease="").count() >= MAX_WAITING_PER_SHARE:
            logger.warning("job not taken: too many wait", extra={"job": kind.name, "key": key, "share": share})
            return False
        job = Job(
            kind=kind.name,
            key=key,
            lane=kind.lane,
            share=share,
            turn=_next_turn(kind.lane, share),
            arguments=dict(arguments or {}),
            request_id=current_request_id(),
            run_at=run_at,
        )
        # Whoever put the same one in meanwhile was first.
        Job.objects.bulk_create([job], ignore_conflicts=True)
    return True


def _due(now: datetime, after_seconds: float) -> datetime:
    """From when on a job may be begun. One that is wanted at once may be, too, where the clock is set back meanwhile:
    else it would be taken for one of later, and whoever does all that waits would leave it.
    """
    return now + timedelta(seconds=after_seconds) if after_seconds > 0 else now - CLOCK_ERROR


def _next_turn(lane: str, share: str) -> int:
    """After the last one of its share, and not before those that are served now."""
    jobs = Job.objects.filter(lane=lane)
    own = jobs.filter(share=share).aggregate(last=Max("turn"))["last"]
    now = jobs.filter(lease="").aggregate(first=Min("turn"))["first"]
    return max(0 if own is None else own + 1, now or 0)


def lanes_with_work() -> set[str]:
    """The lanes in which a job could be begun. Takes no lock."""
    return set(Job.objects.filter(_free(database_now())).order_by().values_list("lane", flat=True).distinct())


def claim(kinds: Mapping[str, Kind], lane: str, places: Places) -> Job | None:
    """Take the lease of the next job of these kinds that has a place; None where there is none."""
    while True:
        with transaction.atomic():
            stand_in_line(f"lane {lane}")
            now = database_now()
            held = held_places(lane, now)
            if held.total() >= places.total:
                return None
            full = [share for share, count in held.items() if count >= places.per_share]
            waiting = Job.objects.filter(_free(now), lane=lane, kind__in=kinds).exclude(share__in=full)
            # Past those that somebody writes just now, such as one that is put in once more.
            job = waiting.order_by("turn", "pk").select_for_update(skip_locked=True).first()
            if job is None:
                return None
            kind = kinds[job.kind]
            if job.attempts < kind.attempts:
                grant(job, kind, now)
                job.save()
                return job
            # Each time whoever had begun it was gone, so it is perhaps what ended them.
            logger.error("job given up: nobody finished it", extra=_facts(job))
            job.delete()


def held_places(lane: str, now: datetime) -> Counter[str]:
    """How many places of a lane each share holds."""
    held = Job.objects.filter(lane=lane, lease_until__gt=now, lease_until__lte=now + LONGEST).exclude(lease="")
    return Counter(held.values_list("share", flat=True))


def grant(job: Job, kind: Kind, now: datetime) -> None:
    """Give a job a lease of its own. The caller saves it."""
    job.lease = secrets.token_hex(16)
    job.lease_until = now + timedelta(seconds=kind.seconds() + kind.margin_seconds)
    job.attempts += 1
    job.again = False


def finish(job: Job) -> bool:
    """It is done. Where it was wanted once more meanwhile, it waits anew. False where its lease was lost."""
    with transaction.atomic():
        row = _leased(job)
        if row is None:
            return False
        if row.again:
            _release(row, row.run_at, attempts=0)
        else:
            row.delete()
    return True


def retry_later(job: Job, kind: Kind) -> None:
    """It failed: try again after a while, or give it up after the last attempt."""
    with transaction.atomic():
        row = _leased(job)
        if row is None:
            return
        if row.attempts >= kind.attempts and not row.again:
            logger.error("job given up: it failed each time", extra=_facts(row))
            row.delete()
            return
        pause = timedelta(seconds=_RETRY_SECONDS * 4 ** (row.attempts - 1))
        _release(row, database_now() + pause, attempts=0 if row.again else row.attempts)


def sweep() -> None:
    """Throw away what nobody will do any more."""
    now = database_now()
    Job.objects.filter(_free(now), run_at__lt=now - timedelta(days=_KEPT_DAYS)).delete()


def waiting_since(moment: datetime) -> tuple[int, int]:
    """How many jobs, and among them mails, were put in before that moment and wait."""
    waiting = Job.objects.filter(created_at__lte=moment, lease="")
    return waiting.count(), waiting.filter(lane=MAIL).count()


def discard_waiting(moment: datetime) -> int:
    """Throw those jobs away; gives how many they were."""
    return Job.objects.filter(created_at__lte=moment, lease="").delete()[0]


def _leased(job: Job) -> Job | None:
    """The row, while the lease that `job` was given is still the one it has."""
    return Job.objects.select_for_update().filter(pk=job.pk, lease=job.lease).first()


def _release(row: Job, run_at: datetime, attempts: int) -> None:
    row.turn = _next_turn(row.lane, row.share)
    row.lease, row.lease_until, row.again = "", None, False
    row.run_at, row.attempts = run_at, attempts
    row.save()


def _free(now: datetime) -> Q:
    waits = Q(run_at__lte=now) | Q(run_at__gt=now + LONGEST)
    return Q(lease="") & waits | Q(lease_until__lte=now) | Q(lease_until__gt=now + LONGEST)


def _facts(job: Job) -> dict[str, Any]:
    return {"job": job.kind, "key": job.key, "share": job.share, "attempts": job.attempts}

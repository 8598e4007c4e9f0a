"""The verb by which a restored facade takes up its work: jobs, schedules and mails wait for it."""

from typing import NamedTuple

from routing.database.clock import database_now
from routing.jobs.queue import discard_waiting, waiting_since
from routing.models import Restoration
from routing.models.restoration import unconfirmed_restoration
from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.unit_of_work import unit_of_work


class Waiting(NamedTuple):
    """A restore that nobody has confirmed, and how many jobs and mails came with the backup."""

    restoration: Restoration
    jobs: int
    mails: int


class Confirmed(NamedTuple):
    """What a confirmation came to: how many jobs of the backup were thrown away."""

    restoration: Restoration
    discarded: int


def get_waiting_restore(actor: Actor) -> Waiting | None:
    """What waits for a confirmation; None where nothing does. Raises PermissionDenied."""
    check_permission(actor, Permission.ADMINISTER, None)
    restoration = unconfirmed_restoration()
    if restoration is None:
        return None
    return Waiting(restoration, *waiting_since(restoration.restored_at))


def confirm_restore(actor: Actor, reason: str = "", *, discard: bool = False) -> Confirmed | None:
    """Say that this facade is the one that serves; None where there is nothing to confirm. Raises PermissionDenied.

    `discard`: throw away the jobs and mails that came with the backup, because the former facade has done them.
    """
    check_permission(actor, Permission.ADMINISTER, None)
    with unit_of_work(actor, reason) as unit:
        restoration = Restoration.objects.select_for_update().filter(confirmed_at=None).first()
        if restoration is None:
            return None
        discarded = discard_waiting(restoration.restored_at) if discard else 0
        restoration.confirmed_at = database_now()
        restoration.save(update_fields=["confirmed_at"])
        unit.confirm()
        unit.event("restore.confirmed", restoration_id=restoration.pk, discarded=discarded)
    return Confirmed(restoration, discarded)

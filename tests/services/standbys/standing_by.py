"""A mapping with a standby, and registries that answer or not; the clock is what these say."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from routing.models import Mapping, RegistryHealth
from routing.services.standbys.health import ask_due
from routing.services.standbys.standbys import name_standby
from tests.jobs_done import do_jobs
from tests.verification.moves import APP, Move, filled


def with_standby(move: Move, return_seconds: int = 0) -> Mapping:
    """What both registries have is the same, and a report says so."""
    mapping = filled(move).mapping()
    assert move.report(mapping).is_clean
    answer(move, old=True, new=True)
    target = f"{move.new.url}/{APP}"
    return name_standby(move.actor, "", mapping_id=mapping.pk, target=target, return_seconds=return_seconds).row


def answer(move: Move, *, old: bool | None = None, new: bool | None = None) -> None:
    """From now on they answer, or have an error of their own; None: as before."""
    for registry, answers in ((move.old, old), (move.new, new)):
        if answers is not None:
            registry.server.answers("/v2/", 200 if answers else 503)


def ask(times: int = 1) -> Mapping:
    """Ask whoever is due, so many times; gives the mapping as it is then."""
    for _ in range(times):
        RegistryHealth.objects.update(next_at=timezone.now() - timedelta(seconds=60))
        ask_due()
        do_jobs()
    return Mapping.objects.with_names().get()


def later(seconds: float) -> None:
    """So much time goes by."""
    for row in RegistryHealth.objects.exclude(answering_since=None):
        assert row.answering_since is not None
        since = row.answering_since - timedelta(seconds=seconds)
        RegistryHealth.objects.filter(pk=row.pk).update(answering_since=since)

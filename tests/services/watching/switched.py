"""A mapping that was moved, and comparisons of where it led before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.models import Mapping, Watch
from routing.services.mappings.mappings import repoint
from routing.services.watching.watches import watch_due
from tests.jobs_done import do_jobs
from tests.verification.moves import APP, HOST, Move


def switch(move: Move, to: str = "", **options: Any) -> Mapping:
    """Lead the mapping to the new registry, or to another one."""
    target = f"{to or move.new.url}/{APP}"
    return repoint(move.actor, "moved", hostname=HOST, prefix=APP, target=target, **options).mapping


def compare() -> Watch:
    """What a comparison finds that is due now."""
    Watch.objects.update(next_at=timezone.now() - timedelta(seconds=60))
    watch_due()
    do_jobs()
    return Watch.objects.with_names().get()


def drifted(move: Move) -> Mapping:
    """A mapping that was moved, and a tag of it that somebody pushed to where it led before."""
    move.mapping()
    mapping = switch(move)
    compare()
    move.old.put_image(APP, "1.0", "pushed to the old one")
    compare()
    return mapping

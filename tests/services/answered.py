"""A registry that answered, or did not, at given times."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from routing.core.pull_counts import PULL_SHAPE, Grain, Names
from routing.models import Registry
from routing.models.pull_count import add_counts
from routing.services.registries.answers import note_answer


def hours_ago(number: float) -> datetime:
    return timezone.now() - timedelta(hours=number)


def answered(registry: Registry, hours: float, *, seconds: float = 0.1, trouble: str = "") -> None:
    """So many hours ago."""
    note_answer(registry.pk, hours_ago(hours), seconds, trouble)


def failed_pulls(registry: Registry, tenant_id: int, number: int, hours: float = 0) -> None:
    """As workers write it."""
    target = registry.origin.partition("://")[2]
    names = Names(str(tenant_id), "docker.acme.com", ("acme", "acme/app", "docker", "28", "linux/amd64", target))
    numbers = (0, 0, 0, 0, 0, 0, 0, number)
    add_counts([(PULL_SHAPE, grain, hours_ago(hours), {names: numbers}) for grain in Grain], 1000)

"""Reads how a registry has answered the facade: by hour for a week, or by day, and what it said of limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, Sum
from django.utils import timezone

from routing.core.pull_counts import Grain, start_of
from routing.manifest_store.sightings import sightings
from routing.models import AnswerCount, Mapping, PullCount, Registry, RegistryLimit
from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, tenants_with
from routing.services.registries.answers import HOURS_KEPT_DAYS
from routing.services.registries.registries import get_registry

#: So many hours, or days, are told of at once.
HOURS, DAYS = HOURS_KEPT_DAYS * 24, 90
_MOST_USERS = 10
# As long as the column of the counts.
_MAX_TARGET = 300


class Answers(StrEnum):
    """How a registry answered in an hour or a day."""

    ALL = "answered"
    SOME = "some trouble"
    NONE = "trouble"
    UNKNOWN = "not asked"


class Slot(NamedTuple):
    """An hour or a day (UTC). `asked`: how often the facade asked; `troubled`: after how many something was wrong.

    `mean_ms` and `slowest_ms` are of the other answers, None where there were none. `failed_pulls`: requests of
    clients that failed there, of those whose numbers the asker may see.
    """

    at: datetime
    asked: int = 0
    troubled: int = 0
    mean_ms: int | None = None
    slowest_ms: int | None = None
    trouble: str = ""
    failed_pulls: int = 0

    @property
    def answers(self) -> Answers:
        """What the facade's own questions say, in a word."""
        if not self.asked:
            return Answers.UNKNOWN
        if not self.troubled:
            return Answers.ALL
        return Answers.NONE if self.troubled == self.asked else Answers.SOME


class Limit(NamedTuple):
    """What a registry said last. `left` (None: nothing) of `number` in `seconds`, which are 0 where it didn't say.

    `refused_at`: when it last refused for there being too many requests, wanting none for `wait_seconds`.
    """

    left: int | None
    number: int
    seconds: int
    seen_at: datetime | None
    refused_at: datetime | None
    wait_seconds: int | None


class User(NamedTuple):
    """A tenant that uses a registry: by so many mappings of so many hostnames."""

    slug: str
    name: str
    mappings: int
    hostnames: int


class Health(NamedTuple):
    """Everything; `slots` from the earliest to now. `users`: those with most mappings, that the asker may see."""

    registry: Registry
    grain: Grain
    slots: list[Slot]
    limit: Limit | None
    users: list[User]

    @property
    def since(self) -> datetime:
        """When the earliest begins."""
        return self.slots[0].at


def get_health(actor: Actor, registry_id: int, grain: Grain) -> Health:
    """How a registry that the actor may see has answered, by hour or by day. Raises NotFound."""
    registry = get_registry(actor, registry_id)
    return health_of(actor, registry, grain)


def health_of(actor: Actor, registry: Registry, grain: Grain) -> Health:
    """The same, of one that was read already; four queries."""
    since, step = _span(grain)
    counts = {row.at: row for row in AnswerCount.objects.filter(registry=registry, grain=grain, at__gte=since)}
    failed = _failed_pulls(actor, registry, grain, since)
    slots, now = [], timezone.now()
    while since <= now:
        slots.append(_slot(since, counts.get(since), failed.get(since, 0)))
        since += step
    return Health(registry, grain, slots, limit_of(registry), _users(actor, registry))


def limit_of(registry: Registry) -> Limit | None:
    """What it said last: to a probe, from whichever server, or to a relay of this one. None: nothing."""
    row = RegistryLimit.objects.filter(registry=registry).first() or RegistryLimit(registry=registry)
    left, number, seconds, seen_at = row.left, row.number, row.seconds, row.seen_at
    refused_at, wait_seconds = row.refused_at, row.wait_seconds
    relayed = sightings.limit(registry.origin)
    if relayed is not None and (seen_at is None or relayed.at > seen_at.timestamp()):
        seen_at = datetime.fromtimestamp(relayed.at, UTC)
        left, number, seconds = relayed.left, relayed.number, round(relayed.seconds)
    refused = sightings.refusal(registry.origin)
    if refused is not None and (refused_at is None or refused.at > refused_at.timestamp()):
        refused_at, wait_seconds = datetime.fromtimestamp(refused.at, UTC), refused.wait_seconds
    if seen_at is None and refused_at is None:
        return None
    return Limit(left if seen_at else None, number, seconds, seen_at, refused_at, wait_seconds)


def _span(grain: Grain) -> tuple[datetime, timedelta]:
    """When the first slot begins, and how far two are apart."""
    step, number = (timedelta(hours=1), HOURS) if grain is Grain.HOUR else (timedelta(days=1), _days())
    return start_of(grain, timezone.now()) - (number - 1) * step, step


def _days() -> int:
    return max(1, min(DAYS, settings.FACADE_STATISTICS_DAYS))


def _slot(at: datetime, row: AnswerCount | None, failed_pulls: int) -> Slot:
    if row is None:
        return Slot(at, failed_pulls=failed_pulls)
    good = row.asked - row.troubled
    mean, slowest = (round(row.milliseconds / good), row.slowest) if good else (None, None)
    return Slot(at, row.asked, row.troubled, mean, slowest, row.trouble, failed_pulls)


def _failed_pulls(actor: Actor, registry: Registry, grain: Grain, since: datetime) -> dict[datetime, int]:
    target = registry.origin.partition("://")[2][:_MAX_TARGET]
    # Few have failed, and an index of those is the way to them.
    rows = PullCount.objects.filter(grain=grain, at__gte=since, failed__gt=0, target=target).order_by()
    if not actor.is_operator:
        rows = rows.filter(tenant__in=tenants_with(actor, Permission.VIEW))
    return dict(rows.values_list("at").annotate(number=Sum("failed")))


def _users(actor: Actor, registry: Registry) -> list[User]:
    rows = Mapping.objects.viewable_by(actor).filter(registry=registry).order_by()
    told = rows.values_list("hostname__tenant__slug", "hostname__tenant__name").annotate(
        mappings=Count("pk"), hostnames=Count("hostname", distinct=True)
    )
    return [User(*row) for row in told.order_by("-mappings", "hostname__tenant__slug")[:_MOST_USERS]]

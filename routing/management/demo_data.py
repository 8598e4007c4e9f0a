"""A month of a believable platform, for trying out, for pictures and for tests: the sample data, and what happened.

Numbers come from one seed, so that every run makes the same, but for the days that they are of.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction

from routing.core.pull_counts import ORPHAN_SHAPE, PULL_SHAPE, REFERENCE_SHAPE, Batch, Grain, Names, Shape, start_of
from routing.management.sample_data import HOSTNAMES, TENANTS, add_sample_data
from routing.models import Hostname, Mapping, PullCount, Tenant
from routing.models.pull_count import add_counts
from routing.services.base.history_bound import past_models
from routing.services.base.history_strays import begin_anew

_DAYS, _HOURLY_DAYS = 30, 7
_ROWS = 1000
_SEED = 20261101
#: How busy each hour of a day is, from midnight (UTC) on, in parts of all.
_HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 8, 9, 9, 8, 7, 9, 9, 8, 7, 6, 4, 3, 2, 2, 2, 1)


class _Repository(NamedTuple):
    """A repository that is pulled so often on a working day, below a mapping."""

    hostname: str
    mapping: str
    name: str
    daily: int
    tags: tuple[str, ...]


_REPOSITORIES = (
    _Repository("docker.acme.com", "acme", "acme/app", 420, ("2.4.1", "latest", "2.4.0")),
    _Repository("docker.acme.com", "acme", "acme/worker", 260, ("2.4.1", "latest")),
    _Repository("docker.acme.com", "acme/legacy", "acme/legacy/api", 35, ("1.9",)),
    _Repository("docker.acme.com", "internal", "internal/billing", 64, ("stable", "canary")),
    _Repository("docker.acme.com", "tools", "tools/cli", 130, ("v3", "latest")),
    _Repository("*.pull.acme.com", "alpine", "alpine", 90, ("3.22", "latest")),
    _Repository("images.globex.com", "globex", "globex/store", 310, ("latest", "2026.11")),
    _Repository("images.globex.com", "charts", "charts/store", 22, ("4.2.0",)),
    _Repository("images.initech.com", "tps", "tps/reports", 48, ("cover-sheet", "latest")),
)
#: Clients with their part of the pulls: family, major version, platform, how they ask.
_CLIENTS = (
    (0.34, ("docker", "28", "linux/amd64"), "looks"),
    (0.16, ("docker", "29", "linux/arm64"), "looks"),
    (0.26, ("containerd", "2", ""), "looks"),
    (0.12, ("podman", "5", ""), "tags"),
    (0.05, ("Helm", "3", ""), "tags"),
    (0.04, ("skopeo", "1", ""), "tags"),
    (0.03, ("", "", ""), "tags"),
)
_ORPHANS = (
    ("acme", "docker.acme.com", "acne/app", 14),
    ("acme", "docker.acme.com", "library/alpine", 5),
    ("globex", "images.globex.com", "globex-old/store", 31),
    ("", "dockr.acme.com", "", 9),
    ("", "registry.acme.com", "acme/app", 22),
)
_Additions = Iterator[tuple[Shape, str, datetime, Batch]]


def has_other_rows() -> bool:
    """Whether the database holds hostnames, mappings or tenants that are none of these."""
    others = Hostname.objects.exclude(name__in=HOSTNAMES)
    return (
        others.exists()
        or Mapping.objects.filter(hostname__in=others).exists()
        or Tenant.objects.exclude(slug__in=[*TENANTS, "default"]).exists()
    )


def add_demo_data() -> bool:
    """Add what isn't there yet; whether there was anything. Raises ServiceError."""
    added = add_sample_data(password=None)
    if PullCount.objects.filter(hostname__in=HOSTNAMES).exists():
        return added
    with transaction.atomic():
        if added:
            _spread_history()
        add_counts(_additions(datetime.now(UTC)), _ROWS)
    return True


def _spread_history() -> None:
    """As if what was made up had been done in the course of the month."""
    now = datetime.now(UTC)
    for past in past_models():
        keys = list(past.objects.order_by("history_id").values_list("history_id", flat=True))
        for place, key in enumerate(keys, 1):
            at = now - timedelta(days=_DAYS) * (1 - place / (len(keys) + 1))
            past.objects.filter(history_id=key).update(history_date=at)
    begin_anew()


def _additions(now: datetime) -> _Additions:
    chance = random.Random(_SEED)  # noqa: S311 (numbers of a demonstration)
    keys = {slug: str(pk) for slug, pk in Tenant.objects.filter(slug__in=TENANTS).values_list("slug", "pk")}
    targets = _targets()
    today = start_of(Grain.DAY, now)
    for ago in range(_DAYS, -1, -1):
        day = today - timedelta(days=ago)
        weight = (0.35 if day.weekday() >= 5 else 1.0) * (1 + (_DAYS - ago) / 90)
        for repository in _REPOSITORIES:
            key = keys[HOSTNAMES[repository.hostname]]
            target = targets.get((repository.hostname, repository.mapping), "")
            pulls = round(repository.daily * weight * chance.uniform(0.85, 1.15))
            by_hour = [round(pulls * part / sum(_HOURS)) for part in _HOURS]
            if ago == 0:
                by_hour = by_hour[: now.hour + 1]
            for hour, number in enumerate(by_hour):
                batch = _pulls(key, repository, target, number, chance)
                if ago <= _HOURLY_DAYS:
                    yield PULL_SHAPE, Grain.HOUR, day + timedelta(hours=hour), batch
                yield PULL_SHAPE, Grain.DAY, day, batch
            yield REFERENCE_SHAPE, Grain.DAY, day, _references(key, repository, sum(by_hour))
        yield ORPHAN_SHAPE, Grain.DAY, day, _orphans(keys, chance)


def _pulls(key: str, repository: _Repository, target: str, pulls: int, chance: random.Random) -> Batch:
    batch: dict[Names, tuple[int, ...]] = {}
    for part, client, way in _CLIENTS:
        number = round(pulls * part + chance.random() / 2)
        if not number:
            continue
        tags, digests, looks = (0, 2 * number, number) if way == "looks" else (number, number, 0)
        answered = tags + digests
        relayed = answered if client[0] in ("podman", "Helm", "skopeo") else 0
        refused = 1 if chance.random() < 0.02 else 0
        names = Names(key, repository.hostname, (repository.mapping, repository.name, *client, target))
        batch[names] = (tags, digests, looks, answered - relayed, relayed // 3, relayed - relayed // 3, refused, 0)
    return batch


def _references(key: str, repository: _Repository, pulls: int) -> Batch:
    return {
        Names(key, repository.hostname, (repository.name, tag)): (pulls // (place + 1),)
        for place, tag in enumerate(repository.tags)
        if pulls // (place + 1)
    }


def _orphans(keys: dict[str, str], chance: random.Random) -> Batch:
    return {
        Names(keys.get(slug, ""), hostname, (name,)): (round(daily * chance.uniform(0.6, 1.4)),)
        for slug, hostname, name, daily in _ORPHANS
    }


def _targets() -> dict[tuple[str, str], str]:
    rows: Any = Mapping.objects.filter(hostname__name__in=HOSTNAMES).select_related("hostname", "registry")
    return {(row.hostname.name, row.prefix): row.registry.origin.partition("://")[2] for row in rows}

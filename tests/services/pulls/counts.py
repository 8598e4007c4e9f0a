"""Counts as workers would have written them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from routing.core.pull_counts import ORPHAN_SHAPE, PULL_SHAPE, REFERENCE_SHAPE, Grain, Names
from routing.models import Tenant
from routing.models.pull_count import add_counts


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def counted(
    tenant: Tenant,
    hostname: str,
    repository: str,
    pulls: int,
    *,
    at: datetime | None = None,
    mapping: str = "acme",
    client: tuple[str, str, str] = ("docker", "28", "linux/amd64"),
    target: str = "ghcr.io",
    refused: int = 0,
) -> None:
    """So many pulls by tag, all of them redirected, and so many that were refused; by hour and by day."""
    names = Names(str(tenant.pk), hostname, (mapping, repository, *client, target))
    numbers = (pulls, 0, 0, pulls, 0, 0, refused, 0)
    moment = at or datetime.now(UTC)
    add_counts([(PULL_SHAPE, grain, moment, {names: numbers}) for grain in Grain], 1000)


def asked(tenant: Tenant, hostname: str, repository: str, reference: str, requests: int) -> None:
    names = Names(str(tenant.pk), hostname, (repository, reference))
    add_counts([(REFERENCE_SHAPE, Grain.DAY, datetime.now(UTC), {names: (requests,)})], 1000)


def asked_in_vain(tenant: Tenant | None, hostname: str, repository: str, requests: int) -> None:
    names = Names(str(tenant.pk) if tenant else "", hostname, (repository,))
    add_counts([(ORPHAN_SHAPE, Grain.DAY, datetime.now(UTC), {names: (requests,)})], 1000)

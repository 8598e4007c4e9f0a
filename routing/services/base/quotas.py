"""How much a tenant may have. Operators of the platform may exceed it."""

from typing import NamedTuple

from django.conf import settings

from routing.models import Hostname, HostnameClaim, Mapping, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError


class Quota(NamedTuple):
    """What one tenant may have; `streamed_bytes` in a calendar month."""

    hostnames: int
    mappings: int
    streamed_bytes: int


def quota_for(tenant: Tenant) -> Quota:
    """The tenant's own limits, and the platform's where it has none."""
    return Quota(
        _own_or(tenant.max_hostnames, settings.FACADE_MAX_HOSTNAMES_PER_TENANT),
        _own_or(tenant.max_mappings, settings.FACADE_MAX_MAPPINGS_PER_TENANT),
        _own_or(tenant.max_streamed_bytes, settings.FACADE_MAX_STREAMED_BYTES_PER_TENANT),
    )


def check_hostnames(actor: Actor, tenant: Tenant) -> None:
    """Refuse one more hostname or claim over the limit. Raises ServiceError."""
    limit = quota_for(tenant).hostnames
    held = Hostname.objects.filter(tenant=tenant).count() + HostnameClaim.objects.filter(tenant=tenant).count()
    if not actor.is_operator and held >= limit:
        raise ServiceError(f"{tenant} may have {limit} hostnames; ask the platform's operators for more")


def check_mappings(actor: Actor, tenant: Tenant) -> None:
    """Refuse one more mapping over the limit. Raises ServiceError."""
    limit = quota_for(tenant).mappings
    if not actor.is_operator and Mapping.objects.filter(hostname__tenant=tenant).count() >= limit:
        raise ServiceError(f"{tenant} may have {limit} mappings; ask the platform's operators for more")


def _own_or(own: int | None, platforms: int) -> int:
    return platforms if own is None else own

"""How much a tenant may have. Imports models and its neighbours here. Operators of the platform may exceed it."""

from django.conf import settings

from routing.models import Hostname, HostnameClaim, Mapping, Tenant
from routing.services.actor import Actor
from routing.services.errors import VerbError


def check_hostnames(actor: Actor, tenant: Tenant) -> None:
    """Refuse one more hostname or claim over the limit. Raises VerbError."""
    limit = settings.FACADE_MAX_HOSTNAMES_PER_TENANT if tenant.max_hostnames is None else tenant.max_hostnames
    held = Hostname.objects.filter(tenant=tenant).count() + HostnameClaim.objects.filter(tenant=tenant).count()
    if not actor.platform and held >= limit:
        raise VerbError(f"{tenant} may have {limit} hostnames; ask the platform's operators for more")


def check_mappings(actor: Actor, tenant: Tenant) -> None:
    """Refuse one more mapping over the limit. Raises VerbError."""
    limit = settings.FACADE_MAX_MAPPINGS_PER_TENANT if tenant.max_mappings is None else tenant.max_mappings
    if not actor.platform and Mapping.objects.filter(hostname__tenant=tenant).count() >= limit:
        raise VerbError(f"{tenant} may have {limit} mappings; ask the platform's operators for more")

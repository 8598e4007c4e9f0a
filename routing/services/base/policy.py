"""What a tenant's policy allows, and what of it waits for another owner's word: docs/decisions/0109."""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django.db.models import Q, QuerySet

from routing.core.grammar.docker_hub import DOCKER_HUB, DOCKER_HUB_ORIGIN
from routing.models import Mapping, Registry, Tenant
from routing.models.tenant import POLICY
from routing.services.base.codes import Code
from routing.services.base.permissions import PermissionDenied

#: So many registries can be named.
MAX_ALLOWED = 100


def check_allowed(tenant: Tenant, registry: Registry, field: str = "target") -> None:
    """Refuse a registry that the tenant's policy doesn't name. Raises PermissionDenied."""
    check_origin_allowed(tenant, registry.origin, registry.authority, field)


def check_origin_allowed(tenant: Tenant, origin: str, authority: str, field: str = "target") -> None:
    """The same for one that may have no row yet. By its address, for what it is called is its tenant's to say."""
    if tenant.allowed_registries and origin not in tenant.allowed_origins:
        raise PermissionDenied.for_field(
            field,
            f"the policy of {tenant} does not allow {authority}: its mappings may point to "
            f"{names_of(tenant.allowed_origins)}. Its owners change that on its page “Policy”",
            Code.POLICY_FORBIDS,
        )


def names_of(origins: Iterable[str]) -> str:
    """Registries as people write them."""
    return ", ".join(map(name_of, origins))


def name_of(origin: str) -> str:
    """A registry as people write it: https:// goes without saying, and nobody calls Docker Hub by its API's host."""
    return DOCKER_HUB if origin == DOCKER_HUB_ORIGIN else origin.removeprefix("https://")


def mappings_outside(tenant: Tenant) -> "QuerySet[Mapping]":
    """The tenant's mappings that point, or would fail over, to a registry that its policy does not name."""
    rows = Mapping.objects.with_names().filter(hostname__tenant=tenant).order_by("hostname__name", "prefix")
    if not tenant.allowed_registries:
        return rows.none()
    allowed = tenant.allowed_origins
    no_standby = Q(standby_registry=None) | Q(standby_registry__origin__in=allowed)
    return rows.select_related("standby_registry").exclude(Q(registry__origin__in=allowed) & no_standby)


def policy_of(tenant: Tenant) -> dict[str, Any]:
    """What it says, by column."""
    return {name: getattr(tenant, name) for name in POLICY}


def loosens(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether anything is allowed after that was not before."""
    was, is_now = set(before["allowed_registries"].split()), set(after["allowed_registries"].split())
    opens = bool(was) and (not is_now or not is_now <= was)
    return opens or any(before[name] and not after[name] for name in ("needs_clean_reports", "needs_approval"))


def checksum_of_request(tenant: Tenant) -> str:
    """Over what is asked for, of which policy, when and by whom; "" where nothing is."""
    if tenant.policy_request is None:
        return ""
    asked = [tenant.pk, policy_of(tenant), tenant.policy_request, str(tenant.policy_asked_at), tenant.policy_asker_id]
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

"""The verb of an identity provider: give somebody the roles that its claims name, and take back those that it gave."""

import logging
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import transaction

from routing.models import Membership, ProviderGrant, Role, Tenant
from routing.models.history import sign
from routing.services.base.errors import ServiceError

logger = logging.getLogger(__name__)
# Who gives and takes these roles, for the history; no user; and why.
_SIGNED = ("program: identity provider", None, "what it said at the sign-in")

PLATFORM = "platform"
EVERY_TENANT = "*"


class ProviderRole(NamedTuple):
    """A role that a claim's value gives; `tenant` is a slug, and "" where the role is the platform's operator."""

    tenant: str
    role: str


def parse_provider_roles(texts: Iterable[str]) -> dict[str, list[ProviderRole]]:
    """What each value of the claim gives, from texts like `acme-admins=acme:owner` and `sre=*:platform`.

    Raises ServiceError for a text of another form, or a role that there isn't.
    """
    found: dict[str, list[ProviderRole]] = {}
    for text in texts:
        value, equals, target = text.strip().rpartition("=")
        tenant, colon, role = target.partition(":")
        if not (value and equals and tenant and colon and role):
            raise ServiceError(f"“{text}” is not of the form claim-value=tenant:role")
        if role != PLATFORM and role not in Role.values:
            raise ServiceError(f"“{text}”: there is no role {role}; choose {', '.join([*Role.values, PLATFORM])}")
        if (tenant == EVERY_TENANT) != (role == PLATFORM):
            raise ServiceError(f"“{text}”: *:platform is the one role that isn't of a tenant")
        found.setdefault(value, []).append(ProviderRole("" if role == PLATFORM else tenant, role))
    return found


def follow_provider(user: Any, granted: Collection[ProviderRole]) -> None:
    """Make the user's roles those that the provider grants, as far as they are the provider's.

    Called at every sign-in; one that brought no claims (by password) grants nothing, so that nobody keeps a role by not
    asking the provider any more. A role that people gave stays, but is raised where the provider's reaches further, and
    then is the provider's. Even the last owner loses what the provider takes back: operators can appoint another.
    """
    with transaction.atomic():
        # The row's lock puts two sign-ins of one person in line.
        get_user_model().objects.select_for_update().filter(pk=user.pk).first()
        held = {grant.tenant_id: grant for grant in ProviderGrant.objects.filter(user=user)}
        _follow_platform(user, any(role.role == PLATFORM for role in granted), held.pop(None, None))
        for tenant, role in _best_roles(granted).items():
            _give(user, tenant, role, held.pop(tenant.pk, None))
        for grant in held.values():
            for membership in Membership.objects.filter(user=user, tenant=grant.tenant):
                sign(membership, *_SIGNED)
                membership.delete()
            grant.delete()


def _follow_platform(user: Any, granted: bool, grant: ProviderGrant | None) -> None:
    if granted and not user.is_superuser:
        _set_platform(user, True)
        ProviderGrant.objects.get_or_create(user=user, tenant=None)
    elif not granted and grant is not None:
        _set_platform(user, False)
        grant.delete()


def _set_platform(user: Any, value: bool) -> None:
    user.is_superuser = user.is_staff = value
    user.save(update_fields=["is_superuser", "is_staff"])


def _best_roles(granted: Collection[ProviderRole]) -> dict[Tenant, str]:
    """The furthest-reaching role for each tenant that there is."""
    slugs = {role.tenant for role in granted if role.role != PLATFORM}
    tenants = {tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=slugs)}
    for slug in sorted(slugs - set(tenants)):
        logger.warning("FACADE_OIDC_ROLES names the tenant %s, which doesn't exist", slug)
    best: dict[Tenant, str] = {}
    for role in granted:
        tenant = tenants.get(role.tenant)
        if tenant is not None and (tenant not in best or reach(role.role) > reach(best[tenant])):
            best[tenant] = role.role
    return best


def _give(user: Any, tenant: Tenant, role: str, grant: ProviderGrant | None) -> None:
    held = Membership.objects.filter(user=user, tenant=tenant).first()
    if held is not None and grant is None and reach(role) <= reach(held.role):
        return
    membership = held or Membership(user=user, tenant=tenant)
    if held is None or held.role != role:
        membership.role = role
        sign(membership, *_SIGNED)
        membership.save()
    if grant is None:
        ProviderGrant.objects.create(user=user, tenant=tenant)


def reach(role: str) -> int:
    """How far a role of a tenant reaches, compared to others."""
    return [Role.VIEWER, Role.OPERATOR, Role.OWNER].index(Role(role))

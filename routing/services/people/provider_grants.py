"""The verb of an identity provider: give somebody the roles that its claims name, and take back those that it gave."""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.utils import timezone

from routing.models import Membership, ProviderGrant, ProviderWord, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.people.open_invitations import end_invitations

logger = logging.getLogger(__name__)
_PROGRAM = Actor.program("identity provider")
_REASON = "what it said at the sign-in"

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


def follow_provider(user: Any, granted: Collection[ProviderRole], *, begun_at: datetime | None = None) -> None:
    """Make the user's roles those that the provider grants, as far as they are the provider's.

    Called at every sign-in; one that brought no claims (by password) grants nothing, so that nobody keeps a role by not
    asking the provider any more. A role that people gave stays, but is raised where the provider's reaches further, and
    then is the provider's. Even the last owner loses what the provider takes back: operators can appoint another.

    `begun_at`: when the sign-in was begun, None: now. Claims may be as old as that; where the roles were decided since,
    by a later sign-in or by people, they change nothing.
    """
    if not granted and not ProviderGrant.objects.filter(user=user).exists():
        # Nothing to give or to take: a sign-in by password doesn't wait in the writers' line.
        return
    with unit_of_work(_PROGRAM, _REASON) as unit:
        if not hear(user, begun_at):
            logger.info("a sign-in of %s was begun before their roles were last decided: they stay", user)
            return
        held = {grant.tenant_id: grant for grant in ProviderGrant.objects.filter(user=user)}
        tenants = _follow_platform(unit, user, any(role.role == PLATFORM for role in granted), held.pop(None, None))
        for tenant, role in _best_roles(granted).items():
            tenants += _give(unit, user, tenant, role, held.pop(tenant.pk, None))
        for grant in held.values():
            for membership in Membership.objects.with_names().filter(user=user, tenant=grant.tenant):
                unit.delete(membership)
                end_invitations(unit, user, membership.tenant)
                tenants.append(membership.tenant_id)
            unit.delete(grant)
        ProviderGrant.objects.filter(user=user).update(confirmed_at=timezone.now())
        if tenants:
            unit.event("account.roles_followed", user_id=user.pk, tenant_ids=tenants)


def hear(user: Any, spoken_at: datetime | None = None) -> bool:
    """Note that somebody's roles are decided now, by a word of that time (None: now); False after a later one.

    Also where they are gone. Within a unit of work: its lock keeps two words apart, and a removal of the account.
    """
    if not get_user_model()._default_manager.filter(pk=user.pk).exists():
        return False
    now = timezone.now()
    heard = ProviderWord.objects.filter(user=user).first()
    if heard is not None and spoken_at is not None and spoken_at < heard.spoken_at:
        return False
    ProviderWord.objects.update_or_create(user=user, defaults={"spoken_at": min(spoken_at or now, now)})
    return True


def _follow_platform(unit: UnitOfWork, user: Any, granted: bool, grant: ProviderGrant | None) -> list[int]:
    """Gives the changed tenants' ids; 0 stands for the platform itself."""
    if granted and not user.is_superuser:
        _set_platform(user, True)
        if grant is None:
            unit.add(ProviderGrant(user=user, tenant=None))
        return [0]
    if not granted and grant is not None:
        _set_platform(user, False)
        unit.delete(grant)
        return [0]
    return []


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
        if tenant is not None and (tenant not in best or Role(role.role).rank > Role(best[tenant]).rank):
            best[tenant] = role.role
    return best


def _give(unit: UnitOfWork, user: Any, tenant: Tenant, role: str, grant: ProviderGrant | None) -> list[int]:
    held = Membership.objects.with_names().filter(user=user, tenant=tenant).first()
    if held is not None and grant is None and Role(role).rank <= Role(held.role).rank:
        return []
    changed = True
    if held is None:
        unit.add(Membership(user=user, tenant=tenant, role=role))
    else:
        changed = bool(unit.update(held, role=role))
        end_invitations(unit, user, tenant)
    if grant is None:
        unit.add(ProviderGrant(user=user, tenant=tenant))
    return [tenant.pk] if changed else []

"""Who may do what: the one place that knows. The verbs ask it, so that admin, API and commands can't differ.

What an actor may not see doesn't exist for it (NotFound); what it sees and may not change is denied by name (Denied).
"""

from enum import StrEnum
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from routing.models import Membership, Registry, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError

M = TypeVar("M", bound=Model)


class Permission(StrEnum):
    """What a verb does, as far as permissions go."""

    VIEW = "look at this"
    CHANGE_MAPPINGS = "change mappings"
    CHANGE_REGISTRIES = "change registries"
    CHANGE_HOSTNAMES = "change hostnames"
    CHANGE_MEMBERS = "change members"
    ADMINISTER = "do this"


_VIEWER = frozenset({Permission.VIEW})
_OPERATOR = _VIEWER | {Permission.CHANGE_MAPPINGS, Permission.CHANGE_REGISTRIES}
_OWNER = _OPERATOR | {Permission.CHANGE_HOSTNAMES, Permission.CHANGE_MEMBERS}
ALLOWED: dict[str, frozenset[Permission]] = {Role.OWNER: _OWNER, Role.OPERATOR: _OPERATOR, Role.VIEWER: _VIEWER}


class PermissionDenied(ServiceError):
    """The actor's role doesn't reach that far."""


def role_in(actor: Actor, tenant_id: int | None) -> str | None:
    """The actor's role in a tenant; None for none."""
    if actor.user is None or tenant_id is None:
        return None
    return roles(actor).get(tenant_id)


def roles(actor: Actor) -> dict[int, str]:
    """Every tenant (by id) in which the actor has a role. Asked of the database each time: a role may be gone."""
    if actor.user is None or not actor.user.is_active:
        return {}
    if actor.tenant_id_limit is None:
        return dict(Membership.objects.filter(user=actor.user).values_list("tenant_id", "role"))
    if actor.user.is_superuser:
        # Their token for one tenant reaches as far as that tenant's owners.
        return {actor.tenant_id_limit: Role.OWNER}
    own = Membership.objects.filter(user=actor.user, tenant=actor.tenant_id_limit)
    return dict(own.values_list("tenant_id", "role"))


def has_permission(actor: Actor, action: Permission, tenant: Tenant | None) -> bool:
    """Whether the actor may do it for the tenant; None stands for what belongs to the platform."""
    if actor.read_only and action is not Permission.VIEW:
        return False
    if actor.is_operator:
        return True
    role = role_in(actor, tenant.pk if tenant else None)
    return role is not None and action in ALLOWED[role]


def has_permission_anywhere(actor: Actor, action: Permission) -> bool:
    """Whether there is any tenant for which the actor may do it."""
    if actor.read_only and action is not Permission.VIEW:
        return False
    return actor.is_operator or any(action in ALLOWED[role] for role in roles(actor).values())


def tenants_with(actor: Actor, action: Permission) -> QuerySet[Tenant]:
    """The tenants for which the actor may do it."""
    if actor.read_only and action is not Permission.VIEW:
        return Tenant.objects.none()
    if actor.is_operator:
        return Tenant.objects.all()
    return Tenant.objects.filter(pk__in=[pk for pk, role in roles(actor).items() if action in ALLOWED[role]])


def check_permission(actor: Actor, action: Permission, tenant: Tenant | None) -> None:
    """Let the verb go on, or raise: NotFound where the actor may not even look, Denied where it may only look."""
    if has_permission(actor, action, tenant):
        return
    if tenant is not None and not has_permission(actor, Permission.VIEW, tenant):
        raise NotFound("there is no such thing, or it isn't yours")
    if actor.read_only and action is not Permission.VIEW:
        raise PermissionDenied("this API token can look, and change nothing")
    if tenant is None or action is Permission.ADMINISTER:
        raise PermissionDenied("only operators of the platform may do this")
    raise PermissionDenied(f"your role in {tenant} does not allow you to {action}; ask one of its owners")


def viewable(actor: Actor, queryset: QuerySet[M], tenant_path: str) -> QuerySet[M]:
    """The rows that the actor may look at; `tenant_path` leads from a row to its tenant ("" where it is one)."""
    if actor.is_operator:
        return queryset
    path = f"{tenant_path}__in" if tenant_path else "pk__in"
    return queryset.filter(**{path: list(roles(actor))})


def viewable_registries(actor: Actor) -> QuerySet[Registry]:
    """The registries that the actor may look at: its tenants' own, and the shared ones."""
    if actor.is_operator:
        return Registry.objects.all()
    return Registry.objects.filter(Q(tenant=None) | Q(tenant__in=list(roles(actor))))

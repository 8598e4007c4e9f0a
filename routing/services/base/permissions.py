"""Who may do what: the one place that knows. The verbs ask it, so that admin, API and commands can't differ.

What an actor may not see doesn't exist for it (NotFound); what it sees and may not change is denied by name (Denied).
"""

from enum import StrEnum

from django.db.models import QuerySet

from routing.models import Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import NotFound, ServiceError


class Permission(StrEnum):
    """What a verb does, as far as permissions go."""

    VIEW = "look at this"
    CHANGE_MAPPINGS = "change mappings"
    CHANGE_REGISTRIES = "change registries"
    CHANGE_HOSTNAMES = "change hostnames"
    CHANGE_MEMBERS = "change members"
    PUBLISH = "publish this to everybody"
    EXPORT = "export this"
    ADMINISTER = "do this"


_VIEWER = frozenset({Permission.VIEW})
_OPERATOR = _VIEWER | {Permission.CHANGE_MAPPINGS, Permission.CHANGE_REGISTRIES}
_OWNER = _OPERATOR | {Permission.CHANGE_HOSTNAMES, Permission.CHANGE_MEMBERS, Permission.EXPORT, Permission.PUBLISH}
# What a token that may only look may do.
_LOOKS = frozenset({Permission.VIEW, Permission.EXPORT})
ALLOWED: dict[str, frozenset[Permission]] = {Role.OWNER: _OWNER, Role.OPERATOR: _OPERATOR, Role.VIEWER: _VIEWER}


class PermissionDenied(ServiceError):
    """The actor's role doesn't reach that far."""

    default_code = Code.PERMISSION_DENIED


def role_in(actor: Actor, tenant_id: int | None) -> str | None:
    """The actor's role in a tenant; None for none."""
    return None if tenant_id is None else actor.roles().get(tenant_id)


def has_permission(actor: Actor, action: Permission, tenant: Tenant | None) -> bool:
    """Whether the actor may do it for the tenant; None stands for what belongs to the platform."""
    if actor.read_only and action not in _LOOKS:
        return False
    if actor.is_operator:
        return True
    role = role_in(actor, tenant.pk if tenant else None)
    return role is not None and action in ALLOWED[role]


def has_permission_anywhere(actor: Actor, action: Permission) -> bool:
    """Whether there is any tenant for which the actor may do it."""
    if actor.read_only and action not in _LOOKS:
        return False
    return actor.is_operator or any(action in ALLOWED[role] for role in actor.roles().values())


def tenants_with(actor: Actor, action: Permission) -> QuerySet[Tenant]:
    """The tenants for which the actor may do it."""
    if actor.read_only and action not in _LOOKS:
        return Tenant.objects.none()
    if actor.is_operator:
        return Tenant.objects.all()
    return Tenant.objects.filter(pk__in=[pk for pk, role in actor.roles().items() if action in ALLOWED[role]])


def check_permission(actor: Actor, action: Permission, tenant: Tenant | None) -> None:
    """Let the verb go on, or raise: NotFound where the actor may not even look, Denied where it may only look."""
    if has_permission(actor, action, tenant):
        return
    if tenant is not None and not has_permission(actor, Permission.VIEW, tenant):
        raise NotFound("there is no such thing, or it isn't yours")
    if actor.read_only and action not in _LOOKS:
        raise PermissionDenied("this API token is read-only", code=Code.READ_ONLY_TOKEN)
    if tenant is None or action is Permission.ADMINISTER:
        raise PermissionDenied("only operators of the platform may do this")
    raise PermissionDenied(f"your role in {tenant} does not allow you to {action}; ask one of its owners")

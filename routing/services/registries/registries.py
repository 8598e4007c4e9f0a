"""The verbs of registries."""

from routing.core.table.routing_table import Auth
from routing.models import Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission, viewable_registries
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.mappings.targets import Target, check_origin, find_registry, parse_origin


def ensure_registry(unit: UnitOfWork, tenant: Tenant, target: Target) -> tuple[Registry, list[str]]:
    """The registry that a target names, made as the tenant's own where it is missing. Raises ServiceError."""
    registry = find_registry(tenant, target)
    if registry is not None:
        check_origin(registry.origin)
        return registry, []
    check_permission(unit.actor, Permission.CHANGE_REGISTRIES, tenant)
    check_origin(target.origin)
    registry = Registry(tenant=tenant, name=target.authority, origin=target.origin)
    unit.save(registry)
    return registry, [f"added registry {registry.origin}"]


def save_registry(actor: Actor, reason: str, registry: Registry) -> Registry:
    """Write a new or changed registry. Raises ServiceError."""
    registry.origin = parse_origin(registry.origin, "origin")
    with unit_of_work(actor, reason) as unit:
        before = _check_owner(actor, registry)
        if before is not None and before.origin != registry.origin:
            _forget_findings(registry)
        check_origin(registry.origin, "origin")
        unit.save(registry)
    return registry


def remove_registry(actor: Actor, reason: str, *, registry_id: int) -> None:
    """Remove a registry to which nothing leads any more. Raises NotFound, ServiceError."""
    with unit_of_work(actor, reason) as unit:
        registry = viewable_registries(actor).select_related("tenant").filter(pk=registry_id).first()
        if registry is None:
            raise NotFound("this registry is gone")
        check_permission(actor, Permission.CHANGE_REGISTRIES, registry.tenant)
        unit.delete(registry)


def _forget_findings(registry: Registry) -> None:
    """What a probe found at the former address says nothing about the new one."""
    registry.auth, registry.blob_delivery = Auth.UNKNOWN, Registry.BlobDelivery.UNKNOWN
    registry.realm = registry.service = registry.blob_origins = registry.probe_error = ""
    registry.probed_at = None


def _check_owner(actor: Actor, registry: Registry) -> Registry | None:
    """Whether the actor may write the registry. Gives it as it was; None where it is new."""
    check_permission(actor, Permission.CHANGE_REGISTRIES, registry.tenant)
    before = None
    if registry.pk is not None:
        before = viewable_registries(actor).select_related("tenant").filter(pk=registry.pk).first()
        if before is None:
            raise NotFound("this registry is gone")
        check_permission(actor, Permission.CHANGE_REGISTRIES, before.tenant)
        if before.tenant_id != registry.tenant_id and before.mappings.exists():
            raise ServiceError.for_field(
                "tenant", "mappings lead to this registry: its owner can't be changed any more"
            )
    elif not actor.is_operator and Registry.objects.filter(tenant=None, origin=registry.origin).exists():
        raise ServiceError.for_field("origin", f"{registry.origin} is shared with everybody already: use that one")
    return before

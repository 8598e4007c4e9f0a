"""The verbs of registries."""

from collections.abc import Collection
from typing import Any, TypedDict, Unpack

from routing.core.table.routing_table import Auth
from routing.models import Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.registries.pages import DOCKER_HUB, DOCKER_HUB_ORIGIN
from routing.services.registries.targets import Target, check_origin, find_registry, parse_origin


class RegistryOptions(TypedDict, total=False):
    """What a registry need not have."""

    alias: str
    implicit_namespace: str
    stream_blobs: bool


class RegistryChanges(RegistryOptions, total=False):
    """What a person says of a registry. `tenant_id` None: it is shared with all."""

    tenant_id: int | None
    name: str
    origin: str


#: What a probe found at a former address says nothing about a new one.
_NOTHING_FOUND: dict[str, Any] = {
    "auth": Auth.UNKNOWN,
    "realm": "",
    "service": "",
    "blob_delivery": Registry.BlobDelivery.UNKNOWN,
    "blob_origins": "",
    "probed_at": None,
    "probe_error": "",
}


def ensure_registry(unit: UnitOfWork, tenant: Tenant, target: Target) -> tuple[Registry, list[str]]:
    """The registry that a target names, made as the tenant's own where it is missing. Raises ServiceError."""
    registry = find_registry(tenant, target)
    if registry is not None:
        check_origin(registry.origin)
        return registry, []
    check_permission(unit.actor, Permission.CHANGE_REGISTRIES, tenant)
    check_origin(target.origin)
    registry = Registry(
        tenant=tenant, name=target.authority, origin=target.origin, **_docker_hub(target.origin, "", "")
    )
    unit.add(registry)
    return registry, [f"added registry {registry.origin}"]


def add_registry(
    actor: Actor, reason: str, *, tenant_id: int | None, name: str, origin: str, **options: Unpack[RegistryOptions]
) -> Registry:
    """Add a registry; without a tenant it is shared with all. Raises ServiceError, NotFound, PermissionDenied."""
    origin = parse_origin(origin, "origin")
    with unit_of_work(actor, reason) as unit:
        _check_owner(actor, tenant_id)
        if not actor.is_operator and Registry.objects.filter(tenant=None, origin=origin).exists():
            raise ServiceError.for_field("origin", f"{origin} is shared with everybody already: use that one")
        check_origin(origin, "origin")
        options |= _docker_hub(origin, options.get("alias", ""), options.get("implicit_namespace", ""))
        registry = Registry(tenant_id=tenant_id, name=name, origin=origin, **options)
        unit.add(registry)
        unit.event("registry.added", registry_id=registry.pk, tenant_id=registry.tenant_id)
    return registry


def update_registry(
    actor: Actor,
    reason: str,
    *,
    registry_id: int,
    if_match: Collection[int] | None = None,
    **changes: Unpack[RegistryChanges],
) -> Outcome[Registry]:
    """Change what is given of a registry. With a new address, what was found at the old one is forgotten.

    Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    values: dict[str, Any] = {**changes}
    if "origin" in values:
        values["origin"] = parse_origin(values["origin"], "origin")
    with unit_of_work(actor, reason) as unit:
        registry = unit.get(Registry, registry_id, Permission.CHANGE_REGISTRIES, if_match)
        if "tenant_id" in values and values["tenant_id"] != registry.tenant_id:
            _check_owner(actor, values["tenant_id"])
            if registry.mappings.exists():
                raise ServiceError.for_field(
                    "tenant", "mappings lead to this registry: its owner can't be changed any more"
                )
        if values.get("origin", registry.origin) != registry.origin:
            alias = values.get("alias", registry.alias)
            namespace = values.get("implicit_namespace", registry.implicit_namespace)
            values |= {**_NOTHING_FOUND, **_docker_hub(values["origin"], alias, namespace)}
        check_origin(values.get("origin", registry.origin), "origin")
        changed = unit.update(registry, **values)
        if changed:
            said = [name for name in changed if name in changes]
            unit.event("registry.updated", registry_id=registry.pk, tenant_id=registry.tenant_id, changed=said)
    return Outcome(registry, bool(changed), asks_anew="origin" in changed)


def remove_registry(actor: Actor, reason: str, *, registry_id: int, if_match: Collection[int] | None = None) -> None:
    """Remove a registry to which nothing leads any more. Raises NotFound, PermissionDenied, Outdated, ServiceError."""
    with unit_of_work(actor, reason) as unit:
        registry = unit.get(Registry, registry_id, Permission.CHANGE_REGISTRIES, if_match)
        unit.delete(registry)
        unit.event("registry.removed", registry_id=registry_id, tenant_id=registry.tenant_id)


def get_registry(actor: Actor, registry_id: int) -> Registry:
    """A registry that the actor may see: a shared one, or its tenants' own. Raises NotFound."""
    return get_row(Registry.objects.viewable_by(actor).with_names(), registry_id)


def _check_owner(actor: Actor, tenant_id: int | None) -> None:
    tenant = None if tenant_id is None else get_row(Tenant.objects.viewable_by(actor), tenant_id)
    check_permission(actor, Permission.CHANGE_REGISTRIES, tenant)


def _docker_hub(origin: str, alias: str, implicit_namespace: str) -> RegistryOptions:
    """What belongs to Docker Hub, under whichever of its names it was given; nothing for another registry."""
    if origin != DOCKER_HUB_ORIGIN:
        return {}
    return {"alias": alias or DOCKER_HUB, "implicit_namespace": implicit_namespace or "library"}

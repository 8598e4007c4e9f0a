"""The verbs of hostnames."""

from collections.abc import Collection
from typing import TypedDict, Unpack

from django.db.models import Q

from routing.core.grammar.hosts import InvalidHost, normalise_served_name, parse_authority, wildcard_above
from routing.models import Hostname, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.people.tenants import DEFAULT_SLUG, ensure_tenant, suspend_rows


class HostnameChanges(TypedDict, total=False):
    """What can be changed of a hostname; its suspension by operators of the platform only."""

    enabled: bool
    login_registry_id: int | None
    suspended: bool
    suspension_message: str


def ensure_hostname(unit: UnitOfWork, text: str, tenant_slug: str | None) -> tuple[Hostname, list[str]]:
    """The hostname, made where it is missing, and a line for each thing done.

    Raises ServiceError; Conflict where another tenant has it.
    """
    name = parse_hostname(text)
    hostname = Hostname.objects.viewable_by(unit.actor).with_names().filter(name=name).first()
    if hostname is not None:
        if tenant_slug not in (None, hostname.tenant.slug):
            raise Conflict(f"{name} belongs to another tenant than {tenant_slug}")
        return hostname, []
    if not unit.actor.is_operator:
        # The same words whether nobody has the name or somebody else does.
        raise NotFound(
            f"{name} is not a hostname of yours; claim it first, and prove that it is",
            {"hostname": ["This is not a hostname of yours: claim it first, and prove that it is."]},
        )
    tenant, done = ensure_tenant(unit, tenant_slug or DEFAULT_SLUG)
    hostname = Hostname(tenant=tenant, name=name)
    check_no_loop(hostname)
    unit.add(hostname)
    return hostname, [*done, f"added hostname {name}"]


def add_hostname(actor: Actor, reason: str, *, tenant_id: int, name: str, **facts: Unpack[HostnameChanges]) -> Hostname:
    """Add a hostname without a proof. For operators of the platform; a tenant claims one.

    Raises ServiceError, PermissionDenied.
    """
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        hostname = Hostname(tenant=get_row(Tenant.objects.all(), tenant_id), name=parse_hostname(name), **facts)
        check_no_loop(hostname)
        _check_login_registry(unit, hostname, facts)
        unit.add(hostname)
        unit.event("hostname.added", hostname_id=hostname.pk, tenant_id=tenant_id)
    return hostname


def update_hostname(
    actor: Actor,
    reason: str,
    *,
    hostname_id: int,
    if_match: Collection[int] | None = None,
    **changes: Unpack[HostnameChanges],
) -> Outcome[Hostname]:
    """Change what is given of a hostname; its name and its tenant never change.

    Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        hostname = unit.get(Hostname, hostname_id, Permission.CHANGE_HOSTNAMES, if_match)
        _check_login_registry(unit, hostname, changes)
        changed = unit.update(hostname, **changes)
        if {"suspended", "suspension_message"} & set(changed):
            check_permission(actor, Permission.ADMINISTER, None)
        if changed:
            unit.event("hostname.updated", hostname_id=hostname.pk, tenant_id=hostname.tenant_id, changed=changed)
    return Outcome(hostname, bool(changed))


def remove_hostname(actor: Actor, reason: str, *, hostname_id: int, if_match: Collection[int] | None = None) -> None:
    """Remove a hostname that has no mappings left. Raises NotFound, PermissionDenied, Outdated, ServiceError."""
    with unit_of_work(actor, reason) as unit:
        hostname = unit.get(Hostname, hostname_id, Permission.CHANGE_HOSTNAMES, if_match)
        if hostname.suspended or hostname.tenant.suspended:
            # Removed, it could be proved anew for another tenant of the same people, and would be served again.
            check_permission(actor, Permission.ADMINISTER, None)
        unit.delete(hostname)
        unit.event("hostname.removed", hostname_id=hostname_id, tenant_id=hostname.tenant_id)


def suspend_hostnames(
    actor: Actor,
    reason: str,
    *,
    hostname_ids: Collection[int],
    suspended: bool,
    message: str = "",
    if_match: Collection[int] | None = None,
) -> list[Hostname]:
    """Refuse, or serve again, every request for hostnames, all or none; gives those that changed.

    For operators of the platform. `if_match` goes with a single one. Raises NotFound, PermissionDenied, Outdated,
    ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        hostnames = unit.get_all(Hostname, hostname_ids, Permission.ADMINISTER, if_match)
        return suspend_rows(unit, "hostname", hostnames, suspended=suspended, message=message)


def get_hostname(actor: Actor, hostname_id: int) -> Hostname:
    """A hostname that the actor may see. Raises NotFound."""
    return get_row(Hostname.objects.viewable_by(actor).with_names(), hostname_id)


def _check_login_registry(unit: UnitOfWork, hostname: Hostname, changes: HostnameChanges) -> None:
    wanted = changes.get("login_registry_id")
    if wanted is None:
        return
    registry = get_row(Registry.objects.viewable_by(unit.actor), wanted)
    if registry.tenant_id not in (None, hostname.tenant_id):
        raise ServiceError.for_field("login_registry", "This registry belongs to another tenant.")


def parse_hostname(text: str) -> str:
    """A hostname as it is stored. Raises ServiceError."""
    try:
        return normalise_served_name(text)
    except InvalidHost as error:
        raise ServiceError.for_field("hostname", str(error)) from error


def check_no_loop(hostname: Hostname) -> None:
    """Refuse a hostname at which a backing registry lives: mappings onto it would lead round in a circle.

    The shared registries count, and the tenant's own: another tenant's must not keep the name from its owner.
    """
    known = Registry.objects.filter(Q(tenant=None) | Q(tenant=hostname.tenant))
    for registry in known.filter(origin__contains=hostname.name.removeprefix("*")):
        host, _ = parse_authority(registry.origin.partition("://")[2])
        if hostname.name in (host, wildcard_above(host)):
            raise ServiceError.for_field(
                "hostname",
                f"{host} is the address of the registry “{registry.name}”: a facade there would lead to itself",
            )

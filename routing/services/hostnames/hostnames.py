"""The verbs of hostnames."""

from django.db.models import Q

from routing.core.grammar.hosts import InvalidHost, normalise_served_name, parse_authority, wildcard_above
from routing.models import Hostname, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission, viewable
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.people.tenants import DEFAULT_SLUG, ensure_tenant, suspend_rows

_PROOF_FACTS = ("proof_token", "proof_checked_at", "proof_missing_since", "proof_finding", "withdrawn_at")


def ensure_hostname(unit: UnitOfWork, text: str, tenant_slug: str | None) -> tuple[Hostname, list[str]]:
    """The hostname, made where it is missing, and a line for each thing done.

    Raises ServiceError; Conflict where another tenant has it.
    """
    name = parse_hostname(text)
    known = viewable(unit.actor, Hostname.objects.select_related("tenant"), "tenant")
    hostname = known.filter(name=name).first()
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
    unit.save(hostname)
    return hostname, [*done, f"added hostname {name}"]


def save_hostname(actor: Actor, reason: str, hostname: Hostname) -> Hostname:
    """Write a new or changed hostname; the name itself never changes. Raises ServiceError."""
    hostname.name = parse_hostname(hostname.name)
    with unit_of_work(actor, reason) as unit:
        if hostname.pk is None:
            # A tenant claims a hostname and proves it; only the platform's operators vouch for one.
            check_permission(actor, Permission.ADMINISTER, None)
            check_no_loop(hostname)
        else:
            _check_change(actor, hostname)
        registry = hostname.login_registry
        if registry is not None and registry.tenant_id not in (None, hostname.tenant_id):
            raise ServiceError.for_field("login_registry", "This registry belongs to another tenant.")
        unit.save(hostname)
    return hostname


def remove_hostname(actor: Actor, reason: str, *, hostname_id: int) -> None:
    """Remove a hostname that has no mappings left. Raises NotFound, ServiceError."""
    with unit_of_work(actor, reason) as unit:
        hostname = get_hostname(actor, hostname_id)
        check_permission(actor, Permission.CHANGE_HOSTNAMES, hostname.tenant)
        if hostname.suspended or hostname.tenant.suspended:
            # Removed, it could be proved anew for another tenant of the same people, and would be served again.
            check_permission(actor, Permission.ADMINISTER, None)
        unit.delete(hostname)


def suspend_hostname(actor: Actor, reason: str, *, hostname_id: int, suspended: bool, message: str = "") -> Hostname:
    """Refuse, or serve again, every request for a hostname. Raises NotFound, PermissionDenied, ServiceError."""
    suspend_hostnames(actor, reason, hostname_ids=[hostname_id], suspended=suspended, message=message)
    return get_hostname(actor, hostname_id)


def suspend_hostnames(
    actor: Actor, reason: str, *, hostname_ids: list[int], suspended: bool, message: str = ""
) -> list[Hostname]:
    """The same for several, all or none; gives those that weren't so already. For operators of the platform.

    Raises NotFound, PermissionDenied, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        hostnames = list(Hostname.objects.select_related("tenant").filter(pk__in=hostname_ids))
        if len(hostnames) < len(set(hostname_ids)):
            raise NotFound("this hostname is gone" if len(hostname_ids) == 1 else "one of these hostnames is gone")
        return suspend_rows(unit, hostnames, suspended=suspended, message=message)


def get_hostname(actor: Actor, hostname_id: int) -> Hostname:
    """A hostname that the actor may see. Raises NotFound."""
    found = viewable(actor, Hostname.objects.select_related("tenant"), "tenant").filter(pk=hostname_id).first()
    if found is None:
        raise NotFound("this hostname is gone")
    return found


def _check_change(actor: Actor, hostname: Hostname) -> None:
    before = get_hostname(actor, hostname.pk)
    check_permission(actor, Permission.CHANGE_HOSTNAMES, before.tenant)
    if before.name != hostname.name:
        raise ServiceError.for_field(
            "name", "A hostname isn't renamed: add the new one, and remove the old when it is idle."
        )
    if before.tenant_id != hostname.tenant_id:
        raise ServiceError.for_field(
            "tenant", "A hostname isn't moved between tenants: remove it here, and add it there."
        )
    for fact in _PROOF_FACTS:
        # Never from a form, and not as old as a form may be.
        setattr(hostname, fact, getattr(before, fact))
    if (before.suspended, before.suspension_message) != (hostname.suspended, hostname.suspension_message):
        check_permission(actor, Permission.ADMINISTER, None)


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

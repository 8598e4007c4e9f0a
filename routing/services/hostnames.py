"""The verbs of hostnames. Imports core, models and its neighbours here."""

from routing.core.hosts import HostInvalid, normalise_hostname, parse_authority
from routing.models import Hostname, Registry
from routing.services.actor import Actor
from routing.services.errors import Conflict, NotFound, VerbError
from routing.services.tenants import DEFAULT_SLUG, ensure_tenant
from routing.services.work import Work, work


def ensure_hostname(unit: Work, text: str, tenant_slug: str | None) -> tuple[Hostname, list[str]]:
    """The hostname, made where it is missing, and a line for each thing done.

    Raises VerbError; Conflict where another tenant has it.
    """
    name = parse_hostname(text)
    hostname = Hostname.objects.select_related("tenant").filter(name=name).first()
    if hostname is not None:
        if tenant_slug not in (None, hostname.tenant.slug):
            raise Conflict(f"{name} belongs to another tenant than {tenant_slug}")
        return hostname, []
    tenant, done = ensure_tenant(unit, tenant_slug or DEFAULT_SLUG)
    hostname = Hostname(tenant=tenant, name=name)
    check_no_loop(hostname)
    unit.save(hostname)
    return hostname, [*done, f"added hostname {name}"]


def save_hostname(actor: Actor, reason: str, hostname: Hostname) -> Hostname:
    """Write a new or changed hostname; the name itself never changes. Raises VerbError."""
    hostname.name = parse_hostname(hostname.name)
    with work(actor, reason) as unit:
        if hostname.pk is None:
            check_no_loop(hostname)
        elif Hostname.objects.get(pk=hostname.pk).name != hostname.name:
            raise VerbError.at("name", "A hostname isn't renamed: add the new one, and remove the old when it is idle.")
        unit.save(hostname)
    return hostname


def remove_hostname(actor: Actor, reason: str, *, hostname_id: int) -> None:
    """Remove a hostname that has no mappings left. Raises NotFound, VerbError."""
    with work(actor, reason) as unit:
        hostname = Hostname.objects.filter(pk=hostname_id).first()
        if hostname is None:
            raise NotFound("this hostname is gone")
        unit.delete(hostname)


def parse_hostname(text: str) -> str:
    """A hostname as it is stored. Raises VerbError."""
    try:
        return normalise_hostname(text)
    except HostInvalid as error:
        raise VerbError.at("hostname", str(error)) from error


def check_no_loop(hostname: Hostname) -> None:
    """Refuse a hostname at which a backing registry lives: mappings onto it would lead round in a circle."""
    for registry in Registry.objects.filter(origin__contains=hostname.name):
        host, _ = parse_authority(registry.origin.partition("://")[2])
        if host == hostname.name:
            raise VerbError.at(
                "hostname",
                f"{hostname.name} is the address of the registry “{registry.name}”: "
                "a facade there would lead to itself",
            )

"""The rules of hostnames and claims: which names there may be, and where a login goes."""

from django.db.models import Q

from routing.core.grammar.hosts import parse_authority, wildcard_above
from routing.models import Hostname, HostnameClaim, Registry
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.rules import Write, fixed, rule
from routing.services.hostnames.claim_rules import claimable_name
from routing.services.hostnames.names import parse_hostname

fixed(Hostname, "tenant", "name")
fixed(HostnameClaim, "tenant", "name", "token")


@rule(Hostname, "name")
def name_is_in_its_one_form(write: Write) -> None:
    """Two spellings of one name are one hostname."""
    if parse_hostname(write.row.name) != write.row.name:
        raise ServiceError.for_field("hostname", f"{write.row.name} is not how this name is written")


@rule(Hostname, "name", "tenant")
def leads_to_no_registry_there(write: Write) -> None:
    """A hostname at which a registry is would lead to itself."""
    check_no_loop(write.row)


@rule(Hostname, "login_registry", "tenant")
def login_goes_to_an_own_or_shared_registry(write: Write) -> None:
    """Credentials are sent there."""
    if write.row.login_registry_id is None:
        return
    registry = get_row(Registry.objects.viewable_by(write.actor), write.row.login_registry_id)
    if registry.tenant_id not in (None, write.row.tenant_id):
        raise ServiceError.for_field("login_registry", "This registry belongs to another tenant.")


@rule(Hostname, "suspended", "suspension_message")
def suspension_is_the_platforms(write: Write) -> None:
    """Nobody else suspends a hostname, says why, or ends that."""
    before = write.before or Hostname()
    changed = [
        name for name in ("suspended", "suspension_message") if getattr(before, name) != getattr(write.row, name)
    ]
    if changed:
        check_permission(write.actor, Permission.ADMINISTER, None)


@rule(HostnameClaim, "name")
def can_be_claimed(write: Write) -> None:
    """Some names nobody gets by a proof."""
    if claimable_name(write.row.name) != write.row.name:
        raise ServiceError.for_field("hostname", f"{write.row.name} is not how this name is written")


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

"""The rules of hostnames and claims: which names there may be, and where a login goes."""

from django.db.models import Q

from routing.core.grammar.hosts import ends_in_number, is_ip_address, is_loopback, parse_authority, wildcard_above
from routing.models import Hostname, HostnameClaim, Registry
from routing.models.front_door import FRONT_COLUMNS
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.rules import Write, fixed, rule
from routing.services.hostnames.claim_rules import claimable_name, refuse_control_host
from routing.services.hostnames.front_door import check_front_door
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.public_registries import public_registry_at
from routing.services.hostnames.self_tests import check_room_for_self_tests

fixed(Hostname, "tenant", "name")
fixed(HostnameClaim, "tenant", "name", "token")


@rule(Hostname, "name")
def name_is_in_its_one_form(write: Write) -> None:
    """Two spellings of one name are one hostname."""
    if parse_hostname(write.row.name) != write.row.name:
        raise ServiceError.for_field("hostname", f"{write.row.name} is not how this name is written")


@rule(Hostname, "name")
def is_a_name(write: Write) -> None:
    """Clients verify a certificate for a name, and nobody owns an address. Loopback ones are for trying things out."""
    name = write.row.name
    if is_ip_address(name) or ends_in_number(name):
        if write.actor.is_operator and is_loopback(name):
            return
        raise ServiceError.for_field(
            "hostname", f"{name} is an IP address: give a name, such as docker.acme.com", Code.HOSTNAME_NOT_ALLOWED
        )


@rule(Hostname, "name")
def is_not_the_platforms(write: Write) -> None:
    """A control host answers people and the API, never registry clients. Loopback names are for trying things out."""
    refuse_control_host(write.row.name)


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


@rule(Hostname, *FRONT_COLUMNS)
def a_front_door_can_be_shown(write: Write) -> None:
    """It stands on a page that strangers open, whoever wrote the row."""
    check_front_door(write.row)


@rule(Hostname, "self_test_schedule", "tenant")
def self_tests_of_a_tenant_are_bounded(write: Write) -> None:
    """Each takes up to a minute, and asks the tenant's registries."""
    check_room_for_self_tests(write.actor, write.row)


@rule(HostnameClaim, "name")
def can_be_claimed(write: Write) -> None:
    """Some names nobody gets by a proof."""
    if claimable_name(write.row.name) != write.row.name:
        raise ServiceError.for_field("hostname", f"{write.row.name} is not how this name is written")
    check_no_loop(write.row)


def check_no_loop(row: Hostname | HostnameClaim) -> None:
    """Refuse a name at which a backing registry lives: mappings onto it would lead round in a circle.

    Public registries count, whether they are known here or not, the shared ones, with all that they are called, and the
    tenant's own: another tenant's must not keep the name from its owner. Raises ServiceError.
    """
    if public := public_registry_at(row.name):
        raise _is_a_registrys(public, public)
    known = Registry.objects.filter(Q(tenant=None) | Q(tenant=row.tenant))
    bare = row.name.removeprefix("*")
    for registry in known.filter(Q(origin__contains=bare) | Q(alias__contains=bare)):
        _refuse_address(row.name, registry.origin.partition("://")[2], registry.name)
        if registry.alias:
            _refuse_address(row.name, registry.alias, registry.name)


def _refuse_address(name: str, authority: str, registry: str) -> None:
    host, _ = parse_authority(authority)
    if name in (host, wildcard_above(host)):
        raise _is_a_registrys(host, registry)


def _is_a_registrys(host: str, registry: str) -> ServiceError:
    return ServiceError.for_field(
        "hostname",
        f"{host} is the address of the registry “{registry}”: a facade there would point to itself",
        Code.HOSTNAME_NOT_ALLOWED,
    )

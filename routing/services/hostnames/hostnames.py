"""The verbs of hostnames."""

from collections.abc import Collection, Sequence
from typing import TypedDict, Unpack

from routing.models import Hostname, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, NotFound
from routing.services.base.labels import with_packed_labels
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.hostnames.certificates import want_certificate
from routing.services.hostnames.front_door import as_kept
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.near import did_you_mean, near_hostnames
from routing.services.people.tenants import DEFAULT_SLUG, ensure_tenant, suspend_rows


class HostnameChanges(TypedDict, total=False):
    """What can be changed of a hostname; its suspension by operators of the platform only."""

    enabled: bool
    login_registry_id: int | None
    suspended: bool
    suspension_message: str
    front_title: str
    front_text: str
    front_link: str
    front_leads_on: bool
    front_colour: str
    front_repositories: str
    self_test_schedule: str
    badge_repositories: bool
    badge_self_test: bool
    labels: str | Sequence[str]


def find_hostname(actor: Actor, text: str, tenant_slug: str | None, *, create: bool) -> Hostname | None:
    """The hostname of that name; None where it is missing and is to be made, which the actor wants and may.

    Raises ServiceError; Conflict where another tenant has it; NotFound where it is missing and isn't to be made.
    """
    name = parse_hostname(text)
    hostname = Hostname.objects.viewable_by(actor).with_names().filter(name=name).first()
    if hostname is not None:
        if tenant_slug not in (None, hostname.tenant.slug):
            said = f"{name} belongs to another tenant than {tenant_slug}"
            raise Conflict(said, {"tenant": [said]}, code=Code.HOSTNAME_TAKEN)
        return hostname
    if create and actor.is_operator:
        return None
    question = did_you_mean(near_hostnames(actor, name))
    if actor.is_operator:
        said = f"there is no hostname {name}, and creating it was not asked for{question}"
        raise NotFound(said, {"hostname": [said]}, code=Code.HOSTNAME_UNKNOWN)
    # The same words whether nobody has the name or somebody else does.
    advice = f"claim and verify it first{question}"
    raise NotFound(
        f"{name} is not a hostname of yours; {advice}",
        {"hostname": [f"This is not a hostname of yours: {advice}{'' if question else '.'}"]},
        code=Code.HOSTNAME_UNKNOWN,
    )


def ensure_hostname(
    unit: UnitOfWork, text: str, tenant_slug: str | None, *, create: bool = True
) -> tuple[Hostname, list[str]]:
    """The hostname, made where it is missing and `create` says so, and a line for each thing done.

    Raises ServiceError; Conflict where another tenant has it; NotFound where it is missing and isn't to be made.
    """
    hostname = find_hostname(unit.actor, text, tenant_slug, create=create)
    if hostname is not None:
        return hostname, []
    name = parse_hostname(text)
    tenant, done = ensure_tenant(unit, tenant_slug or DEFAULT_SLUG)
    hostname = Hostname(tenant=tenant, name=name)
    unit.add(hostname)
    want_certificate(hostname)
    return hostname, [*done, f"added hostname {name}"]


def add_hostname(actor: Actor, reason: str, *, tenant_id: int, name: str, **facts: Unpack[HostnameChanges]) -> Hostname:
    """Add a hostname without a proof. For operators of the platform; a tenant claims one.

    Raises ServiceError, PermissionDenied.
    """
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        tenant = get_row(Tenant.objects.all(), tenant_id)
        hostname = Hostname(tenant=tenant, name=parse_hostname(name), **with_packed_labels(as_kept(facts)))
        unit.add(hostname)
        want_certificate(hostname)
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
        changed = unit.update(hostname, **with_packed_labels(as_kept(changes)))
        if changed:
            if "enabled" in changed:
                want_certificate(hostname)
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

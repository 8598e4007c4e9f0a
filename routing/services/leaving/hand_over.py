"""The verb that hands a hostname, with its mappings, from one tenant to another: by the platform's word.

The routing table changes in one step: the hostname's entry names another tenant, and its mappings stay what they are.
So no request finds the hostname without an answer, or with half of one.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Q

from routing.core.grammar.hosts import is_wildcard, wildcard_above
from routing.models import Hostname, HostnameClaim, Mapping, Note, Registry, SelfTest, Tenant, Watch
from routing.models.mapping import NO_STANDBY
from routing.models.pull_account import NO_ACCOUNT
from routing.models.self_test import SelfTestSchedule
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, ServiceError
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.policy import names_of
from routing.services.base.quotas import HELD, quota_for
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.hostnames.claims import NO_PROOF
from routing.services.hostnames.front_door import EMPTY_FRONT_DOOR
from routing.services.mappings.rules import refuse_in_steps
from routing.services.people.notices import tell_owners

# What the history says where nobody said why.
_REASON = "its hostname was handed over"
_TOLD = ("handed over to another tenant", "handed over from another tenant")
_SHOWN = 10


class HandOver(NamedTuple):
    """What handing a hostname over would do.

    `takes`: registries of the old tenant's own that its mappings or its login lead to; the new tenant gets the same as
    its own, where that is asked for. `beside`: names that have to do with this one and stay whose they are.
    `obstacles`: why it can't be done as it was asked for, each with what to do.
    """

    hostname: Hostname
    tenant: Tenant
    mappings: int
    takes: Sequence[Registry]
    beside: Sequence[Hostname]
    is_proved: bool
    obstacles: Sequence[str]


def get_hand_over(actor: Actor, *, hostname_id: int, tenant_id: int, copy_registries: bool = False) -> HandOver:
    """What handing a hostname over would do. For operators of the platform. Raises NotFound, PermissionDenied."""
    check_permission(actor, Permission.EXPORT, None)
    hostname = get_row(Hostname.objects.select_related("tenant", "login_registry"), hostname_id)
    return _look(hostname, get_row(Tenant.objects.all(), tenant_id), copy_registries)


def hand_over_hostname(
    actor: Actor,
    reason: str,
    *,
    hostname_id: int,
    tenant_id: int,
    copy_registries: bool = False,
    if_match: Collection[int] | None = None,
) -> Outcome[Hostname]:
    """Make a hostname another tenant's, with its mappings, its switches and its suspension.

    It then rests on the platform's word: the record in the DNS was the old tenant's, and proves nothing of the new one.
    The new tenant's claim of it is done with. Registries of the old tenant's own stay there: with `copy_registries` the
    new tenant gets the same ones, and the mappings lead to those. For operators of the platform.

    Raises NotFound, PermissionDenied, Outdated, Conflict, and ServiceError where the new tenant has no room for it, or
    where registries of the old tenant are in its way.
    """
    with unit_of_work(actor, reason.strip() or _REASON) as unit:
        hostname = unit.get(Hostname, hostname_id, Permission.ADMINISTER, if_match)
        tenant = unit.get(Tenant, tenant_id, Permission.ADMINISTER)
        if hostname.tenant_id == tenant.pk:
            return Outcome(hostname, False)
        plan = _look(hostname, tenant, copy_registries)
        if plan.obstacles:
            raise Conflict("; ".join(plan.obstacles))
        old = hostname.tenant
        _hand_over(unit, plan, reason.strip())
        unit.event(
            "hostname.handed_over",
            hostname_id=hostname.pk,
            from_tenant_id=old.pk,
            tenant_id=tenant.pk,
            mappings=plan.mappings,
        )
        _tell(hostname, old, tenant)
    return Outcome(hostname, True, _notes(plan, old))


def _look(hostname: Hostname, tenant: Tenant, copy_registries: bool) -> HandOver:
    mappings = Mapping.objects.filter(hostname=hostname)
    own = Q(pk__in=mappings.order_by().values("registry")) | Q(pk=hostname.login_registry_id)
    takes = list(Registry.objects.filter(own, tenant=hostname.tenant_id).order_by("name"))
    count = mappings.count()
    obstacles = [] if hostname.tenant_id == tenant.pk else _obstacles(hostname, tenant, count, takes, copy_registries)
    return HandOver(hostname, tenant, count, takes, _beside(hostname), bool(hostname.proof_token), obstacles)


def _obstacles(
    hostname: Hostname, tenant: Tenant, mappings: int, takes: Sequence[Registry], copy_registries: bool
) -> list[str]:
    said = []
    if takes and not copy_registries:
        names = ", ".join(registry.origin for registry in takes[:_SHOWN])
        more = f" and {len(takes) - _SHOWN} more" if len(takes) > _SHOWN else ""
        said.append(
            f"{hostname} points to registries that are {hostname.tenant}'s own: {names}{more}. Have {tenant} get the "
            "same ones as well, or repoint its mappings to shared registries first"
        )
    if outside := _outside(hostname, tenant):
        said.append(
            f"the policy of {tenant} does not allow {names_of(outside)}, to which {hostname} points: have its owners "
            "allow that, or repoint its mappings first"
        )
    wanted = {"hostnames": 1, "mappings": mappings}
    if copy_registries:
        wanted["registries"] = sum(_equal(registry, tenant) is None for registry in takes)
    if HostnameClaim.objects.filter(tenant=tenant, name=hostname.name).exists():
        # Which is done with.
        wanted["hostnames"] = 0
    for what, more_of_it in wanted.items():
        held, limit = HELD[what](tenant), getattr(quota_for(tenant), what)
        if more_of_it and held + more_of_it > limit:
            said.append(
                f"{tenant} may have {limit} {what}, has {held}, and would get {more_of_it} more: raise its limit first"
            )
    return said


def _outside(hostname: Hostname, tenant: Tenant) -> list[str]:
    """The registries, by origin, to which the hostname leads people and a tenant's policy doesn't."""
    if not tenant.allowed_registries:
        return []
    leads = Q(pk__in=hostname.mappings.order_by().values("registry")) | Q(pk=hostname.login_registry_id)
    origins = Registry.objects.filter(leads).exclude(origin__in=tenant.allowed_origins).values_list("origin", flat=True)
    return sorted(set(origins))[:_SHOWN]


def _beside(hostname: Hostname) -> list[Hostname]:
    """A wildcard's names of their own, or the wildcard above a name: each is answered as before, whoever has it."""
    if is_wildcard(hostname.name):
        base = hostname.name.removeprefix("*")
        below = Hostname.objects.filter(name__endswith=base).exclude(pk=hostname.pk).select_related("tenant")
        # Names deeper below are none of the wildcard's.
        own = (each for each in below.order_by("name").iterator() if wildcard_above(each.name) == hostname.name)
        return list(islice(own, _SHOWN))
    return list(Hostname.objects.filter(name=wildcard_above(hostname.name)).select_related("tenant"))


def _hand_over(unit: UnitOfWork, plan: HandOver, reason: str) -> None:
    hostname, tenant = plan.hostname, plan.tenant
    for mapping in Mapping.objects.with_names().filter(hostname=hostname).exclude(stepped_by=None)[:1]:
        refuse_in_steps(mapping)
    # What the one has written for people says nothing of the other.
    facts: dict[str, Any] = {**NO_PROOF, **EMPTY_FRONT_DOOR, "self_test_schedule": SelfTestSchedule.OFF, "labels": ""}
    # Nor is what the one has verified of another registry.
    standing_by = Mapping.objects.with_names().filter(hostname=hostname).exclude(standby_registry=None)
    unit.update_all(list(standing_by), **NO_STANDBY)
    # Nor are the words by which the one finds them, and what the one has noted, anybody else's.
    unit.update_all(list(Mapping.objects.with_names().filter(hostname=hostname).exclude(labels="")), labels="")
    unit.delete_all(Note.objects.filter(Q(hostname=hostname) | Q(mapping__hostname=hostname)))
    leads = [(registry, _copied(unit, registry, tenant)) for registry in plan.takes]
    for old, new in leads:
        if hostname.login_registry_id == old.pk:
            facts["login_registry"] = new
    went, came = (f"{way}: {reason}" if reason else way for way in _TOLD)
    unit.hand_over(hostname, tenant, (went, came), **facts)
    for old, new in leads:
        rows = Mapping.objects.with_names().filter(hostname=hostname, registry=old)
        unit.update_all(list(rows), registry=new)
    # A registry of the one who had it is asked for nothing any more.
    unit.update_all(list(Mapping.objects.with_names().filter(hostname=hostname).exclude(former="")), former="")
    unit.delete_all(Watch.objects.filter(mapping__hostname=hostname))
    # Nor does anybody read any more what the one has shared.
    unit.delete_all(SelfTest.objects.filter(hostname=hostname))
    # Nor are accounts of theirs used for another.
    published = Mapping.objects.with_names().filter(hostname=hostname).exclude(account_user="")
    unit.update_all(list(published), **NO_ACCOUNT)
    unit.delete_all(HostnameClaim.objects.filter(tenant=tenant, name=hostname.name))


def _equal(registry: Registry, tenant: Tenant) -> Registry | None:
    return Registry.objects.filter(tenant=tenant, origin=registry.origin).first()


def _copied(unit: UnitOfWork, registry: Registry, tenant: Tenant) -> Registry:
    """The registry that the new tenant has there, or gets."""
    if (known := _equal(registry, tenant)) is not None:
        if known.implicit_namespace != registry.implicit_namespace:
            raise Conflict(
                f"{tenant}'s registry at {registry.origin} has another implicit namespace: make them the same first"
            )
        return known
    said = ("name", "origin", "alias", "implicit_namespace", "stream_blobs")
    found = ("auth", "realm", "service", "probed_at", "probe_error")
    copied = Registry(tenant=tenant, **{name: getattr(registry, name) for name in (*said, *found)})
    try:
        unit.add(copied)
    except ServiceError as error:
        raise Conflict(f"{tenant} can't get the registry {registry.origin}: {error.message}") from error
    return copied


def _notes(plan: HandOver, old: Tenant) -> list[str]:
    hostname, tenant = plan.hostname, plan.tenant
    notes = [f"handed {hostname} over from {old} to {tenant}, with {plan.mappings} mappings"]
    notes += [f"gave {tenant} the registry {registry.origin}" for registry in plan.takes]
    if plan.is_proved:
        notes.append(f"{hostname} no longer needs the DNS record that verified it for {old}: it can be deleted")
    notes += [f"{each} stays with {each.tenant}" for each in plan.beside]
    if hostname.suspended:
        notes.append(f"{hostname} is still suspended")
    return notes


def _tell(hostname: Hostname, old: Tenant, new: Tenant) -> None:
    by = "The operators of the platform have decided so; they can tell you more."
    tell_owners(
        old,
        f"{hostname} is not yours any more",
        f"The hostname {hostname} was taken from {old}, with its mappings, and given to another tenant. {by}\n",
    )
    tell_owners(
        new,
        f"{hostname} is yours now",
        f"The hostname {hostname} was given to {new}, with its mappings: they lead where they led before. {by}\n",
    )

"""The verbs of registries."""

from collections.abc import Collection, Sequence
from typing import Any, TypedDict, Unpack

from django.db.models import Q, QuerySet

from routing.core.grammar.docker_hub import DOCKER_HUB, DOCKER_HUB_ORIGIN
from routing.core.table.routing_table import Auth
from routing.models import Mapping, Note, Registry, RegistryHealth, Tenant, Watch
from routing.models.mapping import NO_STANDBY, NOTHING_FOUND
from routing.models.pull_account import NO_ACCOUNT
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.labels import with_packed_labels
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.quotas import check_quota
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.registries.answers import forget_answers
from routing.services.registries.rules import refuse_in_steps
from routing.services.registries.targets import Target, find_registry, parse_alias, parse_origin


class RegistryOptions(TypedDict, total=False):
    """What a registry need not have."""

    alias: str
    implicit_namespace: str
    stream_blobs: bool
    labels: str | Sequence[str]


class RegistryChanges(RegistryOptions, total=False):
    """What a person says of a registry. `tenant_id` None: it is shared with all."""

    tenant_id: int | None
    name: str
    origin: str


#: What of a registry says which repositories its mappings lead to.
_PLACE = ("origin", "implicit_namespace")
_NAMED = 5
#: Of a mapping that has not failed over, and of one that has.
_ENDED = ("has no standby any more", "stays where it has failed over to, and has no standby any more")
#: What a probe found at a former address says nothing about a new one.
_NOTHING_FOUND: dict[str, Any] = {
    "auth": Auth.UNKNOWN,
    "realm": "",
    "service": "",
    "probed_at": None,
    "probe_error": "",
}


def ensure_registry(unit: UnitOfWork, tenant: Tenant, target: Target) -> tuple[Registry, list[str]]:
    """The registry that a target names, made as the tenant's own where it is missing. Raises ServiceError."""
    registry = find_registry(tenant, target)
    if registry is not None:
        return registry, []
    check_permission(unit.actor, Permission.CHANGE_REGISTRIES, tenant)
    check_quota(unit.actor, tenant, "registries")
    registry = Registry(tenant=tenant, **_completed({"name": target.authority, "origin": target.origin}))
    try:
        unit.add(registry)
    except ServiceError as error:
        # What was typed is the target.
        raise ServiceError.for_field("target", error.message) from error
    return registry, [f"added registry {registry.origin}"]


def add_registry(
    actor: Actor, reason: str, *, tenant_id: int | None, name: str, origin: str, **options: Unpack[RegistryOptions]
) -> Registry:
    """Add a registry; without a tenant it is shared with all. Raises ServiceError, NotFound, PermissionDenied."""
    with unit_of_work(actor, reason) as unit:
        _check_new_owner(actor, tenant_id)
        registry = Registry(tenant_id=tenant_id, **_completed({"name": name, "origin": origin, **options}))
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
    """Change what is given of a registry. With a new address, what was found at the old one and by its mappings goes.

    A changed address, or implicit namespace, takes a reason where mappings or logins lead to the registry, or it is a
    standby. It ends the standbys of these mappings, and of those that have theirs here: they were verified for another
    place. The notes say which.

    Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        registry = unit.get(Registry, registry_id, Permission.CHANGE_REGISTRIES, if_match)
        if changes.get("tenant_id", registry.tenant_id) != registry.tenant_id:
            _check_new_owner(actor, changes["tenant_id"])
        values = _completed({**changes}, registry)
        if values.get("origin", registry.origin) != registry.origin:
            values |= _NOTHING_FOUND | NO_ACCOUNT
        if values.get("tenant_id", registry.tenant_id) != registry.tenant_id:
            # Whose it was gave the account, and to nobody else; and their words are not for another.
            values |= {**NO_ACCOUNT, "labels": values.get("labels", "")}
            unit.delete_all(Note.objects.filter(registry=registry))
        moves = any(values.get(name, getattr(registry, name)) != getattr(registry, name) for name in _PLACE)
        notes = notes_of_a_move(registry) if moves else []
        changed = unit.update(registry, **values)
        if moves:
            _move_its_mappings(unit, registry)
        if "origin" in changed:
            forget_answers(unit, registry)
        if changed:
            said = [name for name in changed if name in changes]
            unit.event("registry.updated", registry_id=registry.pk, tenant_id=registry.tenant_id, changed=said)
    return Outcome(registry, bool(changed), notes, asks_anew="origin" in changed)


def notes_of_a_move(registry: Registry) -> list[str]:
    """What ends where this registry is to be somewhere else, in words."""
    ended = list(_with_standby(registry))
    notes = [
        f"{mapping.source} {_ENDED[mapping.failed_over_at is not None]}: {mapping.standby_target} was verified for "
        f"{mapping.target}"
        for mapping in ended[:_NAMED]
    ]
    more = len(ended) - _NAMED
    return notes if more <= 0 else [*notes, f"nor have {more} more mappings any"]


def _move_its_mappings(unit: UnitOfWork, registry: Registry) -> None:
    """Take from what leads to a registry what was found, or verified, where it was."""
    # A challenge that is kept would send credentials to the old.
    moved: dict[str, Any] = {**NOTHING_FOUND, **NO_ACCOUNT}
    ended = list(_with_standby(registry))
    for mapping in ended:
        ids = {"mapping_id": mapping.pk, "hostname_id": mapping.hostname_id, "registry_id": mapping.registry_id}
        tenant_id = mapping.hostname.tenant_id
        unit.event("mapping.standby_removed", **ids, tenant_id=tenant_id, standby=mapping.standby_target)
    unit.update_all([each for each in ended if each.registry_id != registry.pk], **NO_STANDBY)
    unit.update_all([each for each in ended if each.registry_id == registry.pk], **moved, **NO_STANDBY)
    ended_ids = {each.pk for each in ended}
    others = registry.mappings.select_related("hostname", "registry")
    unit.update_all([each for each in others if each.pk not in ended_ids], **moved)
    unit.delete_all(Watch.objects.filter(kind=Watch.Kind.STANDBY, mapping__in=ended_ids))
    unit.delete_all(RegistryHealth.objects.filter(registry=registry))


def _with_standby(registry: Registry) -> QuerySet[Mapping]:
    """Mappings whose standby, or which, are at that registry; by their keys."""
    rows = Mapping.objects.with_names().exclude(standby_registry=None)
    return rows.filter(Q(registry=registry) | Q(standby_registry=registry)).order_by("pk")


def remove_registry(actor: Actor, reason: str, *, registry_id: int, if_match: Collection[int] | None = None) -> None:
    """Remove a registry to which nothing leads any more, nor will by a change set that is in steps.

    Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        registry = unit.get(Registry, registry_id, Permission.CHANGE_REGISTRIES, if_match)
        refuse_in_steps(registry)
        unit.delete(registry)
        unit.event("registry.removed", registry_id=registry_id, tenant_id=registry.tenant_id)


def get_registry(actor: Actor, registry_id: int) -> Registry:
    """A registry that the actor may see: a shared one, or its tenants' own. Raises NotFound."""
    return get_row(Registry.objects.viewable_by(actor).with_names(), registry_id)


def _check_new_owner(actor: Actor, tenant_id: int | None) -> None:
    tenant = None if tenant_id is None else get_row(Tenant.objects.viewable_by(actor), tenant_id)
    check_permission(actor, Permission.CHANGE_REGISTRIES, tenant)
    if tenant is not None:
        check_quota(actor, tenant, "registries")


def _completed(said: dict[str, Any], registry: Registry | None = None) -> dict[str, Any]:
    """What a person says of a registry, as it is stored; with what belongs to Docker Hub. Raises ServiceError."""
    values = with_packed_labels({**said})
    if "origin" in values:
        values["origin"] = parse_origin(values["origin"], "origin")
    if "alias" in values:
        values["alias"] = parse_alias(values["alias"])
    now = registry or Registry()
    if values.get("origin", now.origin) == DOCKER_HUB_ORIGIN:
        values["alias"] = values.get("alias", now.alias) or DOCKER_HUB
        values["implicit_namespace"] = values.get("implicit_namespace", now.implicit_namespace) or "library"
    return values

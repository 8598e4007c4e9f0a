"""The verbs of standbys: name one, take it away, lead a mapping back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import Q

from routing.database.clock import database_now
from routing.models import Mapping, RegistryHealth, Verification, Watch
from routing.models.mapping import NO_STANDBY, Destination
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, ServiceError
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission
from routing.services.base.rules import require_reason
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.mappings.former import values_of_a_move
from routing.services.registries.probe_jobs import probe_registry_soon, probe_soon
from routing.services.registries.registries import ensure_registry
from routing.services.registries.targets import parse_target

#: A standby is named within so many hours of a clean report.
REPORT_HOURS = 24


def name_standby(
    actor: Actor,
    reason: str,
    *,
    mapping_id: int,
    target: str,
    return_seconds: int = 0,
    if_match: Collection[int] | None = None,
) -> Outcome[Mapping]:
    """Have a mapping led to `target` once its registry no longer answers.

    `return_seconds`: it is led back once its registry has answered for so long; 0: by `fail_back` alone. A clean
    report on exactly this switch is there, not older than a day. Raises NotFound, PermissionDenied, Outdated,
    ServiceError where there is none, or where the mapping takes credentials or has failed over.
    """
    wanted = parse_target(target)
    with unit_of_work(actor, reason) as unit:
        mapping = unit.get(Mapping, mapping_id, Permission.CHANGE_MAPPINGS, if_match)
        registry, notes = ensure_registry(unit, mapping.hostname.tenant, wanted)
        changed = set_standby(unit, mapping, Destination(registry, wanted.upstream_prefix), return_seconds)
        if changed:
            notes.append(f"named {mapping.standby_target} as the standby of {mapping.source}")
    return Outcome(mapping, changed, notes)


def set_standby(unit: UnitOfWork, mapping: Mapping, standby: Destination, return_seconds: int) -> bool:
    """Have it led to that, as `name_standby`; gives whether that is new. Raises ServiceError."""
    refuse_failed_over(mapping)
    is_named = mapping.named_standby == standby
    place = {"standby_registry": standby.registry, "standby_prefix": standby.upstream_prefix}
    changed = unit.update(mapping, **place, standby_return_seconds=return_seconds)
    if not is_named:
        _check_verified(mapping)
    if changed:
        unit.event("mapping.standby_named", **ids_of(mapping), standby=mapping.standby_target)
        probe_registry_soon(standby.registry)
    return bool(changed)


def refuse_failed_over(mapping: Mapping) -> None:
    """Have nobody set the standby of what has failed over. Raises ServiceError."""
    if mapping.failed_over_at is not None:
        raise ServiceError(f"{mapping.source} has failed over to {mapping.target}: lead it back, or repoint it, first")


def remove_standby(
    actor: Actor, reason: str, *, mapping_id: int, if_match: Collection[int] | None = None
) -> Outcome[Mapping]:
    """Have a mapping stay where it leads, whatever its registry does. Raises NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        mapping = unit.get(Mapping, mapping_id, Permission.CHANGE_MAPPINGS, if_match)
        was = mapping.standby_target
        changed = unit.update(mapping, **NO_STANDBY)
        unit.delete_all(Watch.objects.filter(mapping=mapping, kind=Watch.Kind.STANDBY))
        notes = [f"{mapping.source} stays at {mapping.target}: {was} is its standby no longer"] if changed else []
        if changed:
            unit.event("mapping.standby_removed", **ids_of(mapping), standby=was)
    return Outcome(mapping, bool(changed), notes)


def fail_back(
    actor: Actor, reason: str, *, mapping_id: int, if_match: Collection[int] | None = None
) -> Outcome[Mapping]:
    """Lead a mapping that has failed over back to where it led; its standby stays its standby.

    Raises NotFound, PermissionDenied, Outdated, ServiceError; Conflict where it has not failed over, or the registry
    does not answer yet.
    """
    require_reason(reason)
    with unit_of_work(actor, reason) as unit:
        mapping = unit.get(Mapping, mapping_id, Permission.CHANGE_MAPPINGS, if_match)
        if mapping.failed_over_at is None:
            raise Conflict(f"{mapping.source} has not failed over: it points to {mapping.target}")
        health = RegistryHealth.objects.filter(registry=mapping.standby_registry_id).first()
        if health is not None and health.failures:
            raise Conflict(
                f"{mapping.standby_registry} does not answer yet ({health.trouble}); to lead {mapping.source} there "
                "all the same, repoint it"
            )
        return Outcome(mapping, True, [lead_back(unit, mapping)])


def fail_over(unit: UnitOfWork, mapping: Mapping) -> None:
    """Lead a mapping to its standby. It is its caller's to judge whether the time has come.

    A policy that wants a clean report had it when the standby was named. What is known to differ by now is told, and
    keeps nobody: what is gone serves nothing at all.
    """
    was, unit.waives_report = mapping.target, True
    # Nothing more is asked for at what does not answer.
    unit.update(mapping, **(_swapped(mapping) | {"former": "", "failed_over_at": database_now()}))
    lag = Watch.objects.filter(mapping=mapping, kind=Watch.Kind.STANDBY, state=Watch.State.DRIFT).first()
    drift = lag.counts if lag is not None else {}
    unit.event("mapping.failed_over", **ids_of(mapping), target=mapping.target, former_target=was, drift=drift)
    probe_soon(mapping)


def lead_back(unit: UnitOfWork, mapping: Mapping) -> str:
    """Lead a mapping that has failed over to where it led; gives what was done, in words."""
    was, unit.waives_report = mapping.target, True
    unit.update(mapping, **_swapped(mapping), failed_over_at=None)
    unit.event("mapping.failed_back", **ids_of(mapping), target=mapping.target, former_target=was)
    probe_soon(mapping)
    return f"led {mapping.source} back from {was} to {mapping.target}"


def ids_of(mapping: Mapping) -> dict[str, int]:
    """What an event tells of a mapping."""
    return {
        "mapping_id": mapping.pk,
        "hostname_id": mapping.hostname_id,
        "registry_id": mapping.registry_id,
        "tenant_id": mapping.hostname.tenant_id,
    }


def _swapped(mapping: Mapping) -> dict[str, Any]:
    values = {name: value for name, value in values_of_a_move(mapping).items() if name not in NO_STANDBY}
    return {
        **values,
        "registry": mapping.standby_registry,
        "upstream_prefix": mapping.standby_prefix,
        "standby_registry": mapping.registry,
        "standby_prefix": mapping.upstream_prefix,
    }


def _check_verified(mapping: Mapping) -> None:
    """Raises ServiceError where no report says that the standby has what the target has."""
    since = database_now() - timedelta(hours=REPORT_HOURS)
    clean = Verification.objects.filter(
        Q(tenant=mapping.hostname.tenant_id) | Q(tenant=None),
        state=Verification.State.DONE,
        difference_count=0,
        compared__gt=0,
        finished_at__gte=since,
    )
    if not any(_is_of(facts, mapping) for row in clean for facts in row.switches):
        prefix = mapping.prefix or '""'
        raise ServiceError.for_field(
            "target",
            f"no clean report of the last {REPORT_HOURS} hours says that {mapping.standby_target} has what "
            f"{mapping.target} has. Make one first (facade verify {mapping.hostname.name} {prefix} --to "
            f"{mapping.standby_target}), and copy what it finds missing",
        )


def _is_of(facts: dict[str, Any], mapping: Mapping) -> bool:
    """Whether a report's switch is the one from where the mapping leads to its standby."""
    standby = mapping.standby_registry
    wanted = (mapping.registry.origin, mapping.upstream_prefix), (standby and standby.origin, mapping.standby_prefix)
    places = tuple((facts[side]["registry"]["origin"], facts[side]["prefix"]) for side in ("old", "new"))
    return facts["mapping_id"] == mapping.pk and places == wanted

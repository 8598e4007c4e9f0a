"""The verbs by which a change set comes to be, and is dropped: draft, redraft, discard."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.utils import timezone

from routing.core.grammar.printable import printable
from routing.models import ChangeSet, Mapping, Tenant
from routing.models.change_set import OPEN, UNDER_WAY
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import MAX_REASON_LENGTH, UnitOfWork, unit_of_work
from routing.services.changes.basis import Stale, basis_of, checksum_of, differences, registries_of
from routing.services.changes.guards import wants_approval
from routing.services.changes.judging import rows_for
from routing.services.changes.rules import refuse_closed
from routing.services.changes.wishes import Place, Wish
from routing.services.registries.targets import Target
from routing.services.verifications.repointing import SKIPPED

#: So many sets of one tenant wait to be decided on, and so many that were are kept.
MAX_OPEN_SETS, MAX_CLOSED_SETS = 100, 1_000


def draft(actor: Actor, message: str, *, wishes: Sequence[Wish]) -> ChangeSet:
    """Write down what shall become of mappings. Nothing is changed by that, but registries that are missing are made.

    What is so already is left out. Raises ServiceError, with all mappings that can't be what is wanted; NotFound,
    PermissionDenied.
    """
    with unit_of_work(actor, message) as unit:
        change_set = new_set(unit, message, rows_for(unit, message, wishes))
        unit.event("change_set.drafted", **told_of(change_set), approval=wants_approval(change_set))
    return change_set


def redraft(
    actor: Actor,
    *,
    change_set_id: int,
    message: str | None = None,
    wishes: Sequence[Wish] | None = None,
    if_match: Collection[int] | None = None,
) -> ChangeSet:
    """Draft a set once more, on what is there now; with another message, or other wishes. Its approval ends.

    Raises ServiceError, Conflict for one that was decided on, NotFound, PermissionDenied, Outdated.
    """
    said = get_change_set(actor, change_set_id).message if message is None else message
    with unit_of_work(actor, said) as unit:
        change_set = open_set(unit, change_set_id, if_match)
        rows = rows_for(unit, said, wishes_of(change_set) if wishes is None else wishes)
        was = change_set.state
        values = _reviewed(said, rows) | _drafted_by(actor) | UNDECIDED
        unit.update(change_set, state=ChangeSet.State.DRAFT, tenant=_tenant_of(unit, rows), **values)
        unit.event("change_set.redrafted", **told_of(change_set), was=was, approval=wants_approval(change_set))
    return change_set


def discard(
    actor: Actor, reason: str = "", *, change_set_id: int, if_match: Collection[int] | None = None
) -> ChangeSet:
    """Drop a set that was not applied. Raises Conflict, NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        change_set = open_set(unit, change_set_id, if_match)
        was = change_set.state
        unit.update(change_set, state=ChangeSet.State.DISCARDED)
        unit.event("change_set.discarded", **told_of(change_set), was=was)
    return change_set


def get_change_set(actor: Actor, change_set_id: int) -> ChangeSet:
    """A change set that the actor may see. Raises NotFound."""
    return get_row(ChangeSet.objects.viewable_by(actor).with_names(), change_set_id)


def get_differences(actor: Actor, change_set_id: int) -> list[str]:
    """What differs from what was reviewed by now, so that an open set can't be applied. Raises NotFound."""
    change_set = get_change_set(actor, change_set_id)
    return differences(change_set, present_mappings(actor, change_set)) if change_set.is_open else []


def present_mappings(actor: Actor, change_set: ChangeSet) -> list[Mapping]:
    """Those of its mappings that are there, and the actor's to see."""
    return list(Mapping.objects.viewable_by(actor).with_names().filter(pk__in=change_set.mapping_ids))


def open_set(unit: UnitOfWork, change_set_id: int, if_match: Collection[int] | None = None) -> ChangeSet:
    """A set that is not decided on yet, locked. Raises Conflict, NotFound, PermissionDenied, Outdated."""
    change_set = unit.get(ChangeSet, change_set_id, Permission.CHANGE_MAPPINGS, if_match)
    if not change_set.is_open:
        refuse_closed(change_set)
    return change_set


def check_as_reviewed(unit: UnitOfWork, change_set: ChangeSet, checksum: str) -> list[Mapping]:
    """Its mappings, where all is as it was when somebody saw that checksum. Raises Stale, NotFound."""
    if checksum != change_set.checksum:
        raise Stale(["the change set itself was changed"])
    if changed := differences(change_set, present_mappings(unit.actor, change_set)):
        raise Stale(changed)
    return unit.get_all(Mapping, change_set.mapping_ids, Permission.CHANGE_MAPPINGS)


# -------------------------------------------------------------------- how
#: A draft is approved by nobody, and planned for no time.
UNDECIDED: dict[str, Any] = {
    "approver_id": None,
    "approved_by": "",
    "approved_at": None,
    "scheduler_id": None,
    "scheduled_by": "",
    "apply_at": None,
    "words": {},
    "steps": None,
    "pause_seconds": 0,
    "refusal": "",
    "returned_at": None,
    "skip_verification": "",
    "reviewed_report": None,
    "recheck_report": None,
}


def new_set(unit: UnitOfWork, message: str, rows: list[dict[str, Any]], undoes: int | None = None) -> ChangeSet:
    """A draft of these rows. Raises ServiceError."""
    tenant = _tenant_of(unit, rows)
    _check_bounds(unit, tenant)
    change_set = ChangeSet(tenant=tenant, undoes=undoes, **_reviewed(message, rows), **_drafted_by(unit.actor))
    unit.add(change_set)
    return change_set


def wishes_of(change_set: ChangeSet) -> list[Wish]:
    """What a set wants of its mappings, by what it changes. Raises ServiceError for a registry that is gone."""
    registries = change_set.basis["registries"]
    wishes = []
    for row in change_set.rows:
        before, after = row["before"], row["after"]
        place = Place(row["hostname"], row["prefix"]) if before is None else None
        changed = after if before is None else {key: value for key, value in after.items() if before[key] != value}
        target = None
        if {"registry", "upstream_prefix"} & changed.keys():
            facts = registries[str(after["registry"])]
            target = Target(facts["address"], facts["name"], after["upstream_prefix"])
        options = {name: value for name, value in changed.items() if name not in ("registry", "upstream_prefix")}
        wishes.append(Wish(row["mapping"], target, options, place))
    return wishes


def reason_of_set(change_set: ChangeSet) -> str:
    """What the history of each mapping gives as the reason: the message, after why the set was not verified."""
    if not change_set.skip_verification:
        return change_set.message
    return f"{SKIPPED}{change_set.skip_verification}; {change_set.message}"[:MAX_REASON_LENGTH]


def facts_of(change_set: ChangeSet) -> dict[str, Any]:
    """What an event tells."""
    return {"change_set_id": change_set.pk, "tenant_id": change_set.tenant_id, "mappings": change_set.size}


def told_of(change_set: ChangeSet, **texts: str) -> dict[str, Any]:
    """What an event tells, with what people wrote and `texts`: not to those of several tenants, for it names rows of
    each.
    """
    words = {"reason": change_set.message, "drafted_by": change_set.drafted_by, **texts}
    return facts_of(change_set) | (words if change_set.tenant_id is not None else {})


def _reviewed(message: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the checksum is over, and the checksum."""
    message = printable(message).strip()
    basis = basis_of({row["hostname"] for row in rows}, registries_of(rows))
    checksum = checksum_of(message, rows, basis)
    return {"message": message, "rows": rows, "size": len(rows), "basis": basis, "checksum": checksum}


def _drafted_by(actor: Actor) -> dict[str, Any]:
    return {"drafter_id": actor.user and actor.user.pk, "drafted_by": actor.label, "drafted_at": timezone.now()}


def _tenant_of(unit: UnitOfWork, rows: Iterable[dict[str, Any]]) -> Tenant | None:
    """Whose set it is: nobody's but the platform's where its mappings are of several. Raises PermissionDenied."""
    found = list(Tenant.objects.filter(hostnames__in={row["hostname"] for row in rows}).distinct()[:2])
    if len(found) == 1:
        return found[0]
    check_permission(unit.actor, Permission.ADMINISTER, None)
    return None


def _check_bounds(unit: UnitOfWork, tenant: Tenant | None) -> None:
    own = ChangeSet.objects.filter(tenant=tenant)
    if own.filter(state__in=OPEN).count() >= MAX_OPEN_SETS:
        raise ServiceError(
            f"{MAX_OPEN_SETS} change sets wait to be applied: apply or discard some", code=Code.QUOTA_EXCEEDED
        )
    closed = own.exclude(state__in=UNDER_WAY).order_by("-pk").values_list("pk", flat=True)
    if oldest := list(closed[MAX_CLOSED_SETS - 1 : MAX_CLOSED_SETS]):
        unit.delete_all(own.exclude(state__in=UNDER_WAY).filter(pk__lte=oldest[0]))

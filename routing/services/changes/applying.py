"""The verbs that put a change set in force, and take it back: apply, undo, roll back. Each in one transaction.

So workers have all of it or nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from django.utils import timezone

from routing.models import ChangeSet, Hostname, Mapping, Registry
from routing.models.versioned import viewable
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.permissions import Permission, has_permission
from routing.services.base.rules import require_reason
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.changes.approval import check_approval, refuse_unapproved
from routing.services.changes.basis import (
    LOSSES,
    Stale,
    basis_of,
    columns_of,
    lost_by_a_move,
    settings_of,
    taken_places,
)
from routing.services.changes.drafts import (
    check_as_reviewed,
    facts_of,
    get_change_set,
    new_set,
    open_set,
    present_mappings,
    reason_of_set,
    told_of,
)
from routing.services.changes.guards import NO_WORDS, Words, check_words, guards_of
from routing.services.changes.judging import check_room, rows_for
from routing.services.changes.way_back import is_way_back
from routing.services.changes.wishes import Wish
from routing.services.mappings.former import values_of_a_move
from routing.services.mappings.rules import refuse_in_steps
from routing.services.registries.probe_jobs import probe_registry_soon, probe_soon
from routing.services.registries.targets import Target

# Of more mappings the registries alone are asked at once.
_PROBED = 50
_LEADS = frozenset({"registry_id", "upstream_prefix"})


def apply(
    actor: Actor,
    *,
    change_set_id: int,
    checksum: str,
    words: Words = NO_WORDS,
    if_match: Collection[int] | None = None,
) -> ChangeSet:
    """Put in force what was reviewed, all of it or nothing. The checksum says what that was.

    Raises Stale with what differs by now, Conflict for a set that was decided on, ServiceError where it has to be
    confirmed or approved, NotFound, PermissionDenied, Outdated.
    """
    reason = reason_of_set(get_change_set(actor, change_set_id))
    with unit_of_work(actor, reason) as unit:
        change_set = open_set(unit, change_set_id, if_match)
        mappings = check_as_reviewed(unit, change_set, checksum)
        _apply(unit, change_set, mappings, words)
        unit.event("change_set.applied", **told_of(change_set), mapping_ids=change_set.mapping_ids)
    return change_set


def undo(
    actor: Actor,
    message: str,
    *,
    change_set_id: int,
    words: Words = NO_WORDS,
    if_match: Collection[int] | None = None,
) -> ChangeSet:
    """Take an applied set back, by a set of its own, which is given back.

    Where something was changed since, nothing is done. To undo what led back puts in force anew what that took back,
    so a policy holds it to approval and clean reports. Raises Stale with what, Conflict, ServiceError, NotFound,
    PermissionDenied, Outdated.
    """
    require_reason(message)
    with unit_of_work(actor, message) as unit:
        former = unit.get(ChangeSet, change_set_id, Permission.CHANGE_MAPPINGS, if_match)
        if former.state != ChangeSet.State.APPLIED:
            raise Conflict(f"this change set is {former.state}: there is nothing to undo", code=Code.CHANGE_SET_CLOSED)
        there = {mapping.pk: mapping for mapping in present_mappings(unit.actor, former)}
        if changed := _changed_since(former, there):
            raise Stale(changed)
        unit.waives_report = not former.leads_back
        rows = [_with_losses(_taken_back(row, unit.waives_report), there) for row in former.rows]
        change_set = new_set(unit, message, rows, undoes=former.pk)
        refuse_unapproved(change_set, "the undo of what led back")
        mappings = unit.get_all(Mapping, change_set.mapping_ids, Permission.CHANGE_MAPPINGS)
        _apply(unit, change_set, mappings, words)
        unit.update(former, state=ChangeSet.State.UNDONE)
        facts = {"undone_by": change_set.pk, "mapping_ids": change_set.mapping_ids}
        unit.event("change_set.undone", **facts_of(former), **facts)
    return change_set


def roll_back(
    actor: Actor,
    message: str,
    *,
    mapping_id: int,
    to: int,
    words: Words = NO_WORDS,
    if_match: Collection[int] | None = None,
) -> ChangeSet:
    """Make of a mapping what it was at an entry of its history, by its number; gives the set that did it.

    Where a policy wants clean reports, the way back from the last switch takes none, and any other entry does.
    Raises ServiceError, NotFound, PermissionDenied, Outdated.
    """
    require_reason(message)
    with unit_of_work(actor, message) as unit:
        mapping = unit.get(Mapping, mapping_id, Permission.CHANGE_MAPPINGS, if_match)
        past = viewable(Mapping.history.filter(id=mapping.pk), actor).filter(history_id=to).first()
        if past is None:
            raise NotFound(f"the history of {mapping.source} has no entry {to}")
        rows = rows_for(unit, message, [_wish_of(past)])
        unit.waives_report = is_way_back(mapping, past.registry_id, past.upstream_prefix)
        change_set = new_set(unit, message, [{**row, "leads_back": unit.waives_report} for row in rows])
        refuse_unapproved(change_set, "a roll back")
        _apply(unit, change_set, [mapping], words)
        unit.event("mapping.rolled_back", mapping_id=mapping.pk, change_set_id=change_set.pk)
    return change_set


def _wish_of(past: Any) -> Wish:
    registry = Registry.objects.filter(pk=past.registry_id).first()
    if registry is None:
        raise ServiceError("the registry that it pointed to then is gone: add it, and repoint the mapping")
    settings = settings_of(past)
    options = {name: value for name, value in settings.items() if name not in ("registry", "upstream_prefix")}
    return Wish(past.id, Target(registry.origin, registry.authority, past.upstream_prefix), options)


def _taken_back(row: dict[str, Any], leads_back: bool) -> dict[str, Any]:
    """The row the other way round. What was removed comes back as a new mapping."""
    mapping = None if row["after"] is None else row["mapping"]
    back = {**row, "mapping": mapping, "before": row["after"], "after": row["before"], "leads_back": leads_back}
    # What a move took does not come back: a standby takes a report, and an account its password.
    for name in LOSSES:
        back.pop(name, None)
    return back


def _with_losses(row: dict[str, Any], there: dict[int, Mapping]) -> dict[str, Any]:
    """With what its mapping has got since, and loses by going back."""
    if row["before"] is None or row["after"] is None:
        return row
    return {**row, **lost_by_a_move(there[row["mapping"]], row["after"])}


def _changed_since(former: ChangeSet, now: dict[int, Mapping]) -> list[str]:
    """What keeps a set from being taken back, in a sentence each. `now`: those of its mappings that are there."""
    taken = taken_places(row for row in former.rows if row["after"] is None)
    found = []
    for row in former.rows:
        mapping = now.get(row["mapping"])
        if row["after"] is None:
            if (row["hostname"], row["prefix"]) in taken:
                found.append(f"the mapping {row['source']} is there again")
        elif mapping is None:
            found.append(f"the mapping {row['source']} is gone")
        elif settings_of(mapping, row["after"]) != row["after"]:
            found.append(f"the mapping {row['source']} was changed since")
        elif row["before"] is None and mapping.is_published:
            found.append(f"the mapping {row['source']} was published since")
    back_to = {str(row["before"]["registry"]) for row in former.rows if row["before"] is not None}
    registries = basis_of((), [int(pk) for pk in back_to])["registries"]
    for pk in sorted(back_to, key=int):
        then = former.basis["registries"][pk]
        if pk not in registries:
            found.append(f"the registry {then['name']} is gone")
        elif registries[pk] != then:
            found.append(f"the registry {then['name']} was changed since")
    return found


def _apply(unit: UnitOfWork, change_set: ChangeSet, mappings: Sequence[Mapping], words: Words) -> None:
    check_said(change_set, mappings, words)
    if may_vouch(unit.actor):
        unit.confirm()
    put_in_force(unit, change_set, mappings)


def check_said(change_set: ChangeSet, mappings: Sequence[Mapping], words: Words) -> None:
    """Refuse a set that takes a word, or an approval, that was not given. Raises ServiceError."""
    guards = guards_of(change_set, mappings)
    check_approval(change_set, guards)
    check_words(change_set, guards, words)


def may_vouch(actor: Actor) -> bool:
    """Whether who applies a set vouches for it by that, for it was reviewed. A tenant's people can't, since that is for
    all that was changed before, too.
    """
    return has_permission(actor, Permission.ADMINISTER, None)


def put_in_force(unit: UnitOfWork, change_set: ChangeSet, mappings: Sequence[Mapping], **also: Any) -> None:
    """Make of the mappings what the set says, and `also` these values of each that it changes. All was judged."""
    unit.change_set = change_set.pk
    for values, those in _by_values(change_set, mappings):
        unit.update_all(those, **values, **also)
    _remove(unit, change_set)
    unit.update(
        change_set,
        rows=_added(unit, change_set),
        state=ChangeSet.State.APPLIED,
        applied_by=unit.actor.label,
        applied_at=timezone.now(),
        generation=unit.generation,
    )
    _probe_soon([row["mapping"] for row in change_set.rows if _leads_anew(row)])


def _leads_anew(row: dict[str, Any]) -> bool:
    before, after = row["before"], row["after"]
    return after is not None and (before is None or before["registry"] != after["registry"])


def _added(unit: UnitOfWork, change_set: ChangeSet) -> list[dict[str, Any]]:
    """Add what is to be added; gives all rows, with the keys that these have now."""
    check_room(unit.actor, change_set.rows)
    hostnames = unit.get_all(
        Hostname, {row["hostname"] for row in change_set.rows if row["before"] is None}, Permission.CHANGE_MAPPINGS
    )
    by_id = {hostname.pk: hostname for hostname in hostnames}
    rows = []
    for row in change_set.rows:
        if row["before"] is None:
            mapping = Mapping(hostname=by_id[row["hostname"]], prefix=row["prefix"], **columns_of(row["after"]))
            unit.add(mapping)
            row = {**row, "mapping": mapping.pk}
        rows.append(row)
    return rows


def _remove(unit: UnitOfWork, change_set: ChangeSet) -> None:
    gone = [row["mapping"] for row in change_set.rows if row["after"] is None]
    rows = Mapping.objects.select_related("hostname").filter(pk__in=gone)
    for mapping in rows.exclude(stepped_by=None)[:1]:
        refuse_in_steps(mapping)
    unit.delete_all(rows)


def _by_values(change_set: ChangeSet, mappings: Sequence[Mapping]) -> list[tuple[dict[str, Any], list[Mapping]]]:
    """Mappings of which the same becomes, together: each such group takes a few statements."""
    by_id = {mapping.pk: mapping for mapping in mappings}
    groups: defaultdict[tuple[tuple[str, Any], ...], list[Mapping]] = defaultdict(list)
    for row in change_set.rows:
        before, after = row["before"], row["after"]
        if before is None or after is None:
            continue
        mapping = by_id[row["mapping"]]
        changed = columns_of({name: value for name, value in after.items() if before[name] != value})
        if _LEADS & changed.keys():
            changed |= values_of_a_move(mapping)
        groups[tuple(changed.items())].append(mapping)
    return [(dict(values), those) for values, those in groups.items()]


def _probe_soon(mapping_ids: list[int]) -> None:
    """Have what leads elsewhere now probed."""
    moved = Mapping.objects.with_names().filter(pk__in=mapping_ids)
    if len(mapping_ids) <= _PROBED:
        for mapping in moved:
            probe_soon(mapping)
    for registry in Registry.objects.with_names().filter(pk__in=moved.values("registry")):
        probe_registry_soon(registry)

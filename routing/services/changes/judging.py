"""Judges what is wanted of mappings, one by one: what becomes of each, and why what can't be had can't."""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple

from routing.models import ChangeSet, Hostname, Mapping, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Gathered, ServiceError
from routing.services.base.permissions import Permission
from routing.services.base.quotas import check_quota
from routing.services.base.rules import Write, check_rules, require_reason
from routing.services.base.unit_of_work import UnitOfWork
from routing.services.changes.basis import DEFAULTS, Settings, columns_of, lost_by_a_move, settings_of
from routing.services.changes.wishes import MAX_SET_ROWS, Wish
from routing.services.registries.registries import ensure_registry

_ERRORS_TOLD = 20

Row = dict[str, Any]


class Refused(NamedTuple):
    """A wish that can't be had: its number among all, from 0, its mapping, and why."""

    number: int
    source: str
    why: str
    code: Code = Code.INVALID


class Judged(NamedTuple):
    """What changes, by hostname and prefix; and what can't be. What is so already is in neither."""

    rows: list[Row]
    refused: list[Refused]


def rows_for(unit: UnitOfWork, message: str, wishes: Sequence[Wish]) -> list[Row]:
    """What each mapping has, and shall have. Raises ServiceError, NotFound, PermissionDenied."""
    require_reason(message)
    rows, refused = judge(unit, message, wishes)
    if refused:
        wrong = [f"{each.source}: {each.why}" for each in refused]
        codes = {each.code for each in refused}
        code = codes.pop() if len(codes) == 1 else None
        raise ServiceError("; ".join(wrong[:_ERRORS_TOLD]), {"": wrong}, code=code)
    if not rows:
        raise ServiceError("there is nothing to change: all these mappings have these values already")
    check_room(unit.actor, rows)
    return rows


def judge(unit: UnitOfWork, message: str, wishes: Sequence[Wish]) -> Judged:
    """What becomes of each mapping. Registries that are missing are made.

    Raises ServiceError for what can't be one set at all, NotFound, PermissionDenied.
    """
    if len(wishes) > MAX_SET_ROWS:
        raise ServiceError(f"a change set has at most {MAX_SET_ROWS} mappings")
    mappings = _mappings(unit, wishes)
    registries: dict[tuple[int, str], int] = {}
    judged = Judged([], [])
    for index in sorted(range(len(wishes)), key=lambda each: (mappings[each].hostname.name, mappings[each].prefix)):
        mapping = mappings[index]
        try:
            after = _after(unit, mapping, wishes[index], registries)
            _check(unit.actor, message, mapping, after)
        except ServiceError as refusal:
            judged.refused.append(Refused(index, mapping.source, refusal.message, refusal.code))
            continue
        before = None if mapping.pk is None else settings_of(mapping, wishes[index].options)
        if after != before:
            place = {"mapping": mapping.pk, "hostname": mapping.hostname_id, "prefix": mapping.prefix}
            row = {**place, "source": mapping.source, "before": before, "after": after}
            judged.rows.append({**row, **lost_by_a_move(mapping, after)})
    return judged


def check_still_allowed(
    unit: UnitOfWork, change_set: ChangeSet, mappings: Sequence[Mapping], *, waives_report: bool = True
) -> None:
    """Ask the rules once more of what was drafted, such as a policy that is another by now. Raises ServiceError."""
    by_id = {mapping.pk: mapping for mapping in mappings}
    gathered = Gathered()
    for row in change_set.rows:
        if row["mapping"] is not None and row["after"] is not None:
            with gathered:
                _check(unit.actor, change_set.message, by_id[row["mapping"]], row["after"], waives_report)
    gathered.raise_any()


def check_room(actor: Actor, rows: Sequence[Row]) -> None:
    """Refuse more new mappings than their tenants may have. Raises ServiceError."""
    added = Counter(row["hostname"] for row in rows if row["before"] is None)
    more: Counter[Tenant] = Counter()
    for hostname in Hostname.objects.select_related("tenant").filter(pk__in=added):
        more[hostname.tenant] += added[hostname.pk]
    for tenant, count in more.items():
        check_quota(actor, tenant, "mappings", count)


def _mappings(unit: UnitOfWork, wishes: Sequence[Wish]) -> list[Mapping]:
    """The mapping of each wish, locked; one that is to be added, and isn't there yet, without a key."""
    places = {wish.place for wish in wishes if wish.place is not None}
    hostnames = {place.hostname_id for place in places}
    there = Mapping.objects.filter(hostname__in=hostnames, prefix__in={place.prefix for place in places})
    at = {(hostname, prefix): pk for pk, hostname, prefix in there.values_list("pk", "hostname_id", "prefix")}
    pks = [wish.mapping_id if wish.place is None else at.get(wish.place) for wish in wishes]
    known = [pk for pk in pks if pk is not None]
    if len(set(known)) + len(places - at.keys()) < len(wishes):
        raise ServiceError("a mapping can be in a change set but once")
    rows = {row.pk: row for row in unit.get_all(Mapping, known, Permission.CHANGE_MAPPINGS)}
    hosts = {row.pk: row for row in unit.get_all(Hostname, hostnames, Permission.CHANGE_MAPPINGS)}
    found = []
    for pk, wish in zip(pks, wishes, strict=True):
        if pk is None:
            assert wish.place is not None, "who names no place names a mapping"
            found.append(Mapping(hostname=hosts[wish.place.hostname_id], prefix=wish.place.prefix, **DEFAULTS))
        else:
            found.append(rows[pk])
    return found


def _after(unit: UnitOfWork, mapping: Mapping, wish: Wish, registries: dict[tuple[int, str], int]) -> Settings:
    after = {**settings_of(mapping), **wish.options}
    if wish.target is not None:
        known = (mapping.hostname.tenant_id, f"{wish.target.origin} {wish.target.authority}")
        if known not in registries:
            registries[known] = ensure_registry(unit, mapping.hostname.tenant, wish.target)[0].pk
        after |= {"registry": registries[known], "upstream_prefix": wish.target.upstream_prefix}
    elif mapping.pk is None:
        raise ServiceError.for_field("target", "there is no such mapping: to add it, give a target")
    return after


def _check(actor: Actor, message: str, mapping: Mapping, after: Settings, waives_report: bool = True) -> None:
    """Have the rules asked, so that what can't be applied is no draft either.

    A report that a policy wants is made of the draft, so that it is asked for when the draft is applied.
    """
    wanted = copy(mapping)
    values = columns_of(after)
    changed = [column for column, value in values.items() if getattr(mapping, column) != value]
    for column in changed:
        setattr(wanted, column, values[column])
    if mapping.pk is None:
        check_rules(Write(actor, message, wanted, waives_report=waives_report))
    elif changed:
        check_rules(Write(actor, message, wanted, mapping, waives_report=waives_report), changed)

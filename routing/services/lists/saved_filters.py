"""The verbs of saved filters: by a name, what a list is to be asked for. One's own, or shared in a tenant."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from routing.core.grammar.numbers import parse_number
from routing.models import SavedFilter, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission, has_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import check_version, unit_of_work
from routing.services.lists.person import person_of
from routing.services.lists.terms import SORT, in_order, narrowed, read_terms

MAX_FILTERS_A_PERSON = 50
MAX_FILTERS_A_TENANT = 100
MAX_TERMS = 20


def seen_filters(actor: Actor, noun: str | None = None) -> "QuerySet[SavedFilter]":
    """Those that the actor may use: their own, and those of tenants at which they may look."""
    seen = ~Q(tenant=None) if actor.is_operator else Q(tenant__in=list(actor.tenant_ids()))
    if actor.user is not None and actor.user.is_active and actor.tenant_id_limit is None:
        seen |= Q(user=actor.user)
    rows = SavedFilter.objects.filter(seen).select_related("tenant", "user")
    return rows if noun is None else rows.filter(noun=noun)


def get_filter(actor: Actor, filter_id: int) -> SavedFilter:
    """The filter, where the actor may use it. Raises NotFound."""
    return get_row(seen_filters(actor), filter_id)


def find_filter(actor: Actor, noun: str, key: str) -> SavedFilter:
    """The filter of a list by its name, one's own first, or else by its id.

    Raises NotFound, and ServiceError where several tenants share one of this name.
    """
    rows = seen_filters(actor, noun)
    named = sorted(rows.filter(name=key)[:MAX_TERMS], key=lambda row: row.user_id is None)
    if not named and (pk := parse_number(key)) is not None:
        named = list(rows.filter(pk=pk))
    if not named:
        said = f"there is no saved filter “{key}” of {SavedFilter.Noun(noun).label} that you may use"
        raise NotFound(said, {"filter": ["There is no such filter."]})
    if len(named) > 1 and named[0].user_id is None:
        ids = ", ".join(f"{row.pk} ({row.tenant})" for row in named)
        raise ServiceError.for_field("filter", f"several tenants share a filter “{key}”: give one's id: {ids}")
    return named[0]


def rows_by(row: SavedFilter, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Those of the rows that a filter finds, in its order where it has one.

    Raises ServiceError where this release doesn't know what it asks for: never all rows instead.
    """
    rows = narrowed(row.noun, rows, values_of(row))
    return in_order(row.noun, rows, row.terms[SORT]) if SORT in row.terms else rows


def values_of(row: SavedFilter) -> dict[str, Any]:
    """What a filter asks for. Raises ServiceError where this release doesn't know it."""
    try:
        return read_terms(row.noun, row.terms)
    except ServiceError as refusal:
        said = f"the filter “{row}” can't be used: {refusal.message}. Save it anew"
        raise ServiceError.for_field("filter", said) from refusal


def may_change(actor: Actor, row: SavedFilter) -> bool:
    """Whether the actor may rename or remove it."""
    if row.tenant is None:
        return actor.user is not None and actor.user.pk == row.user_id and not actor.read_only
    return has_permission(actor, Permission.CHANGE_MAPPINGS, row.tenant)


def save_filter(
    actor: Actor, reason: str = "", *, noun: str, name: str, terms: Mapping[str, str], tenant_id: int | None = None
) -> SavedFilter:
    """Keep a filter: for oneself, or shared in a tenant by who changes mappings there.

    Raises ServiceError with what is wrong in it, NotFound, PermissionDenied.
    """
    with unit_of_work(actor, reason) as unit:
        user = tenant = None
        if tenant_id is None:
            user = person_of(actor)
            _check_room(SavedFilter.objects.filter(user=user), MAX_FILTERS_A_PERSON, "you")
        else:
            tenant = get_row(Tenant.objects.viewable_by(actor), tenant_id)
            check_permission(actor, Permission.CHANGE_MAPPINGS, tenant)
            _check_room(SavedFilter.objects.filter(tenant=tenant), MAX_FILTERS_A_TENANT, str(tenant))
        row = SavedFilter(noun=noun, name=name.strip(), terms=_judged(noun, terms), user=user, tenant=tenant)
        unit.add(row)
        unit.event("filter.saved", filter_id=row.pk, tenant_id=tenant_id)
    return row


def update_filter(
    actor: Actor,
    reason: str = "",
    *,
    filter_id: int,
    if_match: Collection[int] | None = None,
    name: str | None = None,
    terms: Mapping[str, str] | None = None,
) -> SavedFilter:
    """Rename it, or have it find something else. Raises ServiceError, NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        row = _own(actor, filter_id, if_match)
        values: dict[str, Any] = {} if name is None else {"name": name.strip()}
        if terms is not None:
            values["terms"] = _judged(row.noun, terms)
        if unit.update(row, **values):
            unit.event("filter.updated", filter_id=row.pk, tenant_id=row.tenant_id)
    return row


def remove_filter(actor: Actor, reason: str = "", *, filter_id: int, if_match: Collection[int] | None = None) -> str:
    """Remove it; gives its name. Raises NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        row = _own(actor, filter_id, if_match)
        was, tenant_id = str(row), row.tenant_id
        unit.delete(row)
        unit.event("filter.removed", filter_id=filter_id, tenant_id=tenant_id)
    return was


def _own(actor: Actor, filter_id: int, if_match: Collection[int] | None) -> SavedFilter:
    # What is joined may be missing, and can't be locked.
    found = get_filter(actor, filter_id)
    row = SavedFilter.objects.select_for_update().filter(pk=found.pk).first() or found
    if row.tenant is None:
        person_of(actor)
    else:
        check_permission(actor, Permission.CHANGE_MAPPINGS, row.tenant)
    check_version(row, if_match)
    return row


def _judged(noun: str, terms: Mapping[str, str]) -> dict[str, str]:
    if not terms:
        raise ServiceError.for_field("terms", "there is nothing to save: choose a filter, a search or an order first")
    if len(terms) > MAX_TERMS:
        raise ServiceError.for_field("terms", f"a filter has {MAX_TERMS} terms at most")
    read_terms(noun, terms)
    return dict(terms)


def _check_room(rows: "QuerySet[SavedFilter]", most: int, who: str) -> None:
    if rows.count() >= most:
        raise ServiceError(f"{who} may have {most} saved filters: remove one first", code=Code.QUOTA_EXCEEDED)

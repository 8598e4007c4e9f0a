"""Saved filters: list, save, change, remove."""

from datetime import datetime
from typing import Annotated, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import ADDING_PROBLEMS, PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.lookups import OneTenant, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import DeleteParams, Id, Reason, StrictSchema, Text, Version
from routing.models import SavedFilter
from routing.models.saved_filter import MAX_FILTER_NAME_LENGTH
from routing.services.lists import saved_filters as verbs

router = Router(tags=["saved filters"])

_COLUMNS = {"noun": "noun", "name": "name", "created_at": "created_at"}
# No enumeration: another one has the name that it would have in the document.
FilterNoun = Literal["mapping", "hostname", "registry"]
Name = Annotated[Text, Field(max_length=MAX_FILTER_NAME_LENGTH, examples=["disabled"])]
Terms = Annotated[
    dict[Text, Text],
    Field(
        max_length=verbs.MAX_TERMS,
        description="Parameters of the list that it is for, but for `filter`, `limit` and `offset`.",
        examples=[{"state": "off", "sort": "-changed_at"}],
    ),
]


class SavedFilterOut(Schema):
    """What a list is asked for, by a name. Without a tenant it is one's own."""

    id: int = Field(examples=[4])
    version: Version
    noun: FilterNoun = Field(description="The list that it is for.", examples=["mapping"])
    name: str = Field(examples=["disabled"])
    tenant: str | None = Field(description="In which it is shared, by slug; null: one's own.", examples=["acme"])
    terms: dict[str, str] = Field(examples=[{"state": "off", "sort": "-changed_at"}])
    created_at: datetime
    changed_at: datetime

    @staticmethod
    def resolve_tenant(row: SavedFilter) -> str | None:
        """By slug."""
        return row.tenant.slug if row.tenant else None

    @staticmethod
    def resolve_terms(row: SavedFilter) -> dict[str, str]:
        """As texts, whatever another release has written."""
        return {name: str(text) for name, text in row.terms.items()}


class SavedFilterIn(StrictSchema):
    """A filter to save."""

    noun: FilterNoun
    name: Name
    terms: Terms
    tenant: Annotated[Text | None, Field(description="Slug; in which it is shared. Null: one's own.")] = None
    reason: Reason = ""


class SavedFilterPatch(StrictSchema):
    """What is to change; what isn't given, or null, stays."""

    name: Name | None = None
    terms: Terms | None = None
    reason: Reason = ""


class SavedFilterQuery(ListQuery):
    """Which filters."""

    columns = _COLUMNS
    noun: FilterNoun | None = None
    tenant: OneTenant = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


@router.get("", response={200: list[SavedFilterOut], **PROBLEMS}, operation_id="list_saved_filters")
@paginate(Paging)
def list_saved_filters(request: HttpRequest, params: Query[SavedFilterQuery]) -> "QuerySet[SavedFilter]":
    """List saved filters, by what they are for and name: one's own, and those of one's tenants."""
    rows = verbs.seen_filters(actor_of(request), params.noun)
    if params.tenant is not None:
        rows = rows.filter(tenant__slug=params.tenant)
    return params.in_order(rows, "noun", "name", "pk")


@router.post("", response={201: SavedFilterOut, **ADDING_PROBLEMS}, operation_id="save_filter")
def save_filter(request: HttpRequest, response: HttpResponse, data: SavedFilterIn) -> Status[SavedFilter]:
    """Save a filter: for oneself, or shared in a tenant by those who change mappings there."""
    actor = actor_of(request)
    tenant_id = None if data.tenant is None else tenant_by_slug(actor, data.tenant).pk
    given = data.model_dump(include={"noun", "name", "terms"})
    row = verbs.save_filter(actor, data.reason, tenant_id=tenant_id, **given)
    return Status(201, tagged(response, row))


@router.get("/{filter_id}", response={200: SavedFilterOut, **ROW_PROBLEMS}, operation_id="get_saved_filter")
def get_saved_filter(
    request: HttpRequest, response: HttpResponse, filter_id: Id, if_match: str | None = IF_MATCH
) -> SavedFilter:
    """Get a saved filter."""
    return looked_at(response, verbs.get_filter(actor_of(request), filter_id), if_match)


@router.patch("/{filter_id}", response={200: SavedFilterOut, **ROW_PROBLEMS}, operation_id="update_saved_filter")
def update_saved_filter(
    request: HttpRequest,
    response: HttpResponse,
    filter_id: Id,
    data: SavedFilterPatch,
    if_match: str | None = IF_MATCH,
) -> SavedFilter:
    """Rename a saved filter, or have it find something else."""
    row = verbs.update_filter(
        actor_of(request),
        data.reason,
        filter_id=filter_id,
        if_match=versions(if_match),
        **data.model_dump(exclude={"reason"}, exclude_none=True),
    )
    return tagged(response, row)


@router.delete("/{filter_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_saved_filter")
def delete_saved_filter(
    request: HttpRequest, filter_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a saved filter."""
    verbs.remove_filter(actor_of(request), params.reason, filter_id=filter_id, if_match=versions(if_match))
    return Status(204, None)

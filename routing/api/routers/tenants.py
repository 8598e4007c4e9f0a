"""Tenants: list and get; for operators of the platform also add, change, suspend, remove."""

from datetime import datetime
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.pagination import ListQuery, Paging
from routing.api.schemas import DeleteParams, Id, Reason, StrictSchema, SuspensionIn, Text, Version
from routing.models import Tenant
from routing.services.base.actor import Actor
from routing.services.base.rows import get_row
from routing.services.leaving.tenant_removal import remove_tenant
from routing.services.people import tenants as verbs

router = Router(tags=["tenants"])

Limit = Annotated[int, Field(ge=0, le=2**31 - 1)]
ByteLimit = Annotated[int, Field(ge=0, le=2**63 - 1)]


class TenantOut(Schema):
    """An organisation. A limit of null is the platform's."""

    id: int
    version: Version
    slug: str
    name: str
    suspended: bool
    suspension_message: str
    max_hostnames: int | None
    max_mappings: int | None
    max_registries: int | None
    max_members: int | None
    max_streamed_bytes: int | None
    created_at: datetime


class TenantIn(StrictSchema):
    """A tenant to add."""

    slug: Text
    name: Text
    max_hostnames: Limit | None = None
    max_mappings: Limit | None = None
    max_registries: Limit | None = None
    max_members: Limit | None = None
    max_streamed_bytes: ByteLimit | None = None
    reason: Reason = ""


class TenantPatch(StrictSchema):
    """What is to change; what isn't given stays. A limit of null is the platform's."""

    slug: Text = ""
    name: Text = ""
    max_hostnames: Limit | None = None
    max_mappings: Limit | None = None
    max_registries: Limit | None = None
    max_members: Limit | None = None
    max_streamed_bytes: ByteLimit | None = None
    reason: Reason = ""


class TenantQuery(ListQuery):
    """Which tenants."""

    slug: Text | None = None


class RemoveTenantParams(DeleteParams):
    """What removing a tenant takes along."""

    everything: Annotated[
        bool, Field(description="Its hostnames, mappings and registries too. Without that only an empty tenant goes.")
    ] = False


@router.get("", response={200: list[TenantOut], **PROBLEMS}, operation_id="list_tenants")
@paginate(Paging)
def list_tenants(request: HttpRequest, params: Query[TenantQuery]) -> "QuerySet[Tenant]":
    """List tenants, by name."""
    rows = Tenant.objects.viewable_by(actor_of(request)).order_by("name", "pk")
    return rows if params.slug is None else rows.filter(slug=params.slug)


@router.post("", response={201: TenantOut, **PROBLEMS}, operation_id="add_tenant")
def add_tenant(request: HttpRequest, response: HttpResponse, data: TenantIn) -> Status[Tenant]:
    """Add a tenant."""
    tenant = verbs.add_tenant(actor_of(request), data.reason, **data.model_dump(exclude={"reason"}))
    return Status(201, tagged(response, tenant))


@router.get("/{tenant_id}", response={200: TenantOut, **ROW_PROBLEMS}, operation_id="get_tenant")
def get_tenant(request: HttpRequest, response: HttpResponse, tenant_id: Id, if_match: str | None = IF_MATCH) -> Tenant:
    """Get a tenant."""
    return looked_at(response, _one(actor_of(request), tenant_id), if_match)


@router.patch("/{tenant_id}", response={200: TenantOut, **ROW_PROBLEMS}, operation_id="update_tenant")
def update_tenant(
    request: HttpRequest, response: HttpResponse, tenant_id: Id, data: TenantPatch, if_match: str | None = IF_MATCH
) -> Tenant:
    """Rename a tenant, or set its limits."""
    actor = actor_of(request)
    # Whom it isn't told of learns no more than that there is none.
    _one(actor, tenant_id)
    changes = data.model_dump(exclude={"reason"}, exclude_unset=True)
    outcome = verbs.update_tenant(actor, data.reason, tenant_id=tenant_id, if_match=versions(if_match), **changes)
    return tagged(response, outcome.row)


@router.post("/{tenant_id}/suspension", response={200: TenantOut, **ROW_PROBLEMS}, operation_id="suspend_tenant")
def suspend_tenant(
    request: HttpRequest, response: HttpResponse, tenant_id: Id, data: SuspensionIn, if_match: str | None = IF_MATCH
) -> Tenant:
    """Suspend a tenant, or unsuspend it."""
    # The verb tells who may not even look no more than that only operators of the platform may.
    verbs.suspend_tenants(
        actor_of(request),
        data.reason,
        tenant_ids=[tenant_id],
        suspended=data.suspended,
        message=data.message,
        if_match=versions(if_match),
    )
    return tagged(response, _one(actor_of(request), tenant_id))


@router.delete("/{tenant_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_tenant")
def delete_tenant(
    request: HttpRequest, tenant_id: Id, params: Query[RemoveTenantParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a tenant that has nothing left; with `everything` any tenant. `GET …/removal` tells what that takes."""
    remove_tenant(
        actor_of(request),
        params.reason,
        tenant_id=tenant_id,
        everything=params.everything,
        if_match=versions(if_match),
    )
    return Status(204, None)


def _one(actor: Actor, tenant_id: int) -> Tenant:
    return get_row(Tenant.objects.viewable_by(actor), tenant_id)

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
from routing.api.lookups import TenantKey, tenant_by_key
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import DeleteParams, Named, Reason, StrictSchema, SuspensionIn, Text, Version
from routing.models import Tenant
from routing.services.base.actor import Actor
from routing.services.base.rows import get_row
from routing.services.changes.approval import require_approval
from routing.services.leaving.tenant_removal import remove_tenant
from routing.services.people import tenants as verbs

router = Router(tags=["tenants"])

Limit = Annotated[int, Field(ge=0, le=2**31 - 1)]
ByteLimit = Annotated[int, Field(ge=0, le=2**63 - 1, description="Bytes a calendar month.")]
_COLUMNS = {"slug": "slug", "name": "name", "created_at": "created_at"}


class TenantOut(Schema):
    """An organisation. A limit of null is the platform's."""

    id: int = Field(examples=[3])
    version: Version
    slug: str = Field(description="By which paths, bodies and filters name it.", examples=["acme"])
    name: str = Field(examples=["Acme Corporation"])
    suspended: bool = Field(examples=[False])
    suspension_message: str = Field(examples=[""])
    needs_approval: bool = Field(description="Change sets take a second person's approval.", examples=[False])
    max_hostnames: int | None = Field(examples=[50])
    max_mappings: int | None
    max_registries: int | None
    max_members: int | None
    max_streamed_bytes: int | None = Field(description="Bytes a calendar month.")
    created_at: datetime


class TenantIn(StrictSchema):
    """A tenant to add."""

    slug: Annotated[Named, Field(examples=["acme"])]
    name: Annotated[Named, Field(examples=["Acme Corporation"])]
    max_hostnames: Limit | None = None
    max_mappings: Limit | None = None
    max_registries: Limit | None = None
    max_members: Limit | None = None
    max_streamed_bytes: ByteLimit | None = None
    reason: Reason = ""


class TenantPatch(StrictSchema):
    """What is to change; what isn't given stays. A limit of null is the platform's."""

    slug: Annotated[Text, Field(examples=["acme"])] = ""
    name: Annotated[Text, Field(examples=["Acme Corporation"])] = ""
    max_hostnames: Limit | None = None
    max_mappings: Limit | None = None
    max_registries: Limit | None = None
    max_members: Limit | None = None
    max_streamed_bytes: ByteLimit | None = None
    reason: Reason = ""


class ApprovalIn(StrictSchema):
    """Whether change sets take a second person's approval."""

    needed: bool = Field(examples=[True])
    reason: Reason = ""


class TenantQuery(ListQuery):
    """Which tenants."""

    columns = _COLUMNS
    slug: Annotated[Text | None, Field(description="Exactly this one.")] = None
    name: Annotated[Text | None, Field(description="Exactly this one.")] = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


class RemoveTenantParams(DeleteParams):
    """What removing a tenant takes along."""

    everything: Annotated[
        bool, Field(description="Its hostnames, mappings and registries too. Without that only an empty tenant goes.")
    ] = False


@router.get("", response={200: list[TenantOut], **PROBLEMS}, operation_id="list_tenants")
@paginate(Paging)
def list_tenants(request: HttpRequest, params: Query[TenantQuery]) -> "QuerySet[Tenant]":
    """List tenants, by name."""
    given = params.model_dump(include={"slug", "name"}, exclude_none=True)
    return params.in_order(Tenant.objects.viewable_by(actor_of(request)).filter(**given), "name", "pk")


@router.post("", response={201: TenantOut, **PROBLEMS}, operation_id="add_tenant")
def add_tenant(request: HttpRequest, response: HttpResponse, data: TenantIn) -> Status[Tenant]:
    """Add a tenant."""
    tenant = verbs.add_tenant(actor_of(request), data.reason, **data.model_dump(exclude={"reason"}))
    return Status(201, tagged(response, tenant))


@router.get("/{tenant}", response={200: TenantOut, **ROW_PROBLEMS}, operation_id="get_tenant")
def get_tenant(
    request: HttpRequest, response: HttpResponse, tenant: TenantKey, if_match: str | None = IF_MATCH
) -> Tenant:
    """Get a tenant."""
    return looked_at(response, tenant_by_key(actor_of(request), tenant), if_match)


@router.patch("/{tenant}", response={200: TenantOut, **ROW_PROBLEMS}, operation_id="update_tenant")
def update_tenant(
    request: HttpRequest, response: HttpResponse, tenant: TenantKey, data: TenantPatch, if_match: str | None = IF_MATCH
) -> Tenant:
    """Rename a tenant, or set its limits. For operators of the platform."""
    actor = actor_of(request)
    # Whom it isn't told of learns no more than that there is none.
    pk = tenant_by_key(actor, tenant).pk
    changes = data.model_dump(exclude={"reason"}, exclude_unset=True)
    outcome = verbs.update_tenant(actor, data.reason, tenant_id=pk, if_match=versions(if_match), **changes)
    return tagged(response, outcome.row)


@router.put(
    "/{tenant}/approval", response={200: TenantOut, 202: TenantOut, **ROW_PROBLEMS}, operation_id="require_approval"
)
def set_approval(
    request: HttpRequest, response: HttpResponse, tenant: TenantKey, data: ApprovalIn, if_match: str | None = IF_MATCH
) -> Status[Tenant]:
    """Say whether a tenant's change sets take a second person's approval, a part of its policy. For its owners.

    202: they still do, until another owner confirms that they don't.
    """
    actor = actor_of(request)
    pk = tenant_by_key(actor, tenant).pk
    outcome = require_approval(actor, data.reason, tenant_id=pk, needed=data.needed, if_match=versions(if_match))
    return Status(202 if outcome.waits else 200, tagged(response, outcome.row))


@router.put("/{tenant}/suspension", response={200: TenantOut, **ROW_PROBLEMS}, operation_id="suspend_tenant")
def suspend_tenant(
    request: HttpRequest,
    response: HttpResponse,
    tenant: TenantKey,
    data: SuspensionIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Tenant:
    """Suspend a tenant: every request for its hostnames is refused. For operators of the platform."""
    said = data or SuspensionIn()
    return tagged(response, _suspended(actor_of(request), tenant, said.reason, True, said.message, if_match))


@router.delete("/{tenant}/suspension", response={200: TenantOut, **ROW_PROBLEMS}, operation_id="unsuspend_tenant")
def unsuspend_tenant(
    request: HttpRequest,
    response: HttpResponse,
    tenant: TenantKey,
    params: Query[DeleteParams],
    if_match: str | None = IF_MATCH,
) -> Tenant:
    """Unsuspend a tenant: its hostnames are served again. For operators of the platform."""
    return tagged(response, _suspended(actor_of(request), tenant, params.reason, False, "", if_match))


@router.delete("/{tenant}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_tenant")
def delete_tenant(
    request: HttpRequest, tenant: TenantKey, params: Query[RemoveTenantParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a tenant that has nothing left; with `everything` any tenant. `GET …/removal` tells what that takes."""
    actor = actor_of(request)
    remove_tenant(
        actor,
        params.reason,
        tenant_id=tenant_by_key(actor, tenant).pk,
        everything=params.everything,
        if_match=versions(if_match),
    )
    return Status(204, None)


def _suspended(actor: Actor, key: str, reason: str, suspended: bool, message: str, if_match: str | None) -> Tenant:
    pk = tenant_by_key(actor, key).pk
    verbs.suspend_tenants(
        actor, reason, tenant_ids=[pk], suspended=suspended, message=message, if_match=versions(if_match)
    )
    return get_row(Tenant.objects.viewable_by(actor), pk)

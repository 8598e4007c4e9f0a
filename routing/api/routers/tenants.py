"""Tenants: list and get; for operators of the platform also add, change, suspend, remove."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.routers.hostnames import Suspension
from routing.api.schemas import Given, Id, Listed, Paging, Reason, Text, Why, page
from routing.models import Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.permissions import viewable
from routing.services.people import tenants as verbs

router = Router(tags=["tenants"])

_SAID = frozenset({"slug", "name", "max_hostnames", "max_mappings", "max_streamed_bytes"})
Limit = Annotated[int, Field(ge=0, le=2**31 - 1)]
ByteLimit = Annotated[int, Field(ge=0, le=2**63 - 1)]


class TenantTold(Schema):
    """An organisation. A limit of null is the platform's."""

    id: int
    slug: str
    name: str
    suspended: bool
    suspension_message: str
    max_hostnames: int | None
    max_mappings: int | None
    max_streamed_bytes: int | None
    created_at: datetime

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantTold":
        """As the API tells it."""
        return cls(id=tenant.pk, **{name: getattr(tenant, name) for name in cls.model_fields if name != "id"})


class NewTenant(Given):
    """A tenant to add."""

    slug: Text
    name: Text
    max_hostnames: Limit | None = None
    max_mappings: Limit | None = None
    max_streamed_bytes: ByteLimit | None = None
    reason: Reason = ""


class TenantChange(Given):
    """What is to change; what isn't given stays. A limit of null is the platform's."""

    slug: Text = ""
    name: Text = ""
    max_hostnames: Limit | None = None
    max_mappings: Limit | None = None
    max_streamed_bytes: ByteLimit | None = None
    reason: Reason = ""


class TenantFilters(Paging):
    """Which tenants."""

    slug: Text | None = None


@router.get("", response={200: Listed[TenantTold], **PROBLEMS}, operation_id="list_tenants")
def list_tenants(request: HttpRequest, filters: Query[TenantFilters]) -> Listed[TenantTold]:
    """List tenants, by name."""
    rows = viewable(actor_of(request), Tenant.objects.order_by("name", "pk"), "")
    return page(rows.filter(slug=filters.slug) if filters.slug is not None else rows, filters, TenantTold.of)


@router.post("", response={201: TenantTold, **PROBLEMS}, operation_id="add_tenant")
def add_tenant(request: HttpRequest, given: NewTenant) -> Status[TenantTold]:
    """Add a tenant."""
    tenant = Tenant(**given.model_dump(include=set(_SAID)))
    return Status(201, TenantTold.of(verbs.save_tenant(actor_of(request), given.reason, tenant)))


@router.get("/{tenant_id}", response={200: TenantTold, **PROBLEMS}, operation_id="get_tenant")
def get_tenant(request: HttpRequest, tenant_id: Id) -> TenantTold:
    """Get a tenant."""
    return TenantTold.of(_one(actor_of(request), tenant_id))


@router.patch("/{tenant_id}", response={200: TenantTold, **PROBLEMS}, operation_id="change_tenant")
def change_tenant(request: HttpRequest, tenant_id: Id, given: TenantChange) -> TenantTold:
    """Rename a tenant, or set its limits."""
    tenant = _one(actor_of(request), tenant_id)
    for name in given.model_fields_set & _SAID:
        setattr(tenant, name, getattr(given, name))
    return TenantTold.of(verbs.save_tenant(actor_of(request), given.reason, tenant))


@router.post("/{tenant_id}/suspension", response={200: TenantTold, **PROBLEMS}, operation_id="suspend_tenant")
def suspend_tenant(request: HttpRequest, tenant_id: Id, given: Suspension) -> TenantTold:
    """Suspend or unsuspend a tenant."""
    # The verb tells who may not even look no more than that only operators of the platform may.
    verbs.suspend_tenant(
        actor_of(request), given.reason, tenant_id=tenant_id, suspended=given.suspended, message=given.message
    )
    return TenantTold.of(_one(actor_of(request), tenant_id))


@router.delete("/{tenant_id}", response={204: None, **PROBLEMS}, operation_id="remove_tenant")
def remove_tenant(request: HttpRequest, tenant_id: Id, why: Query[Why]) -> Status[None]:
    """Remove a tenant that has nothing left."""
    verbs.remove_tenant(actor_of(request), why.reason, tenant_id=tenant_id)
    return Status(204, None)


def _one(actor: Actor, tenant_id: int) -> Tenant:
    found = viewable(actor, Tenant.objects.all(), "").filter(pk=tenant_id).first()
    if found is None:
        raise NotFound("this tenant is gone")
    return found

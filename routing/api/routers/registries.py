"""Registries: list, add, change, probe, remove. Shared ones are everybody's to use, and the platform's to change."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.schemas import Given, Id, Listed, Paging, Reason, Text, Why, page, registry_by_id, tenant_by_slug
from routing.models import Registry
from routing.services.base.permissions import viewable_registries
from routing.services.registries import registries as verbs
from routing.services.registries.probes import probe

router = Router(tags=["registries"])

_SAID = ("name", "origin", "alias", "implicit_namespace", "stream_blobs")


class RegistryTold(Schema):
    """A backing registry; without a tenant it is shared. What the last probe found is from `auth` on."""

    id: int
    tenant: str | None
    name: str
    origin: str
    alias: str
    implicit_namespace: str
    stream_blobs: bool
    auth: str
    realm: str
    service: str
    blob_delivery: str
    probed_at: datetime | None
    probe_error: str

    @classmethod
    def of(cls, registry: Registry) -> "RegistryTold":
        """As the API tells it."""
        return cls(
            id=registry.pk,
            tenant=registry.tenant.slug if registry.tenant else None,
            **{name: getattr(registry, name) for name in cls.model_fields if name not in ("id", "tenant")},
        )


class NewRegistry(Given):
    """A registry to add."""

    tenant: Annotated[Text | None, Field(description="Whose it is, by slug; null: shared.")]
    name: Text
    origin: Annotated[Text, Field(description="Scheme, host and port of its API, such as https://ghcr.io.")]
    alias: Text = ""
    implicit_namespace: Text = ""
    stream_blobs: bool = False
    reason: Reason = ""


class RegistryChange(Given):
    """What is to change; what isn't given, or null, stays."""

    name: Text | None = None
    origin: Text | None = None
    alias: Text | None = None
    implicit_namespace: Text | None = None
    stream_blobs: bool | None = None
    reason: Reason = ""


class RegistryFilters(Paging):
    """Which registries."""

    tenant: Text | None = None
    origin: Text | None = None


@router.get("", response={200: Listed[RegistryTold], **PROBLEMS}, operation_id="list_registries")
def list_registries(request: HttpRequest, filters: Query[RegistryFilters]) -> Listed[RegistryTold]:
    """List registries: one's own, and the shared ones."""
    given = {"tenant__slug": filters.tenant, "origin": filters.origin}
    rows = viewable_registries(actor_of(request)).select_related("tenant").order_by("name", "pk")
    wanted = {name: value for name, value in given.items() if value is not None}
    return page(rows.filter(**wanted), filters, RegistryTold.of)


@router.post("", response={201: RegistryTold, **PROBLEMS}, operation_id="add_registry")
def add_registry(request: HttpRequest, given: NewRegistry) -> Status[RegistryTold]:
    """Add a registry. Adding a mapping adds its registry too."""
    actor = actor_of(request)
    tenant = None if given.tenant is None else tenant_by_slug(actor, given.tenant)
    registry = Registry(tenant=tenant, **given.model_dump(include=set(_SAID)))
    return Status(201, RegistryTold.of(verbs.save_registry(actor, given.reason, registry)))


@router.get("/{registry_id}", response={200: RegistryTold, **PROBLEMS}, operation_id="get_registry")
def get_registry(request: HttpRequest, registry_id: Id) -> RegistryTold:
    """Get a registry."""
    return RegistryTold.of(registry_by_id(actor_of(request), registry_id))


@router.patch("/{registry_id}", response={200: RegistryTold, **PROBLEMS}, operation_id="change_registry")
def change_registry(request: HttpRequest, registry_id: Id, given: RegistryChange) -> RegistryTold:
    """Change a registry."""
    actor = actor_of(request)
    registry = registry_by_id(actor, registry_id)
    for name, value in given.model_dump(include=set(_SAID), exclude_none=True).items():
        setattr(registry, name, value)
    return RegistryTold.of(verbs.save_registry(actor, given.reason, registry))


@router.post("/{registry_id}/probe", response={200: RegistryTold, **PROBLEMS}, operation_id="probe_registry")
def probe_registry(request: HttpRequest, registry_id: Id) -> RegistryTold:
    """Ask a registry what it wants of its clients. Takes seconds."""
    probe(actor_of(request), registry_id=registry_id)
    return RegistryTold.of(registry_by_id(actor_of(request), registry_id))


@router.delete("/{registry_id}", response={204: None, **PROBLEMS}, operation_id="remove_registry")
def remove_registry(request: HttpRequest, registry_id: Id, why: Query[Why]) -> Status[None]:
    """Remove a registry to which nothing leads any more."""
    verbs.remove_registry(actor_of(request), why.reason, registry_id=registry_id)
    return Status(204, None)

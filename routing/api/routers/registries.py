"""Registries: list, add, change, probe, remove. Shared ones are everybody's to use, and the platform's to change."""

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
from routing.api.lookups import tenant_by_slug
from routing.api.pagination import ListQuery, Paging
from routing.api.schemas import DeleteParams, Id, Reason, ReasonIn, StrictSchema, Text, Version
from routing.models import Registry
from routing.services.registries import registries as verbs
from routing.services.registries.probe_jobs import probe_registry_soon
from routing.services.registries.probes import probe

router = Router(tags=["registries"])


class RegistryOut(Schema):
    """A backing registry; without a tenant it is shared. What the last probe found is from `auth` on."""

    id: int
    version: Version
    tenant: str | None
    name: str
    origin: str
    alias: str
    implicit_namespace: str
    stream_blobs: bool
    auth: str
    realm: str
    service: str
    probed_at: datetime | None
    probe_error: str

    @staticmethod
    def resolve_tenant(registry: Registry) -> str | None:
        """Whose it is, by slug."""
        return registry.tenant.slug if registry.tenant else None


class RegistryIn(StrictSchema):
    """A registry to add."""

    tenant: Annotated[Text | None, Field(description="Whose it is, by slug; null: shared.")]
    name: Text
    origin: Annotated[Text, Field(description="Scheme, host and port of its API, such as https://ghcr.io.")]
    alias: Text = ""
    implicit_namespace: Text = ""
    stream_blobs: bool = False
    reason: Reason = ""


class RegistryPatch(StrictSchema):
    """What is to change; what isn't given, or null, stays."""

    name: Text | None = None
    origin: Annotated[
        Text | None, Field(description="Where it is from now on; takes a reason where mappings lead to it.")
    ] = None
    alias: Text | None = None
    implicit_namespace: Text | None = None
    stream_blobs: bool | None = None
    reason: Reason = ""


class RegistryQuery(ListQuery):
    """Which registries."""

    tenant: Text | None = None
    origin: Text | None = None


@router.get("", response={200: list[RegistryOut], **PROBLEMS}, operation_id="list_registries")
@paginate(Paging)
def list_registries(request: HttpRequest, params: Query[RegistryQuery]) -> "QuerySet[Registry]":
    """List registries: one's own, and the shared ones."""
    given = {"tenant__slug": params.tenant, "origin": params.origin}
    rows = Registry.objects.viewable_by(actor_of(request)).with_names().order_by("name", "pk")
    return rows.filter(**{name: value for name, value in given.items() if value is not None})


@router.post("", response={201: RegistryOut, **PROBLEMS}, operation_id="add_registry")
def add_registry(request: HttpRequest, response: HttpResponse, data: RegistryIn) -> Status[Registry]:
    """Add a registry. Adding a mapping adds its registry too."""
    actor = actor_of(request)
    tenant_id = None if data.tenant is None else tenant_by_slug(actor, data.tenant).pk
    facts = data.model_dump(exclude={"tenant", "reason"})
    registry = verbs.add_registry(actor, data.reason, tenant_id=tenant_id, **facts)
    probe_registry_soon(registry)
    return Status(201, tagged(response, registry))


@router.get("/{registry_id}", response={200: RegistryOut, **ROW_PROBLEMS}, operation_id="get_registry")
def get_registry(
    request: HttpRequest, response: HttpResponse, registry_id: Id, if_match: str | None = IF_MATCH
) -> Registry:
    """Get a registry."""
    return looked_at(response, verbs.get_registry(actor_of(request), registry_id), if_match)


@router.patch("/{registry_id}", response={200: RegistryOut, **ROW_PROBLEMS}, operation_id="update_registry")
def update_registry(
    request: HttpRequest,
    response: HttpResponse,
    registry_id: Id,
    data: RegistryPatch,
    if_match: str | None = IF_MATCH,
) -> Registry:
    """Change a registry."""
    outcome = verbs.update_registry(
        actor_of(request),
        data.reason,
        registry_id=registry_id,
        if_match=versions(if_match),
        **data.model_dump(exclude={"reason"}, exclude_none=True),
    )
    if outcome.asks_anew:
        probe_registry_soon(outcome.row)
    return tagged(response, outcome.row)


@router.post("/{registry_id}/probe", response={200: RegistryOut, **ROW_PROBLEMS}, operation_id="probe_registry")
def probe_registry(
    request: HttpRequest,
    response: HttpResponse,
    registry_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Registry:
    """Ask a registry what it wants of its clients. Takes seconds."""
    reason = data.reason if data else ""
    return tagged(response, probe(actor_of(request), reason, registry_id=registry_id, if_match=versions(if_match)))


@router.delete("/{registry_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_registry")
def delete_registry(
    request: HttpRequest, registry_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a registry to which nothing leads any more."""
    verbs.remove_registry(actor_of(request), params.reason, registry_id=registry_id, if_match=versions(if_match))
    return Status(204, None)

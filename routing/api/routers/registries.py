"""Registries: list, add, change, probe, remove. Shared ones are everybody's to use, and the platform's to change."""

from datetime import datetime
from typing import Annotated

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.labels import LabelledOut, LabelParam, Labels, labelled_all
from routing.api.lookups import OneTenant, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import (
    AccountIn,
    AliasText,
    DeleteParams,
    Id,
    Named,
    OriginText,
    Reason,
    ReasonIn,
    StrictSchema,
    Text,
    Version,
    given_reason,
)
from routing.models import Registry
from routing.services.registries import registries as verbs
from routing.services.registries.accounts import remove_account, set_account
from routing.services.registries.probe_jobs import probe_registry_soon
from routing.services.registries.probes import probe

router = Router(tags=["registries"])

_COLUMNS = {
    "name": "name",
    "tenant": "tenant__slug",
    "origin": "origin",
    "probed_at": "probed_at",
}
_NAMESPACE = "Where it keeps one-component names, such as library: Docker Hub has alpine at library/alpine."
_ALIAS = "Another name for it in targets, such as docker.io."
_STREAM = "Layers that clients can't be sent to pass through the facade."


class RegistryOut(LabelledOut):
    """A backing registry; without a tenant it is shared. What the last probe found is from `auth` on."""

    id: int = Field(examples=[2])
    version: Version
    tenant: str | None = Field(description="Whose it is, by slug; null: shared.", examples=["acme"])
    name: str = Field(examples=["GitHub"])
    origin: str = Field(description="Scheme, host and port of its API.", examples=["https://ghcr.io"])
    alias: str = Field(description=_ALIAS, examples=[""])
    implicit_namespace: str = Field(description=_NAMESPACE, examples=[""])
    stream_blobs: bool = Field(description=_STREAM, examples=[False])
    auth: str = Field(description="What it asks its clients for.", examples=["bearer"])
    realm: str = Field(description="Where it gives out tokens.", examples=["https://ghcr.io/token"])
    service: str = Field(examples=["ghcr.io"])
    probed_at: datetime | None
    probe_error: str = Field(examples=[""])
    account_set_at: datetime | None = Field(
        description="Since when the facade has an account there for its own fetches of what is public; null: it has "
        "none. The account itself is never told."
    )

    @staticmethod
    def resolve_tenant(registry: Registry) -> str | None:
        """Whose it is, by slug."""
        return registry.tenant.slug if registry.tenant else None


_ONE = {200: RegistryOut, **ROW_PROBLEMS}


class RegistryIn(StrictSchema):
    """A registry to add."""

    tenant: Annotated[Text | None, Field(description="Whose it is, by slug; null: shared.", examples=["acme"])]
    name: Annotated[Named, Field(examples=["Our registry"])]
    origin: Annotated[
        OriginText, Field(description="Scheme, host and port of its API.", examples=["https://registry.acme.com"])
    ]
    alias: Annotated[AliasText, Field(description=_ALIAS)] = ""
    implicit_namespace: Annotated[Text, Field(description=_NAMESPACE)] = ""
    stream_blobs: Annotated[bool, Field(description=_STREAM)] = False
    labels: Labels = []
    reason: Reason = ""


class RegistryPatch(StrictSchema):
    """What is to change; what isn't given, or null, stays."""

    name: Annotated[Named | None, Field(examples=["Our registry"])] = None
    origin: Annotated[
        OriginText | None,
        Field(
            description="Where it is from now on; takes a reason where mappings lead to it, or it is a standby, and "
            "ends the standbys that involve it."
        ),
    ] = None
    alias: Annotated[AliasText | None, Field(description=_ALIAS)] = None
    implicit_namespace: Annotated[Text | None, Field(description=_NAMESPACE)] = None
    stream_blobs: Annotated[bool | None, Field(description=_STREAM)] = None
    labels: Labels | None = None
    reason: Reason = ""


class RegistryQuery(ListQuery):
    """Which registries."""

    columns = _COLUMNS
    tenant: OneTenant = None
    name: Annotated[Text | None, Field(description="What it is called: its name, alias, or host.")] = None
    origin: Annotated[Text | None, Field(description="Exactly this one.")] = None
    label: LabelParam = []
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


@router.get("", response={200: list[RegistryOut], **PROBLEMS}, operation_id="list_registries")
@paginate(Paging)
def list_registries(request: HttpRequest, params: Query[RegistryQuery]) -> "QuerySet[Registry]":
    """List registries, by name: one's own, and the shared ones."""
    given = {"tenant__slug": params.tenant, "origin": params.origin}
    wanted = {name: value for name, value in given.items() if value is not None}
    rows = Registry.objects.viewable_by(actor_of(request)).with_names().filter(**wanted)
    if (name := params.name) is not None:
        hosts = [f"{scheme}://{name.lower()}" for scheme in ("https", "http")]
        rows = rows.filter(Q(name=name) | Q(alias=name.lower()) | Q(origin__in=hosts))
    return params.in_order(rows.filter(labelled_all(params.label)), "name", "pk")


@router.post("", response={201: RegistryOut, **NAMING_PROBLEMS}, operation_id="add_registry")
def add_registry(request: HttpRequest, response: HttpResponse, data: RegistryIn) -> Status[Registry]:
    """Add a registry. Adding a mapping adds its registry too."""
    actor = actor_of(request)
    tenant_id = None if data.tenant is None else tenant_by_slug(actor, data.tenant).pk
    facts = data.model_dump(exclude={"tenant", "reason"})
    registry = verbs.add_registry(actor, data.reason, tenant_id=tenant_id, **facts)
    probe_registry_soon(registry)
    return Status(201, tagged(response, registry))


@router.get("/{registry_id}", response=_ONE, operation_id="get_registry")
def get_registry(
    request: HttpRequest, response: HttpResponse, registry_id: Id, if_match: str | None = IF_MATCH
) -> Registry:
    """Get a registry."""
    return looked_at(response, verbs.get_registry(actor_of(request), registry_id), if_match)


@router.patch("/{registry_id}", response=_ONE, operation_id="update_registry")
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


@router.post("/{registry_id}/probe", response=_ONE, operation_id="probe_registry")
def probe_registry(
    request: HttpRequest,
    response: HttpResponse,
    registry_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Registry:
    """Ask a registry what it wants of its clients. Takes seconds."""
    found = probe(actor_of(request), given_reason(data), registry_id=registry_id, if_match=versions(if_match))
    return tagged(response, found)


@router.delete("/{registry_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_registry")
def delete_registry(
    request: HttpRequest, registry_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a registry to which nothing leads any more."""
    verbs.remove_registry(actor_of(request), params.reason, registry_id=registry_id, if_match=versions(if_match))
    return Status(204, None)


@router.put("/{registry_id}/account", response=_ONE, operation_id="set_registry_account")
def set_registry_account(
    request: HttpRequest,
    response: HttpResponse,
    registry_id: Id,
    data: AccountIn,
    if_match: str | None = IF_MATCH,
) -> Registry:
    """Give the facade an account for its own fetches of what is public there, in place of any former one."""
    row = set_account(
        actor_of(request),
        data.reason,
        registry_id=registry_id,
        user=data.user,
        password=data.password,
        if_match=versions(if_match),
    )
    return tagged(response, row)


@router.delete("/{registry_id}/account", response=_ONE, operation_id="remove_registry_account")
def remove_registry_account(
    request: HttpRequest,
    response: HttpResponse,
    registry_id: Id,
    params: Query[DeleteParams],
    if_match: str | None = IF_MATCH,
) -> Registry:
    """Have the facade fetch as nobody again."""
    outcome = remove_account(actor_of(request), params.reason, registry_id=registry_id, if_match=versions(if_match))
    return tagged(response, outcome.row)

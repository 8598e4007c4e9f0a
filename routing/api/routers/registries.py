"""Registries: list, add, change, probe, remove. Shared ones are everybody's to use, and the platform's to change."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.labels import LabelParam, Labels, LabelsOut
from routing.api.listed import SavedFilterKey, listed
from routing.api.lookups import OneTenant, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import (
    AccountIn,
    AliasText,
    DeleteParams,
    Id,
    Named,
    OriginText,
    QueryParams,
    Reason,
    ReasonIn,
    StrictSchema,
    Text,
    Version,
    given_reason,
)
from routing.core.pull_counts import Grain
from routing.models import Registry
from routing.services.lists.terms import SORTS
from routing.services.registries import registries as verbs
from routing.services.registries.accounts import remove_account, set_account
from routing.services.registries.health import get_health
from routing.services.registries.probe_jobs import probe_registry_soon
from routing.services.registries.probes import probe

router = Router(tags=["registries"])

_NOUN = "registry"
_COLUMNS = SORTS[_NOUN]
_NAMESPACE = "Where it keeps one-component names, such as library: Docker Hub has alpine at library/alpine."
_ALIAS = "Another name for it in targets, such as docker.io."
_STREAM = "Layers that clients can't be sent to pass through the facade."


class RegistryOut(Schema):
    """A backing registry; without a tenant it is shared. What the last probe found is from `auth` on."""

    id: int = Field(examples=[2])
    version: Version
    tenant: str | None = Field(description="Whose it is, by slug; null: shared.", examples=["acme"])
    name: str = Field(examples=["GitHub"])
    origin: str = Field(description="Scheme, host and port of its API.", examples=["https://ghcr.io"])
    alias: str = Field(description=_ALIAS, examples=[""])
    implicit_namespace: str = Field(description=_NAMESPACE, examples=[""])
    stream_blobs: bool = Field(description=_STREAM, examples=[False])
    labels: LabelsOut
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


class SlotOut(Schema):
    """An hour or a day (UTC), and how the facade's own questions were answered in it."""

    at: datetime
    answers: str = Field(description="answered, some trouble, trouble, or not asked.", examples=["answered"])
    asked: int = Field(description="How often the facade asked.")
    troubled: int = Field(description="After how many of these something was wrong.")
    mean_ms: int | None = Field(description="How long the other answers took, in milliseconds; null: there was none.")
    slowest_ms: int | None
    trouble: str = Field(description="What was wrong last.", examples=[""])
    failed_pulls: int = Field(description="Requests of clients that failed there, of one's own hostnames.")


class LimitOut(Schema):
    """What a registry last said of how often it may be asked."""

    left: int | None = Field(description="So many more; null: it doesn't say.", examples=[76])
    number: int = Field(description="Of so many; 0: it doesn't say.", examples=[100])
    seconds: int = Field(description="In so many seconds; 0: it doesn't say.", examples=[21600])
    seen_at: datetime | None
    refused_at: datetime | None = Field(description="When it last answered 429.")
    wait_seconds: int | None = Field(description="What its Retry-After asked for then; null: nothing.")


class UserOut(Schema):
    """A tenant that uses a registry."""

    tenant: str = Field(examples=["acme"])
    mappings: int
    hostnames: int


class HealthOut(Schema):
    """How a registry has answered, the earliest first; what it said of limits; and who uses it."""

    registry_id: int
    grain: str = Field(examples=["hour"])
    since: datetime
    limit: LimitOut | None
    slots: list[SlotOut]
    users: list[UserOut] = Field(description="Those with most mappings, ten at most, of one's own tenants.")


class HealthQuery(QueryParams):
    """Told by what."""

    by: Annotated[Grain, Field(description="hour: of the last seven days; day: of the last ninety.")] = Grain.HOUR


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
    auth: Annotated[
        Literal["none", "basic", "bearer", "unknown"] | None, Field(description="What it asks clients for.")
    ] = None
    search: Annotated[Text | None, Field(description="Words of the name, address and tenant.")] = None
    filter: SavedFilterKey = None
    label: LabelParam = []
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


@router.get("", response={200: list[RegistryOut], **NAMING_PROBLEMS}, operation_id="list_registries")
@paginate(Paging)
def list_registries(request: HttpRequest, params: Query[RegistryQuery]) -> "QuerySet[Registry]":
    """List registries, by name: one's own, and the shared ones."""
    actor = actor_of(request)
    rows = Registry.objects.viewable_by(actor).with_names()
    return listed(_NOUN, actor, rows, params, "name", "pk")


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


@router.get("/{registry_id}/health", response={200: HealthOut, **ROW_PROBLEMS}, operation_id="get_registry_health")
def get_registry_health(request: HttpRequest, registry_id: Id, params: Query[HealthQuery]) -> Any:
    """How a registry has answered the facade, by hour or by day, and what it said of limits."""
    found = get_health(actor_of(request), registry_id, params.by)
    return {
        "registry_id": registry_id,
        "grain": found.grain.value,
        "since": found.since,
        "limit": found.limit and found.limit._asdict(),
        "slots": [{**slot._asdict(), "answers": slot.answers.value} for slot in found.slots],
        "users": [
            {"tenant": user.slug, "mappings": user.mappings, "hostnames": user.hostnames} for user in found.users
        ],
    }


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

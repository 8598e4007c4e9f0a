"""Mappings: list, add, change, repoint, switch, probe, remove."""

from datetime import datetime
from typing import Annotated, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import ADDING_PROBLEMS, NAMING_PROBLEMS, PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.findings import Findings
from routing.api.labels import LabelParam, Labels, LabelsOut
from routing.api.listed import SavedFilterKey, listed
from routing.api.lookups import OneTenant
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import (
    AccountIn,
    DeleteParams,
    HostnameText,
    Id,
    PrefixText,
    QueryParams,
    Reason,
    StrictSchema,
    TargetText,
    Text,
    Version,
)
from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.rows import get_row
from routing.services.lists.terms import SORTS
from routing.services.mappings import mappings as verbs
from routing.services.mappings.csv_export import csv_of_mappings
from routing.services.mappings.findings import Finding, findings_of
from routing.services.mappings.former import former_target
from routing.services.mappings.listing import mappings_in_order
from routing.services.mappings.publication import publish_mapping, unpublish_mapping
from routing.services.registries.probe_jobs import probe_soon
from routing.services.registries.probes import probe_mapping as probe

router = Router(tags=["mappings"])

Delivery = Mapping.Delivery
_NOUN = "mapping"
_COLUMNS = SORTS[_NOUN]
WholeRegistry = Annotated[
    bool, Field(description="Says that a target without a path is meant: everything at the registry.")
]


class MappingOut(Schema):
    """Where a prefix of a hostname leads. What the last probe of a repository under it found is from there on."""

    id: int = Field(examples=[17])
    version: Version
    tenant: str = Field(alias="hostname.tenant.slug", examples=["acme"])
    hostname: str = Field(alias="hostname.name", examples=["docker.acme.com"])
    hostname_id: int = Field(examples=[5])
    prefix: str = Field(description="Leading path components; empty: the whole hostname.", examples=["app"])
    target: str = Field(description="Registry and upstream prefix, as people write it.", examples=["ghcr.io/acme"])
    registry_id: int = Field(examples=[2])
    upstream_prefix: str = Field(description="What the prefix is called at the registry.", examples=["acme"])
    enabled: bool = Field(examples=[True])
    allow_push: bool = Field(description="Pushes are redirected too.", examples=[False])
    private: bool = Field(description="The images need credentials even to be pulled.", examples=[False])
    delivery: Delivery = Field(description="How clients get to the registry.", examples=["auto"])
    labels: LabelsOut
    notice: str = Field(description="A line that clients print where the facade relays; empty for none.", examples=[""])
    created_at: datetime
    changed_at: datetime
    probed_repository: str = Field(examples=["acme/web"])
    blob_delivery: str = Field(description="How the registry hands out layers.", examples=["redirect"])
    probed_at: datetime | None
    probe_error: str = Field(examples=[""])
    former_target: str = Field(
        description="Where content is asked for that is missing at the target, for some time after a repoint; else "
        "empty.",
        examples=["docker.io/acme"],
    )
    former_until: datetime | None = Field(description="How long that is so.")
    published_at: datetime | None = Field(
        alias="account_set_at",
        description="Since when everybody can pull what an account of the tenant's may read there; null: it is not "
        "published. The account itself is never told.",
    )

    standby: str = Field(
        alias="standby_target",
        description="Where it is led once its registry does not answer; after it has failed over, where it led "
        "before. Empty: it has no standby.",
        examples=["quay.io/acme"],
    )
    standby_return_seconds: int = Field(
        description="It is led back by itself once its registry has answered for so long; 0: never.", examples=[0]
    )
    failed_over_at: datetime | None = Field(description="Since when it leads to its standby; null: it does not.")

    @staticmethod
    def resolve_former_target(row: Mapping) -> str:
        """Where it led before, while that counts."""
        former = former_target(row)
        return former.target if former else ""

    @staticmethod
    def resolve_former_until(row: Mapping) -> datetime | None:
        """Until when it counts."""
        former = former_target(row)
        return former.until if former else None


class ProbedMappingOut(MappingOut):
    """A mapping that was probed, and what is known of it now."""

    findings: Findings

    @staticmethod
    def resolve_findings(row: Mapping) -> list[Finding]:
        """Everything that a pull depends on."""
        return findings_of(row)


class MappingOutcome(Schema):
    """The mapping as it is now, whether anything changed, a line for each thing done, and what is known of it."""

    mapping: MappingOut
    changed: bool = Field(examples=[True])
    done: list[str] = Field(alias="notes", examples=[["added mapping docker.acme.com/app → ghcr.io/acme"]])
    findings: Findings

    @staticmethod
    def resolve_findings(outcome: verbs.MappingOutcome) -> list[Finding]:
        """Everything that a pull depends on."""
        return findings_of(outcome.mapping)


class MappingIn(StrictSchema):
    """A mapping to add. Whatever else is missing for it, such as the registry, is made."""

    hostname: Annotated[HostnameText, Field(examples=["docker.acme.com"])]
    prefix: Annotated[
        PrefixText, Field(description="Leading path components; empty: the whole hostname.", examples=["app"])
    ] = ""
    target: Annotated[
        TargetText, Field(description="registry[/upstream-prefix], such as ghcr.io/acme.", examples=["ghcr.io/acme"])
    ]
    tenant: Annotated[
        Text | None,
        Field(description="Slug; whose the hostname is. For one that is created.", examples=["acme"]),
    ] = None
    create_hostname: Annotated[
        bool,
        Field(description="Says that the hostname may be new. For operators of the platform; tenants claim theirs."),
    ] = False
    whole_registry: WholeRegistry = False
    allow_push: bool = False
    private: bool = False
    delivery: Delivery = Delivery.AUTO
    labels: Labels = []
    reason: Reason = ""


class MappingPatch(StrictSchema):
    """What is to change; what isn't given, or null, stays."""

    target: Annotated[
        TargetText | None, Field(description="Where it shall lead; takes a reason.", examples=["quay.io/acme"])
    ] = None
    whole_registry: WholeRegistry = False
    abandon_old: Annotated[
        bool,
        Field(description="Where it led before is asked for nothing from now on, as where it was broken into."),
    ] = False
    enabled: bool | None = None
    allow_push: bool | None = None
    private: bool | None = None
    delivery: Delivery | None = None
    notice: Annotated[
        Text | None,
        Field(
            description="One line of ASCII for those who pull, of 300 characters at most; empty takes it away.",
            examples=["moves to example.com on 1 March"],
        ),
    ] = None
    labels: Labels | None = None
    reason: Reason = ""


class MappingsPatch(StrictSchema):
    """Several mappings to enable or disable: all, or none."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=500, examples=[[17, 18]])]
    enabled: bool = Field(examples=[False])
    reason: Reason = ""


class ProbeIn(StrictSchema):
    """What to ask the registry for."""

    repository: Annotated[
        Text | None,
        Field(description="A repository's name at the registry, below the upstream prefix.", examples=["acme/web"]),
    ] = None
    reason: Reason = ""


class MappingQuery(ListQuery):
    """Which mappings."""

    columns = _COLUMNS
    tenant: OneTenant = None
    hostname: Text | None = None
    prefix: Annotated[Text | None, Field(description="Exactly this one.")] = None
    registry_id: Id | None = None
    enabled: bool | None = None
    label: LabelParam = []
    state: Annotated[
        Literal["on", "off", "blocked"] | None,
        Field(description="Whether clients are served; blocked: by its hostname."),
    ] = None
    search: Annotated[
        Text | None,
        Field(
            description="Words of the hostname, prefix, upstream prefix, label, registry; or an image's name, whole."
        ),
    ] = None
    filter: SavedFilterKey = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


class ExportQuery(QueryParams):
    """Whose mappings."""

    tenant: OneTenant = None
    hostname: Annotated[HostnameText | None, Field(description="Of this hostname alone.")] = None


class MappingNameQuery(QueryParams):
    """What people call a mapping."""

    hostname: Annotated[HostnameText, Field(examples=["docker.acme.com"])]
    prefix: Annotated[PrefixText, Field(description="Empty: the whole hostname.", examples=["app"])] = ""


@router.get("", response={200: list[MappingOut], **NAMING_PROBLEMS}, operation_id="list_mappings")
@paginate(Paging)
def list_mappings(request: HttpRequest, params: Query[MappingQuery]) -> "QuerySet[Mapping]":
    """List mappings, by hostname and prefix."""
    actor = actor_of(request)
    rows = Mapping.objects.viewable_by(actor).with_names()
    return listed(_NOUN, actor, rows, params, "hostname__name", "prefix")


@router.post("", response={201: MappingOutcome, 200: MappingOutcome, **ADDING_PROBLEMS}, operation_id="add_mapping")
def add_mapping(request: HttpRequest, response: HttpResponse, data: MappingIn) -> Status[verbs.MappingOutcome]:
    """Add a mapping. Saying the same again changes nothing, and answers 200.

    A hostname that isn't there yet is refused, unless `create_hostname` says that it is meant; so is a target without a
    path, unless `whole_registry` does.
    """
    outcome = verbs.add_mapping(actor_of(request), data.reason, **data.model_dump(exclude={"reason"}))
    return Status(201 if outcome.changed else 200, _told(response, outcome))


@router.patch("", response={200: list[MappingOut], **NAMING_PROBLEMS}, operation_id="update_mappings")
def update_mappings(request: HttpRequest, data: MappingsPatch) -> list[Mapping]:
    """Enable or disable several mappings: all, or none. Gives those that changed."""
    return verbs.switch_mappings(actor_of(request), data.reason, mapping_ids=data.ids, enabled=data.enabled)


@router.get("/by-name", response={200: MappingOut, **NAMING_PROBLEMS}, operation_id="get_mapping_by_name")
def get_mapping_by_name(request: HttpRequest, response: HttpResponse, params: Query[MappingNameQuery]) -> Mapping:
    """Get the mapping of exactly this hostname and prefix."""
    return tagged(response, verbs.get_mapping(actor_of(request), params.hostname, params.prefix))


@router.get(
    "/export.csv",
    response=PROBLEMS,
    operation_id="export_mappings",
    openapi_extra={
        "responses": {
            200: {
                "description": "A table that `POST /changes/preview-import` reads.",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            }
        }
    },
)
def export_mappings(request: HttpRequest, params: Query[ExportQuery]) -> HttpResponseBase:
    """All mappings, as CSV. What is sent back unchanged as an import changes nothing."""
    wanted = params.model_dump(exclude_none=True)
    names = {"tenant": "tenant__slug", "hostname": "name"}
    hostnames = Hostname.objects.viewable_by(actor_of(request))
    hostnames = hostnames.filter(**{names[name]: value for name, value in wanted.items()})
    lines = csv_of_mappings(mappings_in_order(hostnames))
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")


@router.get("/{mapping_id}", response={200: MappingOut, **ROW_PROBLEMS}, operation_id="get_mapping")
def get_mapping(
    request: HttpRequest, response: HttpResponse, mapping_id: Id, if_match: str | None = IF_MATCH
) -> Mapping:
    """Get a mapping."""
    return looked_at(response, _one(actor_of(request), mapping_id), if_match)


@router.patch("/{mapping_id}", response={200: MappingOutcome, **ROW_PROBLEMS}, operation_id="update_mapping")
def update_mapping(
    request: HttpRequest,
    response: HttpResponse,
    mapping_id: Id,
    data: MappingPatch,
    if_match: str | None = IF_MATCH,
) -> verbs.MappingOutcome:
    """Repoint a mapping, or change its options."""
    outcome = verbs.update_mapping(
        actor_of(request),
        data.reason,
        mapping_id=mapping_id,
        if_match=versions(if_match),
        **data.model_dump(exclude={"reason"}, exclude_none=True),
    )
    return _told(response, outcome)


@router.post("/{mapping_id}/probe", response={200: ProbedMappingOut, **ROW_PROBLEMS}, operation_id="probe_mapping")
def probe_mapping(
    request: HttpRequest, response: HttpResponse, mapping_id: Id, data: ProbeIn, if_match: str | None = IF_MATCH
) -> Mapping:
    """Ask the registry what it wants for this mapping. Takes seconds."""
    actor = actor_of(request)
    probe(actor, data.reason, mapping_id=mapping_id, repository=data.repository, if_match=versions(if_match))
    return tagged(response, _one(actor, mapping_id))


@router.put("/{mapping_id}/publication", response={200: MappingOut, **ROW_PROBLEMS}, operation_id="publish_mapping")
def publish(
    request: HttpRequest,
    response: HttpResponse,
    mapping_id: Id,
    data: AccountIn,
    if_match: str | None = IF_MATCH,
) -> Mapping:
    """Let everybody pull, without credentials, what this account may read at the registry. Takes a reason.

    The account takes the place of any former one. For owners.
    """
    row = publish_mapping(
        actor_of(request),
        data.reason,
        mapping_id=mapping_id,
        user=data.user,
        password=data.password,
        if_match=versions(if_match),
    )
    return tagged(response, row)


@router.delete(
    "/{mapping_id}/publication", response={200: MappingOut, **ROW_PROBLEMS}, operation_id="unpublish_mapping"
)
def unpublish(
    request: HttpRequest,
    response: HttpResponse,
    mapping_id: Id,
    params: Query[DeleteParams],
    if_match: str | None = IF_MATCH,
) -> Mapping:
    """Have clients bring credentials of their own again."""
    outcome = unpublish_mapping(actor_of(request), params.reason, mapping_id=mapping_id, if_match=versions(if_match))
    return tagged(response, outcome.row)


@router.delete("/{mapping_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_mapping")
def delete_mapping(
    request: HttpRequest, mapping_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a mapping; its history stays."""
    verbs.remove_mappings(actor_of(request), params.reason, mapping_ids=[mapping_id], if_match=versions(if_match))
    return Status(204, None)


def _one(actor: Actor, mapping_id: int) -> Mapping:
    return get_row(Mapping.objects.viewable_by(actor).with_names(), mapping_id)


def _told(response: HttpResponse, outcome: verbs.MappingOutcome) -> verbs.MappingOutcome:
    """Tag the answer. Where a mapping leads anew, its registry is asked meanwhile what it wants."""
    tagged(response, outcome.mapping)
    if outcome.asks_anew:
        probe_soon(outcome.mapping)
    return outcome

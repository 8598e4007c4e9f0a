"""Mappings: list, add, change, repoint, switch, probe, remove."""

from datetime import datetime
from typing import Annotated

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.schemas import Given, Id, Listed, Paging, Reason, Text, Why, page
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.permissions import viewable
from routing.services.mappings import mappings as verbs
from routing.services.registries.probes import probe_mapping, probe_soon

router = Router(tags=["mappings"])

Delivery = Mapping.Delivery
Target = Annotated[Text, Field(description="registry[/upstream-prefix], such as ghcr.io/acme.")]


class MappingTold(Schema):
    """Where a prefix of a hostname leads."""

    id: int
    tenant: str
    hostname: str
    prefix: str
    target: str
    registry_id: int
    upstream_prefix: str
    enabled: bool
    allow_push: bool
    private: bool
    delivery: str
    created_at: datetime
    changed_at: datetime
    probed_at: datetime | None
    probe_error: str

    @classmethod
    def of(cls, mapping: Mapping) -> "MappingTold":
        """As the API tells it."""
        return cls(
            id=mapping.pk,
            tenant=mapping.hostname.tenant.slug,
            hostname=mapping.hostname.name,
            **{name: getattr(mapping, name) for name in cls.model_fields if name not in ("id", "tenant", "hostname")},
        )


class Outcome(Schema):
    """The mapping as it is now, and what was done: nothing, where it was so already."""

    mapping: MappingTold
    done: list[str]

    @classmethod
    def of(cls, outcome: verbs.Outcome) -> "Outcome":
        """As the API tells it. A changed mapping's registry is asked what it wants, meanwhile."""
        if outcome.done:
            probe_soon(outcome.mapping)
        return cls(mapping=MappingTold.of(outcome.mapping), done=outcome.done)


class NewMapping(Given):
    """A mapping to add. Whatever is missing for it, such as the registry, is made."""

    hostname: Text
    prefix: Annotated[Text, Field(description="Leading path components; empty: the whole hostname.")] = ""
    target: Target
    tenant: Annotated[Text | None, Field(description="Slug; only needed for a hostname that isn't there yet.")] = None
    allow_push: bool = False
    private: bool = False
    delivery: Delivery = Delivery.AUTO
    reason: Reason = ""


class MappingChange(Given):
    """What is to change; what isn't given, or null, stays."""

    target: Annotated[Text | None, Field(description="Where it shall lead; takes a reason.")] = None
    enabled: bool | None = None
    allow_push: bool | None = None
    private: bool | None = None
    delivery: Delivery | None = None
    reason: Reason = ""


class Switch(Given):
    """Several mappings to switch on or off: all, or none."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=500)]
    enabled: bool
    reason: Reason = ""


class ProbeGiven(Given):
    """What to ask the registry for."""

    repository: Annotated[Text | None, Field(description="A repository's name at the registry.")] = None


class MappingFilters(Paging):
    """Which mappings."""

    tenant: Text | None = None
    hostname: Text | None = None
    prefix: Text | None = None
    registry_id: Id | None = None
    enabled: bool | None = None
    search: Annotated[Text | None, Field(description="A part of the hostname, prefix or upstream prefix.")] = None


@router.get("", response={200: Listed[MappingTold], **PROBLEMS}, operation_id="list_mappings")
def list_mappings(request: HttpRequest, filters: Query[MappingFilters]) -> Listed[MappingTold]:
    """List mappings, by hostname and prefix."""
    given = filters.model_dump(exclude_none=True, include={"prefix", "registry_id", "enabled"})
    if filters.tenant is not None:
        given["hostname__tenant__slug"] = filters.tenant
    if filters.hostname is not None:
        given["hostname__name"] = filters.hostname.lower()
    rows = _visible(actor_of(request)).filter(**given)
    if filters.search:
        words = filters.search
        rows = rows.filter(
            Q(hostname__name__icontains=words) | Q(prefix__icontains=words) | Q(upstream_prefix__icontains=words)
        )
    return page(rows, filters, MappingTold.of)


@router.post("", response={201: Outcome, 200: Outcome, **PROBLEMS}, operation_id="add_mapping")
def add_mapping(request: HttpRequest, given: NewMapping) -> Status[Outcome]:
    """Add a mapping. Saying the same again changes nothing, and answers 200."""
    outcome = verbs.add_mapping(actor_of(request), given.reason, **given.model_dump(exclude={"reason"}))
    return Status(201 if outcome.done else 200, Outcome.of(outcome))


@router.post("/switch", response={200: list[MappingTold], **PROBLEMS}, operation_id="switch_mappings")
def switch_mappings(request: HttpRequest, given: Switch) -> list[MappingTold]:
    """Switch several mappings on or off; gives those that changed."""
    changed = verbs.switch_mappings(actor_of(request), given.reason, mapping_ids=given.ids, enabled=given.enabled)
    return [MappingTold.of(mapping) for mapping in changed]


@router.get("/{mapping_id}", response={200: MappingTold, **PROBLEMS}, operation_id="get_mapping")
def get_mapping(request: HttpRequest, mapping_id: Id) -> MappingTold:
    """Get a mapping."""
    return MappingTold.of(_one(actor_of(request), mapping_id))


@router.patch("/{mapping_id}", response={200: Outcome, **PROBLEMS}, operation_id="change_mapping")
def change_mapping(request: HttpRequest, mapping_id: Id, given: MappingChange) -> Outcome:
    """Repoint a mapping, or change its options."""
    now = _one(actor_of(request), mapping_id)
    options = {
        name: getattr(now, name) if value is None else value
        for name, value in given.model_dump(exclude={"reason", "target"}).items()
    }
    outcome = verbs.edit_mapping(actor_of(request), given.reason, mapping_id=mapping_id, target=given.target, **options)
    return Outcome.of(outcome)


@router.post("/{mapping_id}/probe", response={200: MappingTold, **PROBLEMS}, operation_id="probe_mapping")
def probe(request: HttpRequest, mapping_id: Id, given: ProbeGiven) -> MappingTold:
    """Ask the registry what it wants for this mapping. Takes seconds."""
    probed = probe_mapping(actor_of(request), mapping_id=mapping_id, repository=given.repository)
    return MappingTold.of(_one(actor_of(request), probed.pk))


@router.delete("/{mapping_id}", response={204: None, **PROBLEMS}, operation_id="remove_mapping")
def remove_mapping(request: HttpRequest, mapping_id: Id, why: Query[Why]) -> Status[None]:
    """Remove a mapping; its history stays."""
    verbs.remove_mappings(actor_of(request), why.reason, mapping_ids=[mapping_id])
    return Status(204, None)


def _visible(actor: Actor) -> "QuerySet[Mapping]":
    return viewable(actor, Mapping.objects.select_related("hostname__tenant", "registry"), "hostname__tenant")


def _one(actor: Actor, mapping_id: int) -> Mapping:
    found = _visible(actor).filter(pk=mapping_id).first()
    if found is None:
        raise NotFound("this mapping is gone")
    return found

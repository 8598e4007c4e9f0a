"""Hostnames: list, add, check, enable, disable, suspend, vouch, remove."""

from datetime import datetime
from typing import Annotated, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import ADDING_PROBLEMS, NAMING_PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.findings import Findings
from routing.api.labels import LabelParam, Labels, LabelsOut
from routing.api.listed import SavedFilterKey, listed
from routing.api.lookups import OneTenant, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import (
    DeleteParams,
    HostnameText,
    Id,
    Lines,
    QueryParams,
    Reason,
    ReasonIn,
    Slug,
    StrictSchema,
    SuspensionIn,
    Text,
    Version,
    given_reason,
)
from routing.models import AddressState, Hostname, HostnameClaim
from routing.models.self_test import SelfTestSchedule
from routing.services.base.errors import NotFound
from routing.services.hostnames import claims as claim_verbs
from routing.services.hostnames import hostnames as verbs
from routing.services.hostnames.address import AddressRecord, address_records
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.proof import ProofRecord, proof_record
from routing.services.hostnames.proof_checks import check_hostname as check_proof
from routing.services.lists.terms import SORTS
from routing.services.mappings.findings import Finding, findings_of_hostname

router = Router(tags=["hostnames"])

_NOUN = "hostname"
_COLUMNS = SORTS[_NOUN]


class RecordOut(Schema):
    """A DNS record to set."""

    name: str = Field(examples=["_registry-facade.docker.acme.com"])
    type: str = Field(examples=["TXT"])
    value: str = Field(examples=["registry-facade-proof=3f2c8b1de0a94f5ab6c7d8e9f0a1b2c3"])


class AddressRecordOut(Schema):
    """A DNS record that points a hostname to this facade."""

    name: str = Field(examples=["docker.acme.com"])
    type: str = Field(
        description="A, AAAA or CNAME; ALIAS for a name that can have no CNAME: DNS consoles offer it, or flatten one.",
        examples=["A"],
    )
    value: str = Field(examples=["203.0.113.7"])
    found: bool | None = Field(description="Whether the last look found it; null where nobody knows.", examples=[True])


class ProvableOut(Schema):
    """What hostnames and claims have in common."""

    id: int = Field(examples=[5])
    version: Version
    tenant: str = Field(alias="tenant.slug", examples=["acme"])
    hostname: str = Field(alias="name", examples=["docker.acme.com"])
    record: RecordOut | None = Field(description="The DNS record that proves it.")
    address_records: list[AddressRecordOut] = Field(
        description="The DNS records that point it to this facade: all of them. None where FACADE_ADDRESSES is not set "
        "and no control host is a public name."
    )
    address_state: AddressState = Field(description="Where it points to, as the last look found.", examples=["here"])
    address_finding: str = Field(examples=["docker.acme.com points to this facade: 203.0.113.7."])
    addresses_found: list[str] = Field(examples=[["203.0.113.7"]])
    address_checked_at: datetime | None
    created_at: datetime

    @staticmethod
    def resolve_record(row: Hostname | HostnameClaim) -> ProofRecord | None:
        """The record that proves it."""
        return proof_record(row)

    @staticmethod
    def resolve_address_records(row: Hostname | HostnameClaim) -> list[AddressRecord]:
        """The records that point it here."""
        return address_records(row)

    @staticmethod
    def resolve_addresses_found(row: Hostname | HostnameClaim) -> list[str]:
        """The addresses to which it points."""
        return [address for address in row.addresses_found.split(",") if address]


class HostnameOut(ProvableOut):
    """A name that people pull from. `record` is its proof; none: the platform's operators vouched for it."""

    enabled: bool = Field(examples=[True])
    labels: LabelsOut
    login_registry_id: int | None = Field(description="Where a bare `docker login` goes.", examples=[2])
    suspended: bool = Field(examples=[False])
    suspension_message: str = Field(examples=[""])
    proof_checked_at: datetime | None
    proof_missing_since: datetime | None
    proof_finding: str = Field(description="What is wrong with the proof; empty for nothing.", examples=[""])
    withdrawn_at: datetime | None = Field(description="Not served from then on, until the proof is back.")
    front_title: str = Field(description="The heading of the page that browsers show.", examples=["Images of Acme"])
    front_text: str = Field(description="Plain text below it.", examples=["What we run ourselves."])
    front_link: str = Field(description="The tenant's own site.", examples=["https://acme.com"])
    front_leads_on: bool = Field(description="Visitors are sent to the link at once.", examples=[False])
    front_colour: str = Field(description="Of the bar at the top.", examples=["#134e4a"])
    front_repositories: str = Field(
        description="Those that everybody may know of: one a line, a name, perhaps a link, perhaps words.",
        examples=["acme/app https://acme.com/app The app itself"],
    )
    badge_repositories: bool = Field(
        description="Whether everybody gets badges of the listed repositories: pulls and version.", examples=[False]
    )
    badge_self_test: bool = Field(description="Whether everybody gets the self-test's badge.", examples=[False])
    self_test_schedule: SelfTestSchedule = Field(
        description="How often it is tested by itself: `off`, `daily` or `hourly`.", examples=["daily"]
    )


class ClaimIn(StrictSchema):
    """A hostname to claim: docker.acme.com, or *.pull.acme.com for every name one label below."""

    tenant: Slug
    hostname: Annotated[HostnameText, Field(examples=["docker.acme.com"])]
    reason: Reason = ""


class HostnameIn(ClaimIn):
    """A hostname to add without a proof."""


class ChangedHostnameOut(HostnameOut):
    """A hostname after a change, and what is known of it now."""

    findings: Findings

    @staticmethod
    def resolve_findings(row: Hostname) -> list[Finding]:
        """What every pull from it depends on."""
        return findings_of_hostname(row)


_CHANGED = {200: ChangedHostnameOut, **ROW_PROBLEMS}


class HostnamePatch(StrictSchema):
    """What is to change; what isn't given stays. A null `login_registry_id` takes that away."""

    enabled: bool = True
    login_registry_id: Id | None = None
    front_title: Text = ""
    front_text: Lines = ""
    front_link: Text = ""
    front_leads_on: bool = False
    front_colour: Text = ""
    front_repositories: Lines = ""
    badge_repositories: bool = False
    badge_self_test: bool = False
    self_test_schedule: SelfTestSchedule = SelfTestSchedule.OFF
    labels: Labels = []
    reason: Reason = ""


class HostnameQuery(ListQuery):
    """Which hostnames."""

    columns = _COLUMNS
    tenant: OneTenant = None
    hostname: Annotated[Text | None, Field(description="Exactly this one.")] = None
    enabled: bool | None = None
    suspended: bool | None = None
    proof: Annotated[
        Literal["there", "missing", "vouched"] | None,
        Field(description="Whether its DNS record is there; vouched: the platform answers for it."),
    ] = None
    search: Annotated[Text | None, Field(description="Words of the hostname and its tenant.")] = None
    filter: SavedFilterKey = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


class LabelledHostnameQuery(HostnameQuery):
    """Which hostnames."""

    label: LabelParam = []


class HostnameNameQuery(QueryParams):
    """What people call a hostname."""

    hostname: Annotated[HostnameText, Field(examples=["docker.acme.com"])]


@router.get("", response={200: list[HostnameOut], **NAMING_PROBLEMS}, operation_id="list_hostnames")
@paginate(Paging)
def list_hostnames(request: HttpRequest, params: Query[LabelledHostnameQuery]) -> "QuerySet[Hostname]":
    """List hostnames, by name."""
    actor = actor_of(request)
    rows = Hostname.objects.viewable_by(actor).with_names()
    return listed(_NOUN, actor, rows, params, "name")


@router.post(
    "", response={201: ChangedHostnameOut, 200: ChangedHostnameOut, **ADDING_PROBLEMS}, operation_id="add_hostname"
)
def add_hostname(request: HttpRequest, response: HttpResponse, data: HostnameIn) -> Status[Hostname]:
    """Add a hostname to a tenant without a proof. For operators of the platform; tenants claim.

    One that the tenant has already needs no proof from now on, and is answered with 200.
    """
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, data.tenant)
    name = parse_hostname(data.hostname)
    is_new = not Hostname.objects.filter(name=name).exists()
    hostname = claim_verbs.vouch_hostname(actor, data.reason, tenant_id=tenant.pk, name=name)
    return Status(201 if is_new else 200, tagged(response, hostname))


@router.get("/by-name", response={200: HostnameOut, **NAMING_PROBLEMS}, operation_id="get_hostname_by_name")
def get_hostname_by_name(request: HttpRequest, response: HttpResponse, params: Query[HostnameNameQuery]) -> Hostname:
    """Get the hostname of exactly this name."""
    name = parse_hostname(params.hostname)
    found = Hostname.objects.viewable_by(actor_of(request)).with_names().filter(name=name).first()
    if found is None:
        raise NotFound("this hostname is gone")
    return tagged(response, found)


@router.get("/{hostname_id}", response={200: HostnameOut, **ROW_PROBLEMS}, operation_id="get_hostname")
def get_hostname(
    request: HttpRequest, response: HttpResponse, hostname_id: Id, if_match: str | None = IF_MATCH
) -> Hostname:
    """Get a hostname."""
    return looked_at(response, verbs.get_hostname(actor_of(request), hostname_id), if_match)


@router.patch("/{hostname_id}", response=_CHANGED, operation_id="update_hostname")
def update_hostname(
    request: HttpRequest,
    response: HttpResponse,
    hostname_id: Id,
    data: HostnamePatch,
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Enable or disable a hostname, or say where a bare `docker login` goes, what people find in a browser,
    or how often it is tested.
    """
    outcome = verbs.update_hostname(
        actor_of(request),
        data.reason,
        hostname_id=hostname_id,
        if_match=versions(if_match),
        **data.model_dump(exclude={"reason"}, exclude_unset=True),
    )
    return tagged(response, outcome.row)


@router.post("/{hostname_id}/check", response=_CHANGED, operation_id="check_hostname")
def check_hostname(
    request: HttpRequest,
    response: HttpResponse,
    hostname_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Look for the hostname's records in the DNS, its proof and where it points to, now. Takes seconds."""
    found = check_proof(actor_of(request), given_reason(data), hostname_id=hostname_id, if_match=versions(if_match))
    return tagged(response, found)


@router.post("/{hostname_id}/vouch", response=_CHANGED, operation_id="vouch_hostname")
def vouch_hostname(
    request: HttpRequest,
    response: HttpResponse,
    hostname_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Vouch for a hostname, which needs no proof from now on. For operators of the platform."""
    actor = actor_of(request)
    found = verbs.get_hostname(actor, hostname_id)
    made = claim_verbs.vouch_hostname(
        actor, given_reason(data), tenant_id=found.tenant_id, name=found.name, if_match=versions(if_match)
    )
    return tagged(response, made)


@router.put("/{hostname_id}/suspension", response=_CHANGED, operation_id="suspend_hostname")
def suspend_hostname(
    request: HttpRequest,
    response: HttpResponse,
    hostname_id: Id,
    data: SuspensionIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Suspend a hostname: every request for it is refused. For operators of the platform."""
    said = data or SuspensionIn()
    verbs.suspend_hostnames(
        actor_of(request),
        said.reason,
        hostname_ids=[hostname_id],
        suspended=True,
        message=said.message,
        if_match=versions(if_match),
    )
    return tagged(response, verbs.get_hostname(actor_of(request), hostname_id))


@router.delete("/{hostname_id}/suspension", response=_CHANGED, operation_id="unsuspend_hostname")
def unsuspend_hostname(
    request: HttpRequest,
    response: HttpResponse,
    hostname_id: Id,
    params: Query[DeleteParams],
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Unsuspend a hostname: it is served again. For operators of the platform."""
    verbs.suspend_hostnames(
        actor_of(request), params.reason, hostname_ids=[hostname_id], suspended=False, if_match=versions(if_match)
    )
    return tagged(response, verbs.get_hostname(actor_of(request), hostname_id))


@router.delete("/{hostname_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_hostname")
def delete_hostname(
    request: HttpRequest, hostname_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a hostname that has no mappings left."""
    verbs.remove_hostname(actor_of(request), params.reason, hostname_id=hostname_id, if_match=versions(if_match))
    return Status(204, None)

"""Hostnames and claims: list, claim, check, switch, suspend, vouch, remove."""

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
from routing.api.schemas import DeleteParams, Id, Reason, ReasonIn, StrictSchema, SuspensionIn, Text, Version
from routing.models import Hostname, HostnameClaim
from routing.services.hostnames import claims as claim_verbs
from routing.services.hostnames import hostnames as verbs
from routing.services.hostnames.proof import ProofRecord, proof_record
from routing.services.hostnames.proof_checks import check_hostname as check_proof

router = Router(tags=["hostnames"])
claims = Router(tags=["claims"])


class RecordOut(Schema):
    """A DNS record to set."""

    name: str
    type: str
    value: str


class ProvableOut(Schema):
    """What hostnames and claims have in common."""

    id: int
    version: Version
    tenant: str = Field(alias="tenant.slug")
    name: str
    record: RecordOut | None
    created_at: datetime

    @staticmethod
    def resolve_record(row: Hostname | HostnameClaim) -> ProofRecord | None:
        """The record that proves it."""
        return proof_record(row)


class HostnameOut(ProvableOut):
    """A name that people pull from. `record` is its proof; none: the platform's operators vouched for it."""

    enabled: bool
    login_registry_id: int | None
    suspended: bool
    suspension_message: str
    proof_checked_at: datetime | None
    proof_missing_since: datetime | None
    proof_finding: str
    withdrawn_at: datetime | None


class ClaimOut(ProvableOut):
    """A claim: once the record is there, the name is the tenant's hostname."""

    checked_at: datetime | None
    finding: str


class ClaimCheckOut(Schema):
    """What the DNS says; `hostname` is there once the claim is proved."""

    finding: str
    hostname: HostnameOut | None


class ClaimIn(StrictSchema):
    """A name to claim, or to vouch for: docker.acme.com, or *.pull.acme.com for every name one label below."""

    tenant: Annotated[Text, Field(description="The tenant's slug.")]
    name: Text


class HostnameIn(ClaimIn):
    """A name to vouch for."""

    reason: Reason = ""


class HostnamePatch(StrictSchema):
    """What is to change; what isn't given stays. A null `login_registry_id` takes that away."""

    enabled: bool = True
    login_registry_id: Id | None = None
    reason: Reason = ""


class HostnameQuery(ListQuery):
    """Which hostnames, or claims."""

    tenant: Text | None = None
    name: Text | None = None

    def as_filter(self) -> dict[str, str]:
        """The same, for a queryset."""
        given = {"tenant__slug": self.tenant, "name": self.name and self.name.lower()}
        return {name: value for name, value in given.items() if value is not None}


@router.get("", response={200: list[HostnameOut], **PROBLEMS}, operation_id="list_hostnames")
@paginate(Paging)
def list_hostnames(request: HttpRequest, params: Query[HostnameQuery]) -> "QuerySet[Hostname]":
    """List hostnames, by name."""
    return Hostname.objects.viewable_by(actor_of(request)).with_names().filter(**params.as_filter())


@router.post("", response={200: HostnameOut, **PROBLEMS}, operation_id="vouch_hostname")
def vouch_hostname(request: HttpRequest, response: HttpResponse, data: HostnameIn) -> Hostname:
    """Make a name a tenant's hostname without a proof. For operators of the platform; tenants claim."""
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, data.tenant)
    hostname = claim_verbs.vouch_hostname(actor, data.reason, tenant_id=tenant.pk, name=data.name)
    return tagged(response, hostname)


@router.get("/{hostname_id}", response={200: HostnameOut, **ROW_PROBLEMS}, operation_id="get_hostname")
def get_hostname(
    request: HttpRequest, response: HttpResponse, hostname_id: Id, if_match: str | None = IF_MATCH
) -> Hostname:
    """Get a hostname."""
    return looked_at(response, verbs.get_hostname(actor_of(request), hostname_id), if_match)


@router.patch("/{hostname_id}", response={200: HostnameOut, **ROW_PROBLEMS}, operation_id="update_hostname")
def update_hostname(
    request: HttpRequest,
    response: HttpResponse,
    hostname_id: Id,
    data: HostnamePatch,
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Switch a hostname on or off, or say where a bare `docker login` goes."""
    outcome = verbs.update_hostname(
        actor_of(request),
        data.reason,
        hostname_id=hostname_id,
        if_match=versions(if_match),
        **data.model_dump(exclude={"reason"}, exclude_unset=True),
    )
    return tagged(response, outcome.row)


@router.post("/{hostname_id}/check", response={200: HostnameOut, **ROW_PROBLEMS}, operation_id="check_hostname")
def check_hostname(
    request: HttpRequest,
    response: HttpResponse,
    hostname_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Look for the hostname's proof in the DNS, now. Takes seconds."""
    reason = data.reason if data else ""
    found = check_proof(actor_of(request), reason, hostname_id=hostname_id, if_match=versions(if_match))
    return tagged(response, found)


@router.post("/{hostname_id}/suspension", response={200: HostnameOut, **ROW_PROBLEMS}, operation_id="suspend_hostname")
def suspend_hostname(
    request: HttpRequest, response: HttpResponse, hostname_id: Id, data: SuspensionIn, if_match: str | None = IF_MATCH
) -> Hostname:
    """Suspend a hostname, or unsuspend it. For operators of the platform."""
    verbs.suspend_hostnames(
        actor_of(request),
        data.reason,
        hostname_ids=[hostname_id],
        suspended=data.suspended,
        message=data.message,
        if_match=versions(if_match),
    )
    return tagged(response, verbs.get_hostname(actor_of(request), hostname_id))


@router.delete("/{hostname_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_hostname")
def delete_hostname(
    request: HttpRequest, hostname_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a hostname that has no mappings left."""
    verbs.remove_hostname(actor_of(request), params.reason, hostname_id=hostname_id, if_match=versions(if_match))
    return Status(204, None)


@claims.get("", response={200: list[ClaimOut], **PROBLEMS}, operation_id="list_claims")
@paginate(Paging)
def list_claims(request: HttpRequest, params: Query[HostnameQuery]) -> "QuerySet[HostnameClaim]":
    """List claims that are not proved yet."""
    rows = HostnameClaim.objects.viewable_by(actor_of(request)).with_names().order_by("pk")
    return rows.filter(**params.as_filter())


@claims.post("", response={201: ClaimOut, **PROBLEMS}, operation_id="claim_hostname")
def claim_hostname(request: HttpRequest, response: HttpResponse, data: ClaimIn) -> Status[HostnameClaim]:
    """Claim a hostname for a tenant, and learn which DNS record proves it."""
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, data.tenant)
    return Status(201, tagged(response, claim_verbs.claim_hostname(actor, tenant_id=tenant.pk, name=data.name)))


@claims.get("/{claim_id}", response={200: ClaimOut, **ROW_PROBLEMS}, operation_id="get_claim")
def get_claim(
    request: HttpRequest, response: HttpResponse, claim_id: Id, if_match: str | None = IF_MATCH
) -> HostnameClaim:
    """Get a claim, with the record to set."""
    return looked_at(response, claim_verbs.get_claim(actor_of(request), claim_id), if_match)


@claims.post("/{claim_id}/check", response={200: ClaimCheckOut, **ROW_PROBLEMS}, operation_id="check_claim")
def check_claim(
    request: HttpRequest, claim_id: Id, data: ReasonIn | None = None, if_match: str | None = IF_MATCH
) -> Status[claim_verbs.Checked]:
    """Look for the record, now; where it is there, the hostname is served. Takes seconds."""
    reason = data.reason if data else ""
    found = claim_verbs.check_claim(actor_of(request), reason, claim_id=claim_id, if_match=versions(if_match))
    # Said in full: django-ninja takes a pair for a status and an answer.
    return Status(200, found)


@claims.delete("/{claim_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_claim")
def delete_claim(request: HttpRequest, claim_id: Id, if_match: str | None = IF_MATCH) -> Status[None]:
    """Take a claim back."""
    claim_verbs.remove_claim(actor_of(request), claim_id=claim_id, if_match=versions(if_match))
    return Status(204, None)

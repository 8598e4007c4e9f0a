"""Hostnames and claims: list, claim, check, switch, suspend, vouch, remove."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.schemas import Given, Id, Listed, Paging, Reason, Text, Why, page, registry_by_id, tenant_by_slug
from routing.models import Hostname, HostnameClaim
from routing.services.base.permissions import viewable
from routing.services.hostnames import claims as claim_verbs
from routing.services.hostnames import hostnames as verbs
from routing.services.hostnames.proof import proof_record
from routing.services.hostnames.proof_checks import check_hostname as check_proof

router = Router(tags=["hostnames"])
claims = Router(tags=["claims"])


class Record(Schema):
    """A DNS record to set."""

    name: str
    type: str
    value: str


class HostnameTold(Schema):
    """A name that people pull from. `record` is its proof; none: the platform's operators vouched for it."""

    id: int
    tenant: str
    name: str
    enabled: bool
    login_registry_id: int | None
    suspended: bool
    suspension_message: str
    record: Record | None
    proof_checked_at: datetime | None
    proof_missing_since: datetime | None
    proof_finding: str
    withdrawn_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, hostname: Hostname) -> "HostnameTold":
        """As the API tells it."""
        record = proof_record(hostname)
        return cls(
            id=hostname.pk,
            tenant=hostname.tenant.slug,
            record=Record(**record._asdict()) if record else None,
            **{name: getattr(hostname, name) for name in cls.model_fields if name not in ("id", "tenant", "record")},
        )


class ClaimTold(Schema):
    """A claim: once the record is there, the name is the tenant's hostname."""

    id: int
    tenant: str
    name: str
    record: Record | None
    checked_at: datetime | None
    finding: str
    created_at: datetime

    @classmethod
    def of(cls, claim: HostnameClaim) -> "ClaimTold":
        """As the API tells it."""
        record = proof_record(claim)
        return cls(
            id=claim.pk,
            tenant=claim.tenant.slug,
            record=Record(**record._asdict()) if record else None,
            **{name: getattr(claim, name) for name in cls.model_fields if name not in ("id", "tenant", "record")},
        )


class Checked(Schema):
    """What the DNS says; `hostname` is there once the claim is proved."""

    finding: str
    hostname: HostnameTold | None


class Claimed(Given):
    """A name to claim, or to vouch for: docker.acme.com, or *.pull.acme.com for every name one label below."""

    tenant: Annotated[Text, Field(description="The tenant's slug.")]
    name: Text


class Vouched(Claimed):
    """A name to vouch for."""

    reason: Reason = ""


class HostnameChange(Given):
    """What is to change; what isn't given stays. A null `login_registry_id` takes that away."""

    enabled: bool = True
    login_registry_id: Id | None = None
    reason: Reason = ""


class Suspension(Given):
    """Whether to suspend, and what clients are told."""

    suspended: bool
    message: Annotated[Text, Field(max_length=300)] = ""
    reason: Reason = ""


class HostnameFilters(Paging):
    """Which hostnames, or claims."""

    tenant: Text | None = None
    name: Text | None = None


@router.get("", response={200: Listed[HostnameTold], **PROBLEMS}, operation_id="list_hostnames")
def list_hostnames(request: HttpRequest, filters: Query[HostnameFilters]) -> Listed[HostnameTold]:
    """List hostnames, by name."""
    rows = viewable(actor_of(request), Hostname.objects.select_related("tenant"), "tenant")
    return page(rows.filter(**_given(filters)), filters, HostnameTold.of)


@router.post("", response={200: HostnameTold, **PROBLEMS}, operation_id="vouch_hostname")
def vouch_hostname(request: HttpRequest, given: Vouched) -> HostnameTold:
    """Make a name a tenant's hostname without a proof. For operators of the platform; tenants claim."""
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, given.tenant)
    return HostnameTold.of(claim_verbs.vouch_hostname(actor, given.reason, tenant_id=tenant.pk, name=given.name))


@router.get("/{hostname_id}", response={200: HostnameTold, **PROBLEMS}, operation_id="get_hostname")
def get_hostname(request: HttpRequest, hostname_id: Id) -> HostnameTold:
    """Get a hostname."""
    return HostnameTold.of(verbs.get_hostname(actor_of(request), hostname_id))


@router.patch("/{hostname_id}", response={200: HostnameTold, **PROBLEMS}, operation_id="change_hostname")
def change_hostname(request: HttpRequest, hostname_id: Id, given: HostnameChange) -> HostnameTold:
    """Switch a hostname on or off, or say where a bare `docker login` goes."""
    actor = actor_of(request)
    hostname = verbs.get_hostname(actor, hostname_id)
    if "enabled" in given.model_fields_set:
        hostname.enabled = given.enabled
    if "login_registry_id" in given.model_fields_set:
        wanted = given.login_registry_id
        hostname.login_registry = None if wanted is None else registry_by_id(actor, wanted)
    return HostnameTold.of(verbs.save_hostname(actor, given.reason, hostname))


@router.post("/{hostname_id}/check", response={200: HostnameTold, **PROBLEMS}, operation_id="check_hostname")
def check_hostname(request: HttpRequest, hostname_id: Id) -> HostnameTold:
    """Look for the hostname's proof in the DNS, now. Takes seconds."""
    return HostnameTold.of(check_proof(actor_of(request), hostname_id=hostname_id))


@router.post("/{hostname_id}/suspension", response={200: HostnameTold, **PROBLEMS}, operation_id="suspend_hostname")
def suspend_hostname(request: HttpRequest, hostname_id: Id, given: Suspension) -> HostnameTold:
    """Suspend or unsuspend a hostname. For operators of the platform."""
    verbs.suspend_hostname(
        actor_of(request),
        given.reason,
        hostname_id=hostname_id,
        suspended=given.suspended,
        message=given.message,
    )
    return HostnameTold.of(verbs.get_hostname(actor_of(request), hostname_id))


@router.delete("/{hostname_id}", response={204: None, **PROBLEMS}, operation_id="remove_hostname")
def remove_hostname(request: HttpRequest, hostname_id: Id, why: Query[Why]) -> Status[None]:
    """Remove a hostname that has no mappings left."""
    verbs.remove_hostname(actor_of(request), why.reason, hostname_id=hostname_id)
    return Status(204, None)


@claims.get("", response={200: Listed[ClaimTold], **PROBLEMS}, operation_id="list_claims")
def list_claims(request: HttpRequest, filters: Query[HostnameFilters]) -> Listed[ClaimTold]:
    """List claims that are not proved yet."""
    rows = viewable(actor_of(request), HostnameClaim.objects.select_related("tenant").order_by("pk"), "tenant")
    return page(rows.filter(**_given(filters)), filters, ClaimTold.of)


@claims.post("", response={201: ClaimTold, **PROBLEMS}, operation_id="claim_hostname")
def claim_hostname(request: HttpRequest, given: Claimed) -> Status[ClaimTold]:
    """Claim a hostname for a tenant, and learn which DNS record proves it."""
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, given.tenant)
    return Status(201, ClaimTold.of(claim_verbs.claim_hostname(actor, tenant_id=tenant.pk, name=given.name)))


@claims.get("/{claim_id}", response={200: ClaimTold, **PROBLEMS}, operation_id="get_claim")
def get_claim(request: HttpRequest, claim_id: Id) -> ClaimTold:
    """Get a claim, with the record to set."""
    return ClaimTold.of(claim_verbs.get_claim(actor_of(request), claim_id))


@claims.post("/{claim_id}/check", response={200: Checked, **PROBLEMS}, operation_id="check_claim")
def check_claim(request: HttpRequest, claim_id: Id) -> Checked:
    """Look for the record, now; where it is there, the hostname is served. Takes seconds."""
    found = claim_verbs.check_claim(actor_of(request), claim_id=claim_id)
    return Checked(finding=found.finding, hostname=HostnameTold.of(found.hostname) if found.hostname else None)


@claims.delete("/{claim_id}", response={204: None, **PROBLEMS}, operation_id="remove_claim")
def remove_claim(request: HttpRequest, claim_id: Id) -> Status[None]:
    """Take a claim back."""
    claim_verbs.remove_claim(actor_of(request), claim_id=claim_id)
    return Status(204, None)


def _given(filters: HostnameFilters) -> dict[str, str]:
    given = {"tenant__slug": filters.tenant, "name": filters.name and filters.name.lower()}
    return {name: value for name, value in given.items() if value is not None}

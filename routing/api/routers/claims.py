"""Claims of hostnames: list, claim, check, vouch, take back."""

from datetime import datetime
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import ADDING_PROBLEMS, PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.lookups import OneTenant, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.routers.hostnames import ChangedHostnameOut, ClaimIn, ProvableOut
from routing.api.schemas import DeleteParams, Id, ReasonIn, Text, given_reason
from routing.models import Hostname, HostnameClaim
from routing.services.base.errors import Gathered
from routing.services.hostnames import claims as claim_verbs
from routing.services.hostnames.claim_rules import claimable_name

router = Router(tags=["claims"])

_COLUMNS = {"hostname": "name", "tenant": "tenant__slug", "created_at": "created_at"}


class ClaimOut(ProvableOut):
    """A claim: once the record is there, the name is the tenant's hostname."""

    checked_at: datetime | None
    finding: str = Field(examples=["There is no record at _registry-facade.docker.acme.com: the name does not exist."])


class ClaimCheckOut(Schema):
    """What the DNS says. A claim that is proved is a hostname from now on, and a claim no more."""

    hostname: str = Field(examples=["docker.acme.com"])
    proved: bool = Field(examples=[True])
    hostname_id: int | None = Field(description="The hostname's id once it is proved.", examples=[5])
    finding: str = Field(examples=["The record is there: TXT at _registry-facade.docker.acme.com."])


class ClaimQuery(ListQuery):
    """Which claims."""

    columns = _COLUMNS
    tenant: OneTenant = None
    hostname: Annotated[Text | None, Field(description="Exactly this one.")] = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


@router.get("", response={200: list[ClaimOut], **PROBLEMS}, operation_id="list_claims")
@paginate(Paging)
def list_claims(request: HttpRequest, params: Query[ClaimQuery]) -> "QuerySet[HostnameClaim]":
    """List claims that are not proved yet, the oldest first."""
    given = {"tenant__slug": params.tenant, "name": params.hostname and params.hostname.lower()}
    wanted = {name: value for name, value in given.items() if value is not None}
    rows = HostnameClaim.objects.viewable_by(actor_of(request)).with_names().filter(**wanted)
    return params.in_order(rows, "pk")


@router.post("", response={201: ClaimOut, **ADDING_PROBLEMS}, operation_id="claim_hostname")
def claim_hostname(request: HttpRequest, response: HttpResponse, data: ClaimIn) -> Status[HostnameClaim]:
    """Claim a hostname for a tenant, and learn which DNS record proves it."""
    actor = actor_of(request)
    gathered = Gathered()
    with gathered:
        tenant = tenant_by_slug(actor, data.tenant)
    with gathered:
        claimable_name(data.hostname)
    gathered.raise_any()
    claim = claim_verbs.claim_hostname(actor, data.reason, tenant_id=tenant.pk, name=data.hostname)
    return Status(201, tagged(response, claim))


@router.get("/{claim_id}", response={200: ClaimOut, **ROW_PROBLEMS}, operation_id="get_claim")
def get_claim(
    request: HttpRequest, response: HttpResponse, claim_id: Id, if_match: str | None = IF_MATCH
) -> HostnameClaim:
    """Get a claim, with the record to set."""
    return looked_at(response, claim_verbs.get_claim(actor_of(request), claim_id), if_match)


@router.post("/{claim_id}/check", response={200: ClaimCheckOut, **ROW_PROBLEMS}, operation_id="check_claim")
def check_claim(
    request: HttpRequest, claim_id: Id, data: ReasonIn | None = None, if_match: str | None = IF_MATCH
) -> dict[str, object]:
    """Look for the record, now; where it is there, the hostname is served. Takes seconds."""
    actor, reason = actor_of(request), given_reason(data)
    claim = claim_verbs.get_claim(actor, claim_id)
    found = claim_verbs.check_claim(actor, reason, claim_id=claim_id, if_match=versions(if_match))
    made = found.hostname
    return {
        "hostname": claim.name,
        "proved": made is not None,
        "hostname_id": made and made.pk,
        "finding": found.finding,
    }


@router.post("/{claim_id}/vouch", response={200: ChangedHostnameOut, **ROW_PROBLEMS}, operation_id="vouch_claim")
def vouch_claim(
    request: HttpRequest,
    response: HttpResponse,
    claim_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Hostname:
    """Vouch for a claim, which is a hostname from now on, without a proof. For operators of the platform."""
    actor, reason = actor_of(request), given_reason(data)
    claim = claim_verbs.get_claim(actor, claim_id)
    made = claim_verbs.vouch_hostname(
        actor, reason, tenant_id=claim.tenant_id, name=claim.name, if_match=versions(if_match)
    )
    return tagged(response, made)


@router.delete("/{claim_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_claim")
def delete_claim(
    request: HttpRequest, claim_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Take a claim back."""
    claim_verbs.remove_claim(actor_of(request), params.reason, claim_id=claim_id, if_match=versions(if_match))
    return Status(204, None)

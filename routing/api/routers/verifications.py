"""Verifications: compare where mappings lead with where they would lead. Start one, look at it, stop it."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, PROBLEMS
from routing.api.lookups import OneTenant
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import Id, QueryParams, Reason, ReasonIn, StrictSchema, TargetText, Text, given_reason
from routing.models import Verification, VerificationDifference
from routing.models.verification import VerificationState
from routing.services.verifications import verifications as verbs
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.reports import csv_lines, plan_of, switch_facts
from routing.verification.contents import Blobs
from routing.verification.copy_plan import Tool
from routing.verification.differences import Kind

router = Router(tags=["verifications"])

_COLUMNS = {"created_at": "created_at", "finished_at": "finished_at", "difference_count": "difference_count"}
_KINDS = "\n".join(f"- `{kind}`: {kind.meaning}" for kind in Kind)


def _text(content_type: str, description: str) -> dict[str, Any]:
    """What the document says of an answer that is no JSON."""
    content = {content_type: {"schema": {"type": "string"}}}
    return {"responses": {200: {"description": description, "content": content}}}


class SwitchOut(Schema):
    """A mapping, where it leads, and where it would lead."""

    mapping_id: int = Field(examples=[17])
    source: str = Field(examples=["docker.acme.com/app"])
    old_target: str = Field(examples=["docker.io/acme/app"])
    new_target: str = Field(examples=["ghcr.io/acme/app"])


class VerificationOut(Schema):
    """A report. It is over once `finished_at` is set; it is clean where all was compared and nothing differs."""

    id: int = Field(examples=[3])
    tenant: str | None = Field(description="Whose it is, by slug; null: several tenants'.", examples=["acme"])
    change_set: int | None = Field(description="The change set that it is about, where it is one's.", examples=[None])
    state: VerificationState = Field(examples=["done"])
    is_clean: bool = Field(examples=[False])
    switches: list[SwitchOut]
    total: int = Field(description="How many references there are to compare.", examples=[305])
    compared: int = Field(examples=[305])
    difference_count: int = Field(examples=[2])
    counts: dict[str, int] = Field(description="Differences by kind.", examples=[{"missing-tag": 2}])
    cost: dict[str, int] = Field(
        description="What it was thought to take, before it began: requests, counted_pulls, seconds.",
        examples=[{"requests": 1200, "counted_pulls": 0, "seconds": 120}],
    )
    requests: int = Field(description="What registries were asked until now.", examples=[1187])
    counted_pulls: int = Field(description="Of these, what Docker Hub counts as pulls.", examples=[0])
    notes: list[str] = Field(examples=[[]])
    trouble: str = Field(description="What it waits for, or why the last step came to nothing.", examples=[""])
    created_at: datetime
    finished_at: datetime | None

    @staticmethod
    def resolve_tenant(row: Verification) -> str | None:
        """Whose it is, by slug."""
        return row.tenant.slug if row.tenant else None

    @staticmethod
    def resolve_switches(row: Verification) -> list[dict[str, Any]]:
        """What is compared."""
        return switch_facts(row)


class DifferenceOut(Schema):
    """One thing that would be another after the switch."""

    kind: str = Field(description=f"What kind it is.\n\n{_KINDS}", examples=["missing-tag"])
    source: str = Field(description="As people pull it.", examples=["docker.acme.com/app"])
    reference: str = Field(description="A tag or digest; empty: all of it.", examples=["1.0"])
    detail: str = Field(examples=["linux/arm64"])
    old_repository: str = Field(examples=["acme/app"])
    new_repository: str = Field(examples=["acme/app"])
    old_digest: str = Field(examples=[f"sha256:{'0' * 64}"])
    new_digest: str = Field(examples=[""])


class CandidateIn(StrictSchema):
    """A mapping, and where it would lead."""

    mapping_id: Annotated[Id, Field(examples=[17])]
    target: Annotated[TargetText, Field(description="registry[/upstream-prefix].", examples=["ghcr.io/acme"])]


class VerificationIn(StrictSchema):
    """What to compare, and how much of it."""

    candidates: Annotated[list[CandidateIn], Field(min_length=1, max_length=verbs.MAX_CANDIDATES)]
    add: Annotated[
        list[Text],
        Field(
            max_length=verbs.MAX_ADDED,
            description="References beside those that the old registry lists: a tag, a digest, or repository:tag below "
            "the mapping's prefix.",
            examples=[["1.0"]],
        ),
    ] = []
    blobs: Annotated[Blobs, Field(description="Which layers it is asked for whether they are there.")] = Blobs.SAMPLE
    cost_only: Annotated[bool, Field(description="Find out what it would take, and compare nothing.")] = False
    reason: Reason = ""


class VerificationQuery(ListQuery):
    """Which reports."""

    columns = _COLUMNS
    tenant: OneTenant = None
    change_set: Annotated[Id | None, Field(description="Those of this change set alone.")] = None
    state: VerificationState | None = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


class DifferenceQuery(ListQuery):
    """Which differences."""

    columns = {"source": "source", "kind": "kind"}
    kind: Annotated[Kind | None, Field(description="Those of this kind alone.")] = None
    sort: Annotated[Text | None, Sortable({"source": "source", "kind": "kind"})] = None


class PlanQuery(QueryParams):
    """For which tool."""

    tool: Annotated[Tool, Field(description="What copies.", examples=["skopeo"])]


@router.get("", response={200: list[VerificationOut], **PROBLEMS}, operation_id="list_verifications")
@paginate(Paging)
def list_verifications(request: HttpRequest, params: Query[VerificationQuery]) -> "QuerySet[Verification]":
    """List reports, the newest first."""
    given = {"tenant__slug": params.tenant, "state": params.state, "change_set": params.change_set}
    wanted = {name: value for name, value in given.items() if value is not None}
    rows = Verification.objects.viewable_by(actor_of(request)).with_names().filter(**wanted)
    return params.in_order(rows, "-pk")


@router.post("", response={201: VerificationOut, **NAMING_PROBLEMS}, operation_id="start_verification")
def start_verification(request: HttpRequest, data: VerificationIn) -> Status[Verification]:
    """Begin a report. It is made meanwhile; look at it until `finished_at` is set."""
    row = verbs.start_verification(
        actor_of(request),
        data.reason,
        candidates=[Candidate(each.mapping_id, each.target) for each in data.candidates],
        options=verbs.Options(add=tuple(data.add), blobs=data.blobs, cost_only=data.cost_only),
    )
    return Status(201, row)


@router.get("/{verification_id}", response={200: VerificationOut, **NAMING_PROBLEMS}, operation_id="get_verification")
def get_verification(request: HttpRequest, verification_id: Id) -> Verification:
    """Get a report, as far as it is."""
    return verbs.get_verification(actor_of(request), verification_id)


@router.get(
    "/{verification_id}/differences",
    response={200: list[DifferenceOut], **NAMING_PROBLEMS},
    operation_id="list_differences",
)
@paginate(Paging)
def list_differences(
    request: HttpRequest, verification_id: Id, params: Query[DifferenceQuery]
) -> "QuerySet[VerificationDifference]":
    """List what a report has found until now, in the order in which it was found."""
    found = verbs.get_differences(actor_of(request), verification_id=verification_id, kind=params.kind or "")
    return params.in_order(found, "pk")


@router.get(
    "/{verification_id}/differences.csv",
    response=NAMING_PROBLEMS,
    operation_id="export_differences",
    openapi_extra=_text("text/csv", "The differences."),
)
def export_differences(request: HttpRequest, verification_id: Id) -> HttpResponseBase:
    """All that a report has found until now, as CSV."""
    found = verbs.get_differences(actor_of(request), verification_id=verification_id)
    return StreamingHttpResponse(csv_lines(found.iterator()), content_type="text/csv; charset=utf-8")


@router.get(
    "/{verification_id}/plan",
    response=NAMING_PROBLEMS,
    operation_id="get_copy_plan",
    openapi_extra=_text("text/plain", "The script, or the file."),
)
def get_copy_plan(request: HttpRequest, verification_id: Id, params: Query[PlanQuery]) -> HttpResponse:
    """A script that copies what is missing at the candidate, digests pinned; for regsync a file."""
    row = verbs.get_verification(actor_of(request), verification_id)
    return HttpResponse(plan_of(row, params.tool), content_type="text/plain; charset=utf-8")


@router.post(
    "/{verification_id}/stop", response={200: VerificationOut, **NAMING_PROBLEMS}, operation_id="stop_verification"
)
def stop_verification(request: HttpRequest, verification_id: Id, data: ReasonIn | None = None) -> Verification:
    """Have a report end where it is. What was found by then stays."""
    return verbs.stop_verification(actor_of(request), given_reason(data), verification_id=verification_id)

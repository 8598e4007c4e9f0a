"""Change sets: draft, review, approve, apply, undo; and rolling one mapping back."""

from datetime import datetime
from typing import Annotated, Any, Self

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import AwareDatetime, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from routing.api.auth import actor_of
from routing.api.errors import ADDING_PROBLEMS, CHANGING_PROBLEMS, PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.lookups import OneTenant
from routing.api.pagination import ListQuery, Paging
from routing.api.routers.verifications import VerificationOut
from routing.api.schemas import (
    HostnameText,
    Id,
    Reason,
    ReasonIn,
    StrictSchema,
    TargetText,
    Text,
    Version,
    given_reason,
)
from routing.models import ChangeSet, Mapping, Verification
from routing.models.change_set import ChangeSetState
from routing.models.verification import VerificationState
from routing.services.base.actor import Actor
from routing.services.changes import applying, approval, drafts, imports, steps
from routing.services.changes.calendar import coming
from routing.services.changes.diff import diff
from routing.services.changes.guards import Words, guards_of
from routing.services.changes.imports import Deed, Preview
from routing.services.changes.plan import LEAST_PAUSE, MOST_PAUSE, MOST_STEPS, PAUSE, Plan, facts_of_steps, plan_of
from routing.services.changes.reports import report_of, verify_set
from routing.services.changes.schedule import schedule
from routing.services.changes.wishes import MAX_SET_ROWS, Wish, wishes_to_repoint
from routing.services.registries.targets import parse_target
from routing.services.verifications.verifications import Options
from routing.verification.contents import Blobs

router = Router(tags=["change sets"])
roll_backs = Router(tags=["mappings"])

Delivery = Mapping.Delivery
Message = Annotated[
    Text, Field(description="Why; kept in the history of every mapping.", examples=["CHG-4211: to GitHub"])
]
Checksum = Annotated[
    Text, Field(description="Of what was reviewed, as the change set has it.", examples=["9f86d081884c7d65…"])
]
CredentialsMove = Annotated[
    bool, Field(description="Says that callers' credentials may go to another registry from then on.")
]
TableText = Annotated[
    str,
    # No request's body is longer.
    StringConstraints(max_length=2_621_440),
    Field(
        description="CSV, with a line of headings: `hostname`, `prefix`, and any of `target`, `enabled`, `private`, "
        "`allow_push` and `delivery`. An empty field changes nothing; a mapping that isn't there yet is added.",
        examples=["hostname,prefix,target\ndocker.acme.com,app,ghcr.io/acme/app\n"],
    ),
]


class ChangeSetStepOut(Schema):
    """One thing about a mapping that changes, in words."""

    what: str = Field(examples=["target"])
    before: str = Field(examples=["docker.io/acme/app"])
    after: str = Field(examples=["ghcr.io/acme/app"])


class LineOut(Schema):
    """One mapping, and what becomes of it."""

    mapping_id: int | None = Field(description="Null: it is added.", examples=[17])
    mapping: str = Field(alias="source", examples=["docker.acme.com/app"])
    steps: list[ChangeSetStepOut]


class LookOut(Schema):
    """What the health gate saw when it looked last, of the repositories that the steps have moved."""

    requests: int = Field(description="For manifests, since the last step.", examples=[420])
    bad: int = Field(description="Of these, how many were refused or failed.", examples=[1])
    requests_before: int = Field(description="Of the same repositories in the day before the step.", examples=[9600])
    bad_before: int = Field(examples=[12])
    asked: int = Field(description="How many images were asked for where the step leads, by HEAD.", examples=[8])
    missing: list[str] = Field(description="What can't be had there.", examples=[[]])
    waits: str = Field(
        description="Why the next step waits, whatever the time; empty where it does not.", examples=[""]
    )


class StepsOut(Schema):
    """In which steps a change set is applied, and where it is."""

    shares: list[float] = Field(description="Of the repositories, in per cent.", examples=[[5, 25, 100]])
    pause_seconds: int = Field(examples=[600])
    made: int = Field(description="How many of the steps were made.", examples=[1])
    stepped_at: datetime | None = Field(description="When the last one was made.")
    next_at: datetime | None = Field(description="When the next one is to be made.")
    looked_at: datetime | None = Field(description="When the health gate looked last; null while it sees nothing.")
    looked: LookOut | None


class ChangeSetOut(Schema):
    """Changes of mappings that are reviewed, applied and undone as one."""

    id: int = Field(examples=[8])
    version: Version
    tenant: str | None = Field(description="Slug; null: mappings of several.", examples=["acme"])
    message: str = Field(examples=["CHG-4211: to GitHub"])
    state: ChangeSetState = Field(examples=["draft"])
    size: int = Field(description="How many mappings it changes.", examples=[40])
    checksum: Checksum
    undoes: int | None = Field(description="The change set that it takes back.", examples=[None])
    drafted_by: str = Field(examples=["alice"])
    drafted_at: datetime
    approved_by: str = Field(examples=[""])
    approved_at: datetime | None
    apply_at: datetime | None = Field(description="When it is to be applied.")
    due_at: datetime | None = Field(
        description="When it is to be applied, or its next step made; null: nothing is to come."
    )
    scheduled_by: str = Field(examples=[""])
    skip_verification: str = Field(
        description="Why it is not verified just before its time; empty: it is, where it points mappings elsewhere.",
        examples=[""],
    )
    refusal: str = Field(description="Why it was not applied when its time came.", examples=[""])
    applied_by: str = Field(examples=[""])
    applied_at: datetime | None
    generation: int | None = Field(description="Workers that have this one have all of it.", examples=[None])
    steps: StepsOut | None = Field(description="Null: it is applied at once.")

    @staticmethod
    def resolve_steps(row: ChangeSet) -> dict[str, Any] | None:
        """Where it is."""
        return facts_of_steps(row)

    @staticmethod
    def resolve_tenant(row: ChangeSet) -> str | None:
        """Whose it is."""
        return row.tenant.slug if row.tenant else None


class GuardsOut(Schema):
    """What has to be said to apply it; an empty text: nothing."""

    confirm: str = Field(description="Why its number of mappings has to be given.", examples=[""])
    credentials_move: str = Field(description="Whose credentials go elsewhere.", examples=[""])
    approval: str = Field(description="Why a second person has to approve it.", examples=[""])


class SetReportOut(Schema):
    """The newest verification of a change set, in short."""

    id: int = Field(examples=[3])
    state: VerificationState = Field(examples=["done"])
    is_clean: bool = Field(description="All was compared, and nothing differs.", examples=[True])
    total: int = Field(examples=[305])
    compared: int = Field(examples=[305])
    difference_count: int = Field(examples=[0])
    finished_at: datetime | None
    misfits: list[str] = Field(
        description="Why it doesn't tell what this draft would do.", examples=[["it is older than the draft"]]
    )


class ReviewOut(Schema):
    """A change set as it is reviewed."""

    change_set: ChangeSetOut
    changes: list[LineOut]
    guards: GuardsOut
    differences: list[str] = Field(
        description="What was changed since, so that it can't be applied.",
        examples=[["the mapping docker.acme.com/app is gone"]],
    )
    report: SetReportOut | None = Field(description="Its verification report; null: there is none.")


class RepointIn(StrictSchema):
    """All mappings that lead to one registry, to another; what follows keeps its place there."""

    source: Annotated[TargetText, Field(description="registry[/upstream-prefix].", examples=["docker.io/acme"])]
    target: Annotated[TargetText, Field(description="registry[/upstream-prefix].", examples=["ghcr.io/acme"])]
    tenant: OneTenant = None
    hostname: Annotated[HostnameText | None, Field(description="Of this hostname alone.")] = None


class WishIn(StrictSchema):
    """What one mapping shall be; what isn't given, or null, stays."""

    mapping_id: Id
    target: Annotated[TargetText | None, Field(examples=["ghcr.io/acme"])] = None
    enabled: bool | None = None
    private: bool | None = None
    allow_push: bool | None = None
    delivery: Delivery | None = None


class ChangeSetIn(StrictSchema):
    """A change set to draft: of `repoint`, of `mappings`, or of a table."""

    message: Message
    repoint: RepointIn | None = None
    mappings: Annotated[list[WishIn] | None, Field(min_length=1, max_length=MAX_SET_ROWS)] = None
    csv: TableText | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(given is not None for given in (self.repoint, self.mappings, self.csv)) != 1:
            raise PydanticCustomError("required", "Give one of repoint, mappings and csv.")
        return self


class ImportIn(StrictSchema):
    """A table of mappings."""

    csv: TableText


class ImportLineOut(Schema):
    """A line of a table that does something, or is wrong."""

    line: int = Field(alias="number", description="Its number; the headings are line 1.", examples=[2])
    mapping: str = Field(alias="source", description="Empty where it can't be read.", examples=["docker.acme.com/app"])
    deed: Deed = Field(examples=["repoint"])
    steps: list[ChangeSetStepOut]
    error: str = Field(alias="wrong", description="What is wrong with it.", examples=[""])


class ImportOut(Schema):
    """What a table would do. Lines that change nothing are counted, and not listed."""

    total: int = Field(description="How many lines there are, without the headings.", examples=[200])
    counts: dict[Deed, int] = Field(description="Lines by what they do.", examples=[{"add": 190, "error": 10}])
    can_be_drafted: bool = Field(description="Something changes, and nothing is wrong.", examples=[False])
    problem: str = Field(description="What is wrong with the whole, though with no line.", examples=[""])
    lines: list[ImportLineOut]


class VerifySetIn(StrictSchema):
    """How much is compared."""

    blobs: Annotated[Blobs, Field(description="Which layers it is asked for whether they are there.")] = Blobs.SAMPLE
    cost_only: Annotated[bool, Field(description="Find out what it would take, and compare nothing.")] = False
    reason: Reason = ""


class ChangeSetPatch(StrictSchema):
    """Another draft of it, on what is there now."""

    message: Annotated[Text | None, Field(description="Null: as it is.")] = None


class ReviewedIn(StrictSchema):
    """What was reviewed."""

    checksum: Checksum
    reason: Reason = ""


class ApplyIn(StrictSchema):
    """What was reviewed, and what has to be said."""

    checksum: Checksum
    confirm: Annotated[
        int | None, Field(ge=1, description="How many mappings it changes, where that is asked for.", examples=[40])
    ] = None
    credentials_move: CredentialsMove = False
    steps: Annotated[
        list[float] | None,
        Field(
            max_length=MOST_STEPS,
            description="Not at once, but these shares of the repositories after each other, in per cent; the last is "
            "100. Between them the health gate looks; where it finds too much, all is led back.",
            examples=[[5, 25, 100]],
        ),
    ] = None
    pause_seconds: Annotated[
        int, Field(ge=LEAST_PAUSE, le=MOST_PAUSE, description="Between two steps.", examples=[PAUSE])
    ] = PAUSE

    @property
    def plan(self) -> Plan | None:
        """The steps; None: at once. Raises ServiceError."""
        return None if self.steps is None else plan_of(self.steps, self.pause_seconds)


class ScheduleIn(ApplyIn):
    """When."""

    at: Annotated[AwareDatetime, Field(description="With its time zone.", examples=["2026-03-01T22:00:00Z"])]
    skip_verification: Annotated[
        Reason,
        Field(
            description="Why it is applied without being verified just before; empty: it is verified, and any "
            "difference that its report did not have keeps it back.",
            examples=[""],
        ),
    ] = ""


class UndoIn(StrictSchema):
    """Why, and what has to be said."""

    message: Message
    credentials_move: CredentialsMove = False


class RollBackIn(UndoIn):
    """To which entry of the mapping's history."""

    to: Annotated[Id, Field(description="The entry's `number`.", examples=[41])]


class ChangeSetQuery(ListQuery):
    """Which change sets."""

    tenant: OneTenant = None
    state: ChangeSetState | None = None
    coming: bool = Field(False, description="Only those of which something is to come, the next first.")


@router.get("", response={200: list[ChangeSetOut], **PROBLEMS}, operation_id="list_change_sets")
@paginate(Paging)
def list_change_sets(request: HttpRequest, params: Query[ChangeSetQuery]) -> "QuerySet[ChangeSet]":
    """List change sets, the newest first; or what is to come."""
    rows = ChangeSet.objects.viewable_by(actor_of(request)).with_names().defer("rows", "basis")
    if params.tenant is not None:
        rows = rows.filter(tenant__slug=params.tenant)
    if params.state is not None:
        rows = rows.filter(state=params.state)
    return coming(rows) if params.coming else params.in_order(rows, "-pk")


@router.post("", response={201: ReviewOut, **ADDING_PROBLEMS}, operation_id="draft_change_set")
def draft_change_set(request: HttpRequest, response: HttpResponse, data: ChangeSetIn) -> Status[dict[str, Any]]:
    """Draft a change set. Nothing is changed by that, but that registries that are missing are added.

    `POST /changes/preview-import` tells of each line of a table what it would do.
    """
    actor = actor_of(request)
    change_set = drafts.draft(actor, data.message, wishes=_wishes(actor, data))
    return Status(201, _review(actor, tagged(response, change_set)))


@router.post("/preview-import", response={200: ImportOut, **PROBLEMS}, operation_id="preview_import")
def preview_import(request: HttpRequest, data: ImportIn) -> Preview:
    """Tell what a table would do, line by line. Nothing is written. To draft it, send it to `POST /changes`."""
    return imports.preview_import(actor_of(request), data.csv)


@router.get("/{change_set_id}", response={200: ReviewOut, **ROW_PROBLEMS}, operation_id="get_change_set")
def get_change_set(
    request: HttpRequest, response: HttpResponse, change_set_id: Id, if_match: str | None = IF_MATCH
) -> dict[str, Any]:
    """Review a change set: what it changes, what has to be said, and what was changed since."""
    actor = actor_of(request)
    return _review(actor, looked_at(response, drafts.get_change_set(actor, change_set_id), if_match))


@router.patch("/{change_set_id}", response={200: ReviewOut, **CHANGING_PROBLEMS}, operation_id="redraft_change_set")
def redraft_change_set(
    request: HttpRequest,
    response: HttpResponse,
    change_set_id: Id,
    data: ChangeSetPatch,
    if_match: str | None = IF_MATCH,
) -> dict[str, Any]:
    """Draft a change set once more, on what is there now. Its approval ends."""
    actor = actor_of(request)
    change_set = drafts.redraft(actor, change_set_id=change_set_id, message=data.message, if_match=versions(if_match))
    return _review(actor, tagged(response, change_set))


@router.post(
    "/{change_set_id}/verify", response={201: VerificationOut, **ADDING_PROBLEMS}, operation_id="verify_change_set"
)
def verify_change_set(request: HttpRequest, change_set_id: Id, data: VerifySetIn | None = None) -> Status[Verification]:
    """Begin the report of a change set: what differs where its mappings would lead. It is made meanwhile."""
    given = data or VerifySetIn()
    options = Options(blobs=given.blobs, cost_only=given.cost_only)
    return Status(201, verify_set(actor_of(request), given.reason, change_set_id=change_set_id, options=options))


@router.post(
    "/{change_set_id}/approve", response={200: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="approve_change_set"
)
def approve_change_set(
    request: HttpRequest, response: HttpResponse, change_set_id: Id, data: ReviewedIn, if_match: str | None = IF_MATCH
) -> ChangeSet:
    """Approve a change set as it was reviewed. Whoever drafted it can't."""
    change_set = approval.approve(
        actor_of(request),
        data.reason,
        change_set_id=change_set_id,
        checksum=data.checksum,
        if_match=versions(if_match),
    )
    return tagged(response, change_set)


@router.post(
    "/{change_set_id}/apply", response={200: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="apply_change_set"
)
def apply_change_set(
    request: HttpRequest, response: HttpResponse, change_set_id: Id, data: ApplyIn, if_match: str | None = IF_MATCH
) -> ChangeSet:
    """Apply a change set as it was reviewed: all of it at once, or nothing where anything was changed since (409).

    With `steps` it is begun, and applied once the last of them is made.
    """
    given: dict[str, Any] = {
        "change_set_id": change_set_id,
        "checksum": data.checksum,
        "if_match": versions(if_match),
    }
    words = Words(data.confirm, data.credentials_move)
    if (plan := data.plan) is not None:
        change_set = steps.apply_in_steps(actor_of(request), **given, words=words, plan=plan)
    else:
        change_set = applying.apply(actor_of(request), **given, words=words)
    return tagged(response, change_set)


@router.post("/{change_set_id}/go-on", response={200: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="make_next_step")
def make_next_step(
    request: HttpRequest, response: HttpResponse, change_set_id: Id, if_match: str | None = IF_MATCH
) -> ChangeSet:
    """Make the next step of a change set now, before its time (409 where the health gate has not looked lately)."""
    change_set = steps.go_on(actor_of(request), change_set_id=change_set_id, if_match=versions(if_match))
    return tagged(response, change_set)


@router.post("/{change_set_id}/stop", response={200: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="stop_change_set")
def stop_change_set(
    request: HttpRequest,
    response: HttpResponse,
    change_set_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> ChangeSet:
    """Lead back what the steps of a change set have moved. It is a draft again, and its approval still counts."""
    change_set = steps.stop_and_return(
        actor_of(request), given_reason(data), change_set_id=change_set_id, if_match=versions(if_match)
    )
    return tagged(response, change_set)


@router.post(
    "/{change_set_id}/schedule", response={200: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="schedule_change_set"
)
def schedule_change_set(
    request: HttpRequest, response: HttpResponse, change_set_id: Id, data: ScheduleIn, if_match: str | None = IF_MATCH
) -> ChangeSet:
    """Have a change set applied at a time, if all is as it was reviewed then; otherwise it is a draft again.

    Where it points mappings elsewhere it is verified just before.
    """
    change_set = schedule(
        actor_of(request),
        change_set_id=change_set_id,
        checksum=data.checksum,
        at=data.at,
        words=Words(data.confirm, data.credentials_move),
        plan=data.plan,
        skip_verification=data.skip_verification,
        if_match=versions(if_match),
    )
    return tagged(response, change_set)


@router.post("/{change_set_id}/undo", response={201: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="undo_change_set")
def undo_change_set(
    request: HttpRequest, response: HttpResponse, change_set_id: Id, data: UndoIn, if_match: str | None = IF_MATCH
) -> Status[ChangeSet]:
    """Take an applied change set back, by one of its own; nothing where anything was changed since (409)."""
    change_set = applying.undo(
        actor_of(request),
        data.message,
        change_set_id=change_set_id,
        words=Words(credentials_move=data.credentials_move),
        if_match=versions(if_match),
    )
    return Status(201, tagged(response, change_set))


@router.post(
    "/{change_set_id}/discard", response={200: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="discard_change_set"
)
def discard_change_set(
    request: HttpRequest,
    response: HttpResponse,
    change_set_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> ChangeSet:
    """Drop a change set that was not applied."""
    change_set = drafts.discard(
        actor_of(request), given_reason(data), change_set_id=change_set_id, if_match=versions(if_match)
    )
    return tagged(response, change_set)


@roll_backs.post(
    "/{mapping_id}/roll-back", response={201: ChangeSetOut, **CHANGING_PROBLEMS}, operation_id="roll_back_mapping"
)
def roll_back_mapping(
    request: HttpRequest, response: HttpResponse, mapping_id: Id, data: RollBackIn, if_match: str | None = IF_MATCH
) -> Status[ChangeSet]:
    """Make of a mapping what it was at an entry of its history; gives the change set that did it."""
    change_set = applying.roll_back(
        actor_of(request),
        data.message,
        mapping_id=mapping_id,
        to=data.to,
        words=Words(credentials_move=data.credentials_move),
        if_match=versions(if_match),
    )
    return Status(201, tagged(response, change_set))


def _wishes(actor: Actor, data: ChangeSetIn) -> list[Wish]:
    if data.csv is not None:
        return imports.wishes_of_csv(actor, data.csv)
    if data.repoint is not None:
        return wishes_to_repoint(actor, **data.repoint.model_dump())
    return [
        Wish(
            given.mapping_id,
            None if given.target is None else parse_target(given.target),
            given.model_dump(exclude={"mapping_id", "target"}, exclude_none=True),
        )
        for given in data.mappings or ()
    ]


def _review(actor: Actor, change_set: ChangeSet) -> dict[str, Any]:
    number = credentials = said = ""
    if change_set.is_open:
        guards = guards_of(change_set, drafts.present_mappings(actor, change_set))
        number, credentials, said = guards.number, guards.credentials_in_words, guards.approval
    return {
        "change_set": change_set,
        "changes": diff(change_set),
        "guards": {"confirm": number, "credentials_move": credentials, "approval": said},
        "differences": drafts.get_differences(actor, change_set.pk),
        "report": _report(actor, change_set),
    }


def _report(actor: Actor, change_set: ChangeSet) -> dict[str, Any] | None:
    found = report_of(actor, change_set)
    if found is None:
        return None
    names = (name for name in SetReportOut.model_fields if name != "misfits")
    return {**{name: getattr(found.report, name) for name in names}, "misfits": found.misfits}

"""The history: who did what, when and why. Nothing writes it but the verbs."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.pagination import paginate
from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, PROBLEMS
from routing.api.lookups import OneTenant
from routing.api.pagination import MAX_PAGE, ListQuery, Paging
from routing.api.schemas import HostnameText, Id, QueryParams, Text
from routing.services.base.actor import Actor
from routing.services.base.history_check import HistoryCheck, check_history
from routing.services.base.past import Entry, Wanted, count_entries, past_entries
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.as_of import Stood, get_mappings_at

router = Router(tags=["history"])

_MAX_OFFSET = 10_000
_VERIFIED = 5_000
_Value = str | int | bool | datetime | None


class Noun(StrEnum):
    """What has a history."""

    MAPPING = "mapping"
    HOSTNAME = "hostname"
    REGISTRY = "registry"
    TENANT = "tenant"
    MEMBER = "member"


class Action(StrEnum):
    """What was done to a row."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class StepOut(Schema):
    """A value that changed. Of a row that was added, `before` is null."""

    field: str = Field(examples=["target"])
    before: _Value = Field(examples=["ghcr.io/acme"])
    after: _Value = Field(examples=["quay.io/acme"])


class EntryOut(Schema):
    """One thing that was done to one row. The row, and its tenant, may be gone since."""

    number: int = Field(description="The entry's among those of its noun.", examples=[41])
    at: datetime
    action: Action = Field(examples=["changed"])
    noun: Noun = Field(examples=["mapping"])
    id: int = Field(description="The row's.", examples=[17])
    name: str = Field(examples=["docker.acme.com/app"])
    tenant: str | None = Field(examples=["acme"])
    actor: str = Field(examples=["alice (token deploy pipeline)"])
    reason: str = Field(examples=["CHG-4211: moved to Quay"])
    request_id: str = Field(examples=["0f3a5c7e9b1d4f60"])
    change_set: int | None = Field(description="The change set by which it was done.", examples=[None])
    changes: list[StepOut]


class HistoryQuery(ListQuery):
    """Which entries: those that fit everything that is given."""

    noun: Noun | None = None
    id: Annotated[Id | None, Field(description="Of the row with this id; goes with `noun`.")] = None
    tenant: OneTenant = None
    actor: Annotated[Text | None, Field(description="Who did it, as entries tell it.")] = None
    since: Annotated[AwareDatetime | None, Field(description="From then on, with its time zone.")] = None
    until: Annotated[AwareDatetime | None, Field(description="Before then, with its time zone.")] = None
    request_id: Annotated[Text | None, Field(description="What one request did.")] = None


class HistoryPaging(Paging):
    """As everywhere, but not as far: what is passed over is read all the same."""

    class Input(Schema):
        """Which part of the history."""

        limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many entries at most.")] = 50
        offset: Annotated[
            int, Field(ge=0, le=_MAX_OFFSET, description="How many entries to pass over; `until` leads further.")
        ] = 0


class _History:
    """The entries as a list that is read in parts."""

    def __init__(self, actor: Actor, wanted: Wanted) -> None:
        self._actor, self._wanted = actor, wanted

    def __getitem__(self, part: slice) -> list[Entry]:
        return past_entries(self._actor, self._wanted, part.start, part.stop)

    def __len__(self) -> int:
        return count_entries(self._actor, self._wanted)


@router.get("", response={200: list[EntryOut], **PROBLEMS}, operation_id="list_history")
@paginate(HistoryPaging)
def list_history(request: HttpRequest, params: Query[HistoryQuery]) -> Any:
    """List what was done, the newest first."""
    return _History(actor_of(request), Wanted(**params.model_dump()))


class AsOfQuery(QueryParams):
    """When, and whose: give a hostname or a tenant."""

    at: Annotated[AwareDatetime, Field(description="With its time zone.", examples=["2026-03-01T12:00:00Z"])]
    hostname: HostnameText | None = None
    tenant: OneTenant = None

    @model_validator(mode="after")
    def _whose(self) -> Self:
        if self.hostname is None and self.tenant is None:
            raise PydanticCustomError("required", "Give a hostname or a tenant.")
        return self


class StoodOut(Schema):
    """A mapping as it was at a time."""

    mapping_id: int = Field(examples=[17])
    hostname: str = Field(examples=["docker.acme.com"])
    prefix: str = Field(examples=["app"])
    target: str = Field(examples=["ghcr.io/acme"])
    state: str = Field(description="Whether clients were let in: enabled, or what kept them out.", examples=["enabled"])
    private: bool = Field(examples=[False])
    allow_push: bool = Field(examples=[False])
    delivery: str = Field(examples=["auto"])
    number: int = Field(description="The entry of its history that made it so.", examples=[41])
    since: datetime
    actor: str = Field(description="Who did that.", examples=["alice"])


@router.get("/as-of", response={200: list[StoodOut], **NAMING_PROBLEMS}, operation_id="list_mappings_as_of")
def list_mappings_as_of(request: HttpRequest, params: Query[AsOfQuery]) -> list[Stood]:
    """List the mappings of a hostname, or of a tenant, as they were at a time."""
    name = None if params.hostname is None else parse_hostname(params.hostname)
    return get_mappings_at(actor_of(request), params.at, hostname=name, tenant=params.tenant)


class ChainQuery(QueryParams):
    """Which part of the chain, and what is known of it."""

    after: Annotated[int, Field(ge=0, le=2**62, description="Go on behind this place: `next` of the last answer.")] = 0
    head: Annotated[Text | None, Field(description="What an earlier check gave: the chain has to hold it.")] = None


class ChainFindingOut(Schema):
    """What doesn't fit at a place of the chain. `noun` is empty, and `entry` null, where it is about no entry."""

    place: int = Field(examples=[1204])
    noun: str = Field(examples=["mapping"])
    entry: int | None = Field(examples=[41])
    what: str = Field(examples=["it was taken out"])


class HistoryCheckOut(Schema):
    """What verifying a part of the history's chain came to."""

    is_whole: bool = Field(description="Whether all of this part fits.")
    entries: int = Field(examples=[1204])
    thrown_away: int = Field(description="Gaps of entries that were beyond the bound.", examples=[0])
    erased: int = Field(description="Entries out of which a name was erased.", examples=[0])
    late: int = Field(description="Entries that had no place when they were written.", examples=[0])
    strays: int | None = Field(description="Entries that have no place yet; told with the last part.", examples=[0])
    findings: list[ChainFindingOut]
    head: str = Field(description="Where this part ends. Noted elsewhere, it can be asked for.", examples=["1204:5f3a"])
    next: int | None = Field(description="Go on with `after` at this; null where this was the end.", examples=[None])


@router.get("/chain", response={200: HistoryCheckOut, **NAMING_PROBLEMS}, operation_id="verify_history")
def verify_history(request: HttpRequest, params: Query[ChainQuery]) -> HistoryCheck:
    """Verify a part of the chain in which all entries stand, up to 5,000. For operators of the platform."""
    return check_history(actor_of(request), after=params.after, most=_VERIFIED, head=params.head)

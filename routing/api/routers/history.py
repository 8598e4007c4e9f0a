"""The history: who did what, when and why. Nothing writes it but the verbs."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.pagination import paginate
from pydantic import AwareDatetime, Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.lookups import OneTenant
from routing.api.pagination import MAX_PAGE, ListQuery, Paging
from routing.api.schemas import Id, Text
from routing.services.base.actor import Actor
from routing.services.base.past import Entry, Wanted, count_entries, past_entries

router = Router(tags=["history"])

_MAX_OFFSET = 10_000
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

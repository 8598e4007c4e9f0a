"""Watches: former targets that go on being compared after a repoint, and standbys; and what drifted there."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.lookups import OneTenant
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import Id, Text
from routing.models import Watch
from routing.models.watch import WatchKind, WatchState
from routing.services.watching.looking import DriftKind
from routing.services.watching.reading import drift_of

router = Router(tags=["watches"])

_COLUMNS = {"since": "since", "compared_at": "compared_at", "until": "until"}
_KINDS = "\n".join(f"- `{kind}`: {kind.meaning}" for kind in DriftKind)


class DriftOut(Schema):
    """One tag that drifted."""

    kind: str = Field(description=f"What kind it is.\n\n{_KINDS}", examples=["moved"])
    source: str = Field(description="The repository, as people pull it.", examples=["docker.acme.com/app"])
    reference: str = Field(examples=["1.0"])
    old_digest: str = Field(
        description="What the former target has; of a standby, what the target has.", examples=[f"sha256:{'0' * 64}"]
    )
    new_digest: str = Field(
        description="What the target has; of a standby, what the standby has; empty: nothing.", examples=[""]
    )


class WatchOut(Schema):
    """Where a mapping led before, or its standby, compared with where it leads."""

    mapping_id: int = Field(examples=[17])
    tenant: str = Field(alias="mapping.hostname.tenant.slug", examples=["acme"])
    source: str = Field(alias="mapping.source", examples=["docker.acme.com/app"])
    kind: WatchKind = Field(
        description="What the target is compared with: `former`, where the mapping led before a repoint; `standby`, "
        "its standby.",
        examples=["former"],
    )
    target: str = Field(
        alias="compared_target",
        description="Where the mapping leads; with its standby, where it leads while it has not failed over.",
        examples=["ghcr.io/acme"],
    )
    former_target: str | None = Field(description="null where it is a standby.", examples=["docker.io/acme"])
    standby: str | None = Field(description="null where it is a former target.", examples=[None])
    state: WatchState = Field(examples=["drift"])
    since: datetime | None = Field(description="Since when that is so; null: it is not compared yet.")
    compared: int = Field(description="How many references were looked at the last time.", examples=[100])
    counts: dict[str, int] = Field(description="What drifted, by kind.", examples=[{"moved": 1}])
    drift: list[DriftOut]
    compared_at: datetime | None
    until: datetime | None = Field(description="When it ends; null: when the mapping has this standby no longer.")
    trouble: str = Field(description="Why the last look did not see everything; empty: it did.", examples=[""])

    @staticmethod
    def resolve_former_target(row: Watch) -> str | None:
        """What the target is compared with, where that is no standby."""
        return None if row.is_of_standby else row.target

    @staticmethod
    def resolve_standby(row: Watch) -> str | None:
        """The standby."""
        return row.target if row.is_of_standby else None

    @staticmethod
    def resolve_drift(row: Watch) -> list[dict[str, Any]]:
        """What drifted."""
        return drift_of(row)


class WatchQuery(ListQuery):
    """Which."""

    columns = _COLUMNS
    tenant: OneTenant = None
    mapping_id: Annotated[Id | None, Field(description="This mapping's alone.")] = None
    kind: WatchKind | None = None
    state: WatchState | None = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


@router.get("", response={200: list[WatchOut], **PROBLEMS}, operation_id="list_watches")
@paginate(Paging)
def list_watches(request: HttpRequest, params: Query[WatchQuery]) -> "QuerySet[Watch]":
    """List what is compared after repoints, and with standbys, and what drifted; by mapping."""
    given = {"mapping__hostname__tenant__slug": params.tenant, "mapping": params.mapping_id}
    given |= {"kind": params.kind, "state": params.state}
    wanted = {name: value for name, value in given.items() if value is not None}
    rows = Watch.objects.viewable_by(actor_of(request)).with_names().filter(**wanted)
    return params.in_order(rows, "mapping__hostname__name", "mapping__prefix")

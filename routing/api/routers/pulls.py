"""What is pulled, in numbers. Nothing tells who pulled."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field

from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.lookups import OneTenant
from routing.api.schemas import HostnameText, PrefixText, QueryParams, Text
from routing.services.pulls.reading import Scope, Span, orphans, over_time, references, shares, totals

router = Router(tags=["pulls"])
_MAX_ROWS = 500


class By(StrEnum):
    """What pulls are told by."""

    TENANT = "tenant"
    HOSTNAME = "hostname"
    MAPPING = "mapping"
    REPOSITORY = "repository"
    CLIENT = "client"
    PLATFORM = "platform"
    TARGET = "target"


class ScopeQuery(QueryParams):
    """Which pulls: those that fit everything that is given."""

    tenant: OneTenant = None
    hostname: Annotated[HostnameText | None, Field(description="Of this hostname alone.")] = None
    mapping: Annotated[PrefixText | None, Field(description="By the mapping with this prefix alone.")] = None
    repository: Annotated[Text | None, Field(description="Of this repository alone, as clients name it.")] = None
    since: Annotated[
        AwareDatetime | None, Field(description="From then on, with its time zone. Thirty days without it.")
    ] = None

    def parts(self) -> tuple[Scope, Span]:
        """What is asked for."""
        return Scope(self.tenant, self.hostname, self.mapping, self.repository), Span.from_(self.since)


class SharesQuery(ScopeQuery):
    """And by what they are told."""

    by: By = By.REPOSITORY
    limit: Annotated[int, Field(ge=1, le=_MAX_ROWS, description="How many at most.")] = 50


class AskedQuery(ScopeQuery):
    """And how many."""

    limit: Annotated[int, Field(ge=1, le=_MAX_ROWS, description="How many at most.")] = 50


class PointOut(Schema):
    """An hour or a day."""

    at: datetime
    pulls: int
    missed: int = Field(description="Requests that were refused, or failed.")


class PullsOut(Schema):
    """How many pulls, how requests for manifests (GET) were answered, and when."""

    since: datetime
    grain: str = Field(examples=["day"])
    pulls: int
    redirected: int
    remembered: int
    relayed: int
    refused: int
    failed: int
    over_time: list[PointOut]


class ShareOut(Schema):
    """What something has of the pulls. An empty name stands for others, or for what isn't told."""

    name: str = Field(examples=["acme/app"])
    pulls: int


class AskedOut(Schema):
    """What was asked for, and how often. An empty name stands for others."""

    hostname: str = Field(examples=["docker.acme.com"])
    name: str = Field(examples=["acme/app:1.0"])
    requests: int


@router.get("", response={200: PullsOut, **PROBLEMS}, operation_id="get_pulls")
def get_pulls(request: HttpRequest, params: Query[ScopeQuery]) -> Any:
    """How much was pulled: all together, and by hour (of the last two days) or by day."""
    scope, span = params.parts()
    actor = actor_of(request)
    counted, points = totals(actor, scope, span), over_time(actor, scope, span)
    told = {"since": span.since, "grain": span.grain.value, **counted._asdict()}
    return {**told, "over_time": [point._asdict() for point in points]}


@router.get("/shares", response={200: list[ShareOut], **PROBLEMS}, operation_id="list_pull_shares")
def list_pull_shares(request: HttpRequest, params: Query[SharesQuery]) -> Any:
    """What is pulled most, by one of its names."""
    scope, span = params.parts()
    return shares(actor_of(request), scope, span, params.by.value, params.limit)


@router.get("/references", response={200: list[AskedOut], **PROBLEMS}, operation_id="list_pulled_references")
def list_pulled_references(request: HttpRequest, params: Query[AskedQuery]) -> Any:
    """The tags and digests that are asked for most, with GET or HEAD."""
    scope, span = params.parts()
    return references(actor_of(request), scope, span, params.limit)


@router.get("/orphans", response={200: list[AskedOut], **PROBLEMS}, operation_id="list_orphans")
def list_orphans(request: HttpRequest, params: Query[AskedQuery]) -> Any:
    """What is asked for and leads nowhere: names without a mapping, and for the platform hosts that nobody has."""
    scope, span = params.parts()
    return orphans(actor_of(request), scope, span, params.limit)

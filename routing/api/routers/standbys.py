"""Standbys of mappings: name one, take it away, lead a mapping back."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import CHANGING_PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, tagged, versions
from routing.api.routers.mappings import MappingOut
from routing.api.schemas import DeleteParams, Id, Reason, StrictSchema, TargetText
from routing.models import Mapping
from routing.services.mappings.rules import LEAST_RETURN_SECONDS, MOST_RETURN_SECONDS
from routing.services.standbys import standbys as verbs

router = Router(tags=["mappings"])


class StandbyIn(StrictSchema):
    """Where a mapping is led once its registry does not answer."""

    target: Annotated[
        TargetText,
        Field(
            description="A clean report of the last 24 hours says that it has what the target has.",
            examples=["quay.io/acme"],
        ),
    ]
    return_seconds: Annotated[
        int,
        Field(
            description="Lead it back by itself once its registry has answered for so long: "
            f"{LEAST_RETURN_SECONDS} to {MOST_RETURN_SECONDS}; 0: never.",
            ge=0,
            le=MOST_RETURN_SECONDS,
            examples=[0],
        ),
    ] = 0
    reason: Reason = ""


class FailBackIn(StrictSchema):
    """Why a mapping is led back."""

    reason: Reason = ""


@router.put("/{mapping_id}/standby", response={200: MappingOut, **ROW_PROBLEMS}, operation_id="name_standby")
def name_standby(
    request: HttpRequest, response: HttpResponse, mapping_id: Id, data: StandbyIn, if_match: str | None = IF_MATCH
) -> Mapping:
    """Name a mapping's standby, in place of any other. For mappings that take no credentials."""
    outcome = verbs.name_standby(
        actor_of(request),
        data.reason,
        mapping_id=mapping_id,
        target=data.target,
        return_seconds=data.return_seconds,
        if_match=versions(if_match),
    )
    return tagged(response, outcome.row)


@router.delete("/{mapping_id}/standby", response={200: MappingOut, **ROW_PROBLEMS}, operation_id="remove_standby")
def remove_standby(
    request: HttpRequest,
    response: HttpResponse,
    mapping_id: Id,
    params: Query[DeleteParams],
    if_match: str | None = IF_MATCH,
) -> Mapping:
    """Take a mapping's standby away; it stays where it leads."""
    actor, known = actor_of(request), versions(if_match)
    return tagged(response, verbs.remove_standby(actor, params.reason, mapping_id=mapping_id, if_match=known).row)


@router.post("/{mapping_id}/fail-back", response={200: MappingOut, **CHANGING_PROBLEMS}, operation_id="fail_back")
def fail_back(
    request: HttpRequest, response: HttpResponse, mapping_id: Id, data: FailBackIn, if_match: str | None = IF_MATCH
) -> Mapping:
    """Lead a mapping that has failed over back to where it led. Takes a reason."""
    actor, known = actor_of(request), versions(if_match)
    return tagged(response, verbs.fail_back(actor, data.reason, mapping_id=mapping_id, if_match=known).row)

"""On how many processes of all servers a change is live."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from routing.api.errors import PROBLEMS
from routing.api.schemas import QueryParams
from routing.services.base.live_on import LiveOn, live_on

router = Router(tags=["introspection"])


class LiveQuery(QueryParams):
    """Which change."""

    generation: Annotated[
        int | None, Field(ge=0, le=2**62, description="As a change set has it; null: the newest that there is.")
    ] = None


class LiveOut(Schema):
    """How far a generation of the routing table has come."""

    generation: int = Field(description="Ask for this one until it is live.", examples=[4711])
    is_live: bool = Field(description="Whether all serve it, or a newer one.", examples=[True])
    live: int = Field(examples=[8])
    processes: int = Field(description="Of all servers; 0 where none reaches the database.", examples=[8])


@router.get("/live", response={200: LiveOut, **PROBLEMS}, operation_id="get_live")
def get_live(request: HttpRequest, params: Query[LiveQuery]) -> LiveOn:
    """Tell on how many worker processes a change is live. Ask again, once a second, until `is_live`."""
    return live_on(params.generation)

"""API tokens: one's own, to look at. People create and revoke them in their account, or on the server."""

from datetime import date, datetime
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import token_of
from routing.api.errors import PROBLEMS
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import Text
from routing.models import ApiToken

router = Router(tags=["tokens"])

_COLUMNS = {"name": "name", "created_at": "created_at", "expires_at": "expires_at", "last_used_on": "last_used_on"}


class ApiTokenOut(Schema):
    """A token, without its secret, which nobody knows any more."""

    id: int = Field(examples=[4])
    name: str = Field(examples=["deploy pipeline"])
    tenant: str | None = Field(description="The one tenant for which it is good, by slug; null: all.")
    read_only: bool = Field(examples=[False])
    created_at: datetime
    expires_at: datetime | None
    last_used_on: date | None

    @staticmethod
    def resolve_tenant(token: ApiToken) -> str | None:
        """The one tenant for which it is good."""
        return token.tenant.slug if token.tenant else None


class TokenQuery(ListQuery):
    """Which tokens."""

    columns = _COLUMNS
    name: Annotated[Text | None, Field(description="Exactly this one.")] = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


@router.get("", response={200: list[ApiTokenOut], **PROBLEMS}, operation_id="list_tokens")
@paginate(Paging)
def list_tokens(request: HttpRequest, params: Query[TokenQuery]) -> "QuerySet[ApiToken]":
    """List the tokens of the person who asks, by name. With a token for one tenant: those for that tenant."""
    asking = token_of(request)
    rows = ApiToken.objects.select_related("tenant").filter(user=asking.user)
    if asking.tenant is not None:
        rows = rows.filter(tenant=asking.tenant)
    return params.in_order(rows if params.name is None else rows.filter(name=params.name), "name")

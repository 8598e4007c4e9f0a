"""Lists in parts: `limit` and `offset`, answered as `{"items": […], "count": n}`."""

from typing import Annotated

from ninja import Schema
from ninja.pagination import LimitOffsetPagination
from pydantic import Field

from routing.api.schemas import QueryParams

MAX_PAGE = 500


class Paging(LimitOffsetPagination):
    """django-ninja's own, with bounds: it takes offsets that no database does."""

    class Input(Schema):
        """Which part of a list."""

        limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
        offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class ListQuery(QueryParams):
    """Which rows of a list."""

    taken_elsewhere = frozenset(Paging.Input.model_fields)

"""Lists: in parts (`limit`, `offset`), as `{"items": […], "count": n}`, in an order that the caller chooses."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from django.db.models import F, Model, QuerySet
from ninja import Schema
from ninja.pagination import LimitOffsetPagination
from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from routing.api.schemas import QueryParams
from routing.services.base.codes import Code

MAX_PAGE = 500
Row = TypeVar("Row", bound=Model)


class Paging(LimitOffsetPagination):
    """django-ninja's own, with bounds: it takes offsets that no database does."""

    class Input(Schema):
        """Which part of a list."""

        limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many rows at most.")] = 50
        offset: Annotated[int, Field(ge=0, le=10_000_000, description="How many rows to pass over.")] = 0


class Sortable:
    """Of a query's `sort`: the names that it takes, each with “-” before it for the other direction."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.values = [f"{sign}{name}" for name in columns for sign in ("", "-")]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What pydantic checks."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What the OpenAPI document says."""
        return {"anyOf": [{"enum": self.values, "type": "string"}, {"type": "null"}]}

    def _check(self, text: str | None) -> str | None:
        if text is None or text in self.values:
            return text
        known = ", ".join(value for value in self.values if not value.startswith("-"))
        said = f"“{text}” is no order; known are {known}, and each with “-” before it for the other direction"
        raise PydanticCustomError(Code.INVALID, "{message}", {"message": said})


class ListQuery(QueryParams):
    """Which rows of a list, and in which order."""

    taken_elsewhere = frozenset(Paging.Input.model_fields)
    #: What may be sorted by, with its column.
    columns: ClassVar[Mapping[str, str]] = {}

    def in_order(self, rows: "QuerySet[Row]", *otherwise: str) -> "QuerySet[Row]":
        """The rows as `sort` says, or by these columns. Rows that are equal in it keep an order, by id.

        So no row is on two pages, or on none, as long as nobody changes it. What is empty comes last.
        """
        sort: str | None = getattr(self, "sort", None)
        if sort is None:
            return rows.order_by(*otherwise)
        column = F(self.columns[sort.removeprefix("-")])
        if sort.startswith("-"):
            return rows.order_by(column.desc(nulls_last=True), "-pk")
        return rows.order_by(column.asc(nulls_last=True), "pk")

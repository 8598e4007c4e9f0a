"""Lists that saved filters narrow: the parameters of the request, and those of the filter that it names."""

from typing import Annotated, Any

from django.db.models import QuerySet
from pydantic import Field

from routing.api.pagination import ListQuery
from routing.api.schemas import Text
from routing.services.base.actor import Actor
from routing.services.lists.saved_filters import find_filter, rows_by
from routing.services.lists.terms import TERMS, narrowed, read_terms

SavedFilterKey = Annotated[
    Text | None,
    Field(
        description="A saved filter of this list, by its name or id. What else is asked for narrows further; `sort` "
        "goes before its order.",
        examples=["disabled"],
    ),
]


def listed(noun: str, actor: Actor, rows: "QuerySet[Any]", params: ListQuery, *otherwise: str) -> "QuerySet[Any]":
    """The rows that a request asks for, in its order, the filter's, or this one.

    Raises NotFound for a filter that isn't there, ServiceError for one that this release doesn't know.
    """
    given = params.model_dump(exclude_none=True, include=set(TERMS[noun]))
    # Of labels alone a request may name several.
    labels = given.pop("label", [])
    rows = narrowed(noun, rows, read_terms(noun, {name: _as_text(value) for name, value in given.items()}))
    for label in labels:
        rows = narrowed(noun, rows, read_terms(noun, {"label": label}))
    key: str | None = getattr(params, "filter", None)
    if key is None:
        return params.in_order(rows, *otherwise)
    by_filter = rows_by(find_filter(actor, noun, key), rows.order_by(*otherwise))
    return by_filter if getattr(params, "sort", None) is None else params.in_order(by_filter, *otherwise)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

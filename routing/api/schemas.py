"""What requests and answers have in common: strict input, ids, reasons, pages of rows."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from ninja import Schema
from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, model_validator

from routing.models import Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.permissions import viewable, viewable_registries

Row = TypeVar("Row", bound=Model)
Told = TypeVar("Told")

MAX_PAGE = 500
#: What the database can hold in a key.
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
#: No database takes a NUL in a text; and what is longer than this is none of the names here.
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
Reason = Annotated[Text, Field(description="Why; kept in the history.")]


class Given(Schema):
    """Input. A name that isn't known is refused, rather than passed over: a typo, or a try at what isn't one's own."""

    model_config = ConfigDict(extra="forbid")


class Asked(Given):
    """What stands in the address after the question mark; there, too, a name that isn't known is refused."""

    @model_validator(mode="before")
    @classmethod
    def _know_all(cls, data: Any, info: ValidationInfo) -> Any:
        # django-ninja hands over what it knows only.
        unknown = set(info.context["request"].GET) - set(cls.model_fields) if info.context else set()
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(cls.model_fields)}")
        return data


class Why(Asked):
    """The reason for a removal."""

    reason: Reason = ""


class Paging(Asked):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class Listed(Schema, Generic[Told]):
    """A part of a list."""

    items: list[Told]
    count: int
    """How many there are in all."""


def page(rows: "QuerySet[Row]", paging: Paging, tell: Callable[[Row], Told]) -> Listed[Any]:
    """The part that was asked for."""
    part = rows[paging.offset : paging.offset + paging.limit]
    return Listed(items=[tell(row) for row in part], count=rows.count())


def tenant_by_slug(actor: Actor, slug: str) -> Tenant:
    """A tenant that the actor may see. Raises NotFound."""
    found = viewable(actor, Tenant.objects.all(), "").filter(slug=slug).first()
    if found is None:
        raise NotFound(f"there is no tenant {slug}, or it isn't yours", {"tenant": ["There is no such tenant."]})
    return found


def registry_by_id(actor: Actor, registry_id: int) -> Registry:
    """A registry that the actor may see. Raises NotFound."""
    found = viewable_registries(actor).select_related("tenant").filter(pk=registry_id).first()
    if found is None:
        raise NotFound("this registry is gone")
    return found

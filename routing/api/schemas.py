"""What the schemas of requests have in common: strict input, ids, texts, reasons."""

from typing import Annotated, Any, ClassVar

from ninja import Schema
from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, model_validator

#: What the database can hold in a key.
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
#: No database takes a NUL in a text; and what is longer than this is none of the names here.
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
Reason = Annotated[Text, Field(description="Why; kept in the history.")]
Version = Annotated[int, Field(description="Grows with every write to the row; its ETag.")]


class StrictSchema(Schema):
    """Input. A name that isn't known is refused, rather than passed over: a typo, or a try at what isn't one's own."""

    model_config = ConfigDict(extra="forbid")


class QueryParams(StrictSchema):
    """What stands in the address after the question mark; there, too, a name that isn't known is refused."""

    #: Names that another part of the operation takes.
    taken_elsewhere: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _know_all(cls, data: Any, info: ValidationInfo) -> Any:
        # django-ninja hands over what it knows only.
        known = [*cls.model_fields, *sorted(cls.taken_elsewhere)]
        unknown = set(info.context["request"].GET) - set(known) if info.context else set()
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
        return data


class DeleteParams(QueryParams):
    """The reason for a removal."""

    reason: Reason = ""


class ReasonIn(StrictSchema):
    """Why something is asked for that changes nothing by itself."""

    reason: Reason = ""


class SuspensionIn(StrictSchema):
    """Whether to suspend, and what clients are told."""

    suspended: bool
    message: Annotated[Text, Field(max_length=300)] = ""
    reason: Reason = ""

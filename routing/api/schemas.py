"""What the schemas of requests have in common: strict input, ids, texts, names, reasons."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Self

from ninja import Schema
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.mappings import parse_prefix
from routing.services.registries.targets import parse_alias, parse_origin, parse_target


def readable(parse: Callable[[str], object]) -> AfterValidator:
    """Have a verb's parser look at a text, so that all inputs that can't be read are told of at once."""

    def look(text: str) -> str:
        try:
            parse(text)
        except ServiceError as refusal:
            raise PydanticCustomError(refusal.code, "{message}", {"message": refusal.message}) from None
        return text

    return AfterValidator(look)


#: What the database can hold in a key.
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
#: No database takes a NUL in a text; and what is longer than this is none of the names here.
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
#: A text of several lines.
Lines = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
#: A text that may not be empty.
Named = Annotated[Text, Field(min_length=1)]
SecretText = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
HostnameText = Annotated[Text, readable(parse_hostname)]
PrefixText = Annotated[Text, readable(parse_prefix)]
TargetText = Annotated[Text, readable(parse_target)]
OriginText = Annotated[Text, readable(lambda text: parse_origin(text, "origin"))]
AliasText = Annotated[Text, readable(parse_alias)]
Slug = Annotated[Text, Field(description="The tenant's slug.", examples=["acme"])]
Reason = Annotated[Text, Field(description="Why; kept in the history.", examples=["CHG-4211: moved to Quay"])]
Version = Annotated[int, Field(description="Grows with every write to the row; its ETag.", examples=[4])]


class StrictSchema(Schema):
    """Input. A name that isn't known is refused, rather than passed over: a typo, or a try at what isn't one's own."""

    model_config = ConfigDict(extra="forbid")


class QueryParams(StrictSchema):
    """What stands in the address after the question mark; there, too, a name that isn't known is refused."""

    #: Names that another part of the operation takes.
    taken_elsewhere: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="wrap")
    @classmethod
    def _know_all(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        # django-ninja hands over what it knows only.
        known = [*cls.model_fields, *sorted(cls.taken_elsewhere)]
        given = set(info.context["request"].GET) if info.context else set()
        wrong = [_unknown(name, known) for name in sorted(given - set(known))]
        try:
            made = handler(data)
        except ValidationError as error:
            wrong += [
                InitErrorDetails(
                    type=PydanticCustomError(each["type"], "{message}", {"message": each["msg"]}),
                    loc=each["loc"],
                    input=each["input"],
                )
                for each in error.errors()
            ]
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return made


def _unknown(name: str, known: list[str]) -> InitErrorDetails:
    said = f"there is no “{name}” here; known are {', '.join(known)}"
    return InitErrorDetails(
        type=PydanticCustomError(Code.UNKNOWN_FIELD, "{message}", {"message": said}), loc=(name,), input=None
    )


class DeleteParams(QueryParams):
    """The reason for a removal."""

    reason: Reason = ""


class ReasonIn(StrictSchema):
    """Why something is asked for that changes nothing by itself."""

    reason: Reason = ""


def given_reason(data: ReasonIn | None) -> str:
    """The reason in a body that need not be sent."""
    return data.reason if data else ""


class SuspensionIn(StrictSchema):
    """What clients are told meanwhile, and why."""

    message: Annotated[
        Text, Field(max_length=300, description="What clients are told.", examples=["Reported: abuse@example.com"])
    ] = ""
    reason: Reason = ""


class AccountIn(StrictSchema):
    """An account at a registry. It is written, and no answer ever holds it."""

    user: Annotated[Named, Field(description="Its user name.", examples=["acme-robot"])]
    password: Annotated[
        SecretText,
        Field(
            description="Its password or token, such as one that may only read.",
            examples=["a token"],
            json_schema_extra={"writeOnly": True, "format": "password"},
        ),
    ]
    reason: Reason = ""

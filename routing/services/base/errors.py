"""What a verb says when it can't do what it was asked."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, NamedTuple

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from routing.services.base.codes import Code

_CODES_OF_FORMS = {
    "required": Code.REQUIRED,
    "blank": Code.REQUIRED,
    "null": Code.REQUIRED,
    "unique": Code.TAKEN,
    "unique_together": Code.TAKEN,
}


class FieldError(NamedTuple):
    """One thing that is wrong with one input; "" stands for the whole."""

    field: str
    message: str
    code: Code


class ServiceError(Exception):
    """A verb refused; nothing was changed. The message tells a person what to do about it, the code tells a program.

    `at_command_line` is what follows the message for somebody who has a shell, such as the command to type.
    """

    default_code: ClassVar[Code] = Code.INVALID

    def __init__(
        self,
        message: str,
        fields: Mapping[str, list[str]] | None = None,
        *,
        code: Code | None = None,
        at_command_line: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.at_command_line = at_command_line
        self.errors = [FieldError(field, said, self.code) for field, each in (fields or {}).items() for said in each]

    @property
    def fields(self) -> dict[str, list[str]]:
        """The messages by form field, for the doors that have forms."""
        found: dict[str, list[str]] = {}
        for error in self.errors:
            found.setdefault(error.field, []).append(error.message)
        return found

    @property
    def command_line_message(self) -> str:
        """The message, and what to type."""
        return f"{self.message}{self.at_command_line}"

    @classmethod
    def for_field(cls, field: str, message: str, code: Code | None = None) -> "ServiceError":
        """A refusal because of one input."""
        return cls(message, {field: [message]}, code=code)

    @classmethod
    def of(cls, errors: Sequence[FieldError]) -> "ServiceError":
        """A refusal because of several inputs."""
        refusal = cls(" ".join(dict.fromkeys(error.message for error in errors)))
        refusal.errors = list(errors)
        codes = {error.code for error in errors}
        refusal.code = codes.pop() if len(codes) == 1 else cls.default_code
        return refusal

    @classmethod
    def invalid(cls, error: ValidationError) -> "ServiceError":
        """What a model's validation found."""
        return cls.of(
            [
                FieldError("" if name == NON_FIELD_ERRORS else name, message, _code_of(each))
                for name, found in error.error_dict.items()
                for each in found
                for message in each.messages
            ]
        )


class Conflict(ServiceError):
    """It exists already, and differently."""

    default_code = Code.CONFLICT


class NotFound(ServiceError):
    """What was named doesn't exist."""

    default_code = Code.NOT_FOUND


class Outdated(ServiceError):
    """The row isn't any more what the caller looked at. `version` is the one that it has now."""

    default_code = Code.OUTDATED

    def __init__(self, noun: str, version: int) -> None:
        super().__init__(f"this {noun} was changed meanwhile: it is at version {version} now. Check it, then try again")
        self.version = version


class Unavailable(ServiceError):
    """The database can't take a change now. `retry_after_seconds`: when to come back."""

    default_code = Code.UNAVAILABLE

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooManyRequests(ServiceError):
    """Not now: somebody's share or rate is used up. `retry_after_seconds`: when to come back."""

    default_code = Code.TOO_MANY_REQUESTS

    def __init__(self, message: str, retry_after_seconds: int, code: Code | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = max(1, retry_after_seconds)


class Gathered:
    """Collects what is wrong with several inputs, so that whoever gave them is told all of it at once.

    `with gathered:` around each look at one input; then `raise_any`. A refusal that is about no input goes through.
    """

    def __init__(self) -> None:
        self._refusals: list[ServiceError] = []

    def __enter__(self) -> None:
        """Look at one input."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Keep what was wrong with it."""
        if not isinstance(error, ServiceError) or not error.errors:
            return False
        self._refusals.append(error)
        return True

    def __len__(self) -> int:
        """How many refusals there were so far."""
        return len(self._refusals)

    @property
    def fields(self) -> frozenset[str]:
        """The inputs that something is wrong with so far."""
        return frozenset(error.field for refusal in self._refusals for error in refusal.errors)

    def raise_any(self) -> None:
        """Raises the refusal, or one of all, where there was any."""
        if len(self._refusals) == 1:
            raise self._refusals[0]
        if self._refusals:
            raise ServiceError.of([error for refusal in self._refusals for error in refusal.errors])


def _code_of(error: ValidationError) -> Code:
    return _CODES_OF_FORMS.get(str(error.code), Code.INVALID)

"""What a verb says when it can't do what it was asked."""

from collections.abc import Mapping

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError


class ServiceError(Exception):
    """A verb refused; nothing was changed. The message tells a person what to do about it.

    `fields` gives messages by form field, for the doors that have forms.
    """

    def __init__(self, message: str, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})

    @classmethod
    def for_field(cls, field: str, message: str) -> "ServiceError":
        """A refusal because of one input."""
        return cls(message, {field: [message]})

    @classmethod
    def invalid(cls, error: ValidationError) -> "ServiceError":
        """What a model's validation found."""
        by_name = error.message_dict
        fields = {("" if name == NON_FIELD_ERRORS else name): messages for name, messages in by_name.items()}
        return cls(" ".join(message for messages in fields.values() for message in messages), fields)


class Conflict(ServiceError):
    """It exists already, and differently."""


class NotFound(ServiceError):
    """What was named doesn't exist."""


class Outdated(ServiceError):
    """The row isn't any more what the caller looked at. `version` is the one that it has now."""

    def __init__(self, noun: str, version: int) -> None:
        super().__init__(
            f"this {noun} was changed meanwhile: it is at version {version} now. Look at it again, then repeat"
        )
        self.version = version


class Unavailable(ServiceError):
    """The database can't take a change now. `retry_after_seconds`: when to come back."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooManyRequests(ServiceError):
    """Not now: somebody's share or rate is used up. `retry_after_seconds`: when to come back."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = max(1, retry_after_seconds)

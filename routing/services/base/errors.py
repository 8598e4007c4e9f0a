"""What a verb says when it can't do what it was asked. Imports nothing of ours."""

from collections.abc import Mapping

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError


class VerbError(Exception):
    """A verb refused; nothing was changed. The message tells a person what to do about it.

    `fields` gives messages by form field, for the doors that have forms.
    """

    def __init__(self, message: str, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})

    @classmethod
    def at(cls, field: str, message: str) -> "VerbError":
        """A refusal because of one input."""
        return cls(message, {field: [message]})

    @classmethod
    def invalid(cls, error: ValidationError) -> "VerbError":
        """What a model's validation found."""
        by_name = error.message_dict
        fields = {("" if name == NON_FIELD_ERRORS else name): messages for name, messages in by_name.items()}
        return cls(" ".join(message for messages in fields.values() for message in messages), fields)


class Conflict(VerbError):
    """It exists already, and differently."""


class NotFound(VerbError):
    """What was named doesn't exist."""

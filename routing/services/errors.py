"""What a verb says when it can't do what it was asked. Imports nothing of ours."""

from collections.abc import Mapping


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


class Conflict(VerbError):
    """It exists already, and differently."""


class NotFound(VerbError):
    """What was named doesn't exist."""

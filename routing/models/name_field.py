"""NameField: a name that people read."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from routing.core.grammar.display_names import InvalidName, normalise_name

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


class NameField(_CharField):
    """Text that is normalised when its row is validated, and refused where it could pass for another name."""

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """The name as it is kept. Raises ValidationError."""
        try:
            return super().clean(normalise_name(value) if isinstance(value, str) else value, model_instance)
        except InvalidName as error:
            raise ValidationError(f"This is no name: {error}.") from error

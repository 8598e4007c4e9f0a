"""NameField: a name that people read."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from routing.core.grammar.display_names import InvalidName, normalise_name


class NameField(models.CharField):  # type: ignore[type-arg]
    """Text that is normalised when its row is validated, and refused where it could pass for another name."""

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """The name as it is kept. Raises ValidationError."""
        try:
            return super().clean(normalise_name(value) if isinstance(value, str) else value, model_instance)
        except InvalidName as error:
            raise ValidationError(f"This is no name: {error}.") from error

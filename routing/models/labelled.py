"""Labelled: rows that people put labels on."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from routing.core.grammar.labels import MAX_PACKED_LENGTH, InvalidLabel, pack_labels, unpack_labels

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


class LabelsField(_CharField):
    """Labels as one text, put in order when their row is validated."""

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """The labels as they are kept. Raises ValidationError."""
        try:
            return super().clean(pack_labels(value) if isinstance(value, str) else value, model_instance)
        except InvalidLabel as error:
            raise ValidationError(f"{error}.") from error


class Labelled(models.Model):
    """A row with labels, packed (core/grammar/labels.py). They decide nothing, and no entry of the table has them."""

    # With the database's default too: the previous release goes on adding rows while this one is rolled out.
    labels = LabelsField(
        max_length=MAX_PACKED_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="Words to find it by, with spaces between, such as: legacy team=web. Clients never meet them.",
    )

    class Meta:
        abstract = True

    @property
    def label_list(self) -> list[str]:
        """Each by itself."""
        return unpack_labels(self.labels)


def labelled(label: str) -> Q:
    """Rows with this label; those with any value of a key where it is one alone. It was parsed before."""
    found = Q(labels=label) | Q(labels__startswith=f"{label} ")
    found |= Q(labels__endswith=f" {label}") | Q(labels__contains=f" {label} ")
    if "=" not in label:
        found |= Q(labels__startswith=f"{label}=") | Q(labels__contains=f" {label}=")
    return found

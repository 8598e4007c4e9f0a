"""ListColumns: which columns of a list somebody wants to see."""

from django.conf import settings
from django.db import models

from routing.models.versioned import VersionedModel, VersionedQuerySet


class ListColumns(VersionedModel):
    """One person's choice for one list. Who has none sees what everybody sees at first."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    noun = models.CharField(max_length=20)
    # Names of columns; an upgrade may know some of them no more.
    columns = models.JSONField(default=list, blank=True)

    objects = VersionedQuerySet["ListColumns"].as_manager()

    class Meta:
        verbose_name_plural = "list columns"
        constraints = [models.UniqueConstraint(fields=["user", "noun"], name="list_columns_unique")]

    def __str__(self) -> str:
        return f"columns of {self.noun} for {self.user}"

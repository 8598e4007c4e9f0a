"""Note: what somebody wrote down about a row, for those who come after."""

from django.db import models
from django.db.models import Q

MAX_NOTE_LENGTH = 2_000
#: What a note may be about, by its column.
SUBJECTS = ("hostname", "mapping", "registry", "tenant")


def _about_one() -> Q:
    either = Q()
    for name in SUBJECTS:
        either |= Q(**{f"{other}__isnull": other != name for other in SUBJECTS})
    return either


class Note(models.Model):
    """A text about one row. It is written and removed, never changed, and goes with the row.

    Who wrote it is known by their key, without a foreign key, for their account may be gone.
    """

    hostname = models.ForeignKey(
        "routing.Hostname", on_delete=models.CASCADE, null=True, blank=True, related_name="notes"
    )
    mapping = models.ForeignKey(
        "routing.Mapping", on_delete=models.CASCADE, null=True, blank=True, related_name="notes"
    )
    registry = models.ForeignKey(
        "routing.Registry", on_delete=models.CASCADE, null=True, blank=True, related_name="notes"
    )
    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="notes")
    text = models.TextField(max_length=MAX_NOTE_LENGTH)
    author_id = models.BigIntegerField(null=True, blank=True, editable=False)
    written_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=_about_one(), name="note_is_about_one_row")]

    def __str__(self) -> str:
        return f"note {self.pk} by {self.written_by}"

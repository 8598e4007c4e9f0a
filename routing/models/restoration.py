"""Restoration: a backup was put into this database, and nobody has said yet that this facade is the one that serves."""

from django.db import models


class Restoration(models.Model):
    """One row, of the last restore. Until it is confirmed, what nobody asks for waits: jobs, schedules and mails.

    The facade of which the backup was made may be running still, and would do all that as well.
    """

    restored_at = models.DateTimeField()
    #: When the backup was made, and by which release.
    made_at = models.DateTimeField(null=True)
    release = models.CharField(max_length=40, blank=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="restoration_is_one_row")]

    def __str__(self) -> str:
        return f"{self.restored_at:%Y-%m-%d %H:%M:%S}: {'confirmed' if self.confirmed_at else 'not confirmed'}"


def unconfirmed_restoration() -> Restoration | None:
    """The restore that is to be confirmed; None where there is nothing to wait for. One query."""
    return Restoration.objects.filter(confirmed_at=None).first()

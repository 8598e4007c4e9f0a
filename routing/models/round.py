"""Round: when a piece of the regular work was last done, on whichever server."""

from django.db import models


class Round(models.Model):
    """The last one of one task that went well."""

    task = models.CharField(max_length=40, primary_key=True)
    server = models.CharField(max_length=200)
    done_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.task}: {self.done_at:%Y-%m-%d %H:%M:%S}"

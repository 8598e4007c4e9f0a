"""Server: what the processes of one machine answer from, for whoever waits until a change is live on all of them."""

from django.db import models


class Server(models.Model):
    """One machine, as a process of it told last. Each tells every TELL_SECONDS at least."""

    TELL_SECONDS = 20.0

    name = models.CharField(max_length=255, unique=True)
    #: Of each process that answers: role, number, generation, and whether an older one is held on purpose.
    processes = models.JSONField(default=list)
    at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

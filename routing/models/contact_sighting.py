"""ContactSighting: since when the machines of those who pull from a hostname contact a host, and until when."""

from django.db import models


class ContactSighting(models.Model):
    """A host and port that a probe found for a hostname, and what it is for.

    `last_seen_at` is right to a day.
    """

    hostname = models.ForeignKey("routing.Hostname", on_delete=models.CASCADE, related_name="sightings")
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    purpose = models.CharField(max_length=10)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-first_seen_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["hostname", "host", "port", "purpose"], name="contact_sighting_unique")
        ]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

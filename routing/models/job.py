"""Job and Lease: what is to be done by and by, and who does what only one may do."""

from django.db import models

from routing.request_id import MAX_REQUEST_ID_LENGTH


class Job(models.Model):
    """One thing to do. It is there while it waits or is under way; a row that is gone was done, or given up.

    Whoever does it holds its lease, and nobody else writes it until then. A holder that was killed holds it no longer
    than `lease_until`.
    """

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    lane = models.CharField(max_length=20)
    #: Whose share of the places it takes: a tenant's id, or "" for the platform's.
    share = models.CharField(max_length=40, blank=True)
    #: Jobs are begun in the order of their turns, of which each share has every one once.
    turn = models.BigIntegerField()
    arguments = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=MAX_REQUEST_ID_LENGTH, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    run_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    #: It was wanted once more after it had been begun.
    again = models.BooleanField(default=False)
    lease = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["turn", "pk"]
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="job_unique")]
        indexes = [models.Index(fields=["lane", "run_at"], name="job_lane_run_at")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Lease(models.Model):
    """Something that one process at a time may do, and which one does it."""

    name = models.CharField(max_length=60, primary_key=True)
    holder = models.CharField(max_length=200, blank=True)
    until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.holder or 'nobody'}"

"""Verification: a report of what would be another after a switch, while it is being made and afterwards."""

from django.db import models

from routing.models.versioned import VersionedModel, VersionedQuerySet


class VerificationState(models.TextChoices):
    """How far it is."""

    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    STOPPED = "stopped", "stopped"
    FAILED = "failed", "given up"


class Verification(VersionedModel):
    """What mappings lead to, compared with what they would lead to. A job makes it, step by step."""

    tenant_lookup = "tenant"

    State = VerificationState

    # Of several tenants at once, which operators of the platform alone compare, it is nobody's.
    tenant = models.ForeignKey(
        "routing.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="verifications"
    )
    # The change set whose targets it looks at. No foreign key: sets and reports go each in their own time.
    change_set = models.BigIntegerField(null=True, blank=True, editable=False, db_index=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING, editable=False)
    #: For each mapping where it leads and would lead, as `services.verifications.candidates` writes it.
    switches = models.JSONField(default=list, editable=False)
    options = models.JSONField(default=dict, editable=False, blank=True)
    #: What is to be compared, once it was listed; it goes when all is done.
    work = models.JSONField(null=True, blank=True, editable=False)
    #: What was found out beside differences, by repository.
    facts = models.JSONField(default=dict, editable=False, blank=True)
    notes = models.JSONField(default=list, editable=False, blank=True)
    #: What it was thought to cost before it began: requests, counted pulls, seconds.
    cost = models.JSONField(default=dict, editable=False, blank=True)
    counts = models.JSONField(default=dict, editable=False, blank=True)
    total = models.PositiveIntegerField(default=0, editable=False)
    compared = models.PositiveIntegerField(default=0, editable=False)
    difference_count = models.PositiveIntegerField(default=0, editable=False)
    requests = models.PositiveIntegerField(default=0, editable=False)
    counted_pulls = models.PositiveIntegerField(default=0, editable=False)
    #: So many steps are settled: what another one found of the same step is thrown away.
    steps = models.PositiveIntegerField(default=0, editable=False)
    troubles = models.PositiveSmallIntegerField(default=0, editable=False)
    trouble = models.CharField(max_length=500, blank=True, editable=False)
    stop_requested = models.BooleanField(default=False, editable=False)
    not_before = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    objects = VersionedQuerySet["Verification"].as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"verification {self.pk}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be found."""
        return self.finished_at is not None

    @property
    def is_clean(self) -> bool:
        """Whether all was compared, and nothing would be another."""
        return self.state == self.State.DONE and not self.difference_count


class VerificationDifference(models.Model):
    """One thing that would be another. Its columns are those of `verification.differences.Difference`."""

    verification = models.ForeignKey(Verification, on_delete=models.CASCADE, related_name="differences")
    #: Which of the report's switches it is about.
    switch = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=30)
    #: As people pull it, without the reference.
    source = models.CharField(max_length=600)
    old_repository = models.CharField(max_length=600, blank=True)
    new_repository = models.CharField(max_length=600, blank=True)
    reference = models.CharField(max_length=520, blank=True)
    detail = models.CharField(max_length=1000, blank=True)
    old_digest = models.CharField(max_length=520, blank=True)
    new_digest = models.CharField(max_length=520, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["verification", "kind"], name="difference_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.source}:{self.reference}"

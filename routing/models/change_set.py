"""ChangeSet: changes of mappings that are drafted, reviewed, applied and undone as one."""

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from routing.models.versioned import VersionedModel, VersionedQuerySet


class ChangeSetState(models.TextChoices):
    """How far it has come."""

    DRAFT = "draft", "draft"
    APPROVED = "approved", "approved"
    SCHEDULED = "scheduled", "scheduled"
    IN_STEPS = "in steps", "in steps"
    APPLIED = "applied", "applied"
    UNDONE = "undone", "undone"
    DISCARDED = "discarded", "discarded"


class ChangeSet(VersionedModel):
    """What shall become of some mappings, as it was reviewed. The checksum is over all of that.

    It is one document: `rows` has what each mapping has before and after (null before: it is added; null after: it is
    removed, which takes back that it was added), `basis` what else that depends on, such as the registries' addresses.
    People are known by their keys, without foreign keys, for their accounts may be gone.
    """

    State = ChangeSetState

    tenant = models.ForeignKey(
        "routing.Tenant",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="change_sets",
        help_text="Whose mappings it changes. Empty: those of several tenants, for operators of the platform.",
    )
    message = models.CharField(max_length=1000, help_text="Why; kept in the history of every mapping.")
    rows = models.JSONField(editable=False)
    size = models.PositiveIntegerField("mappings", editable=False)
    basis = models.JSONField(editable=False)
    checksum = models.CharField(max_length=64, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT, editable=False)
    # The set whose changes this one takes back.
    undoes = models.BigIntegerField(null=True, blank=True, editable=False)
    drafter_id = models.BigIntegerField(null=True, blank=True, editable=False)
    drafted_by = models.CharField(max_length=200, editable=False)
    drafted_at = models.DateTimeField(default=timezone.now, editable=False)
    approver_id = models.BigIntegerField(null=True, blank=True, editable=False)
    approved_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    applied_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    applied_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When it is to be applied, in whose name, what they confirmed; and why it was not.
    apply_at = models.DateTimeField(null=True, blank=True, editable=False)
    scheduler_id = models.BigIntegerField(null=True, blank=True, editable=False)
    scheduled_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    words = models.JSONField(default=dict, blank=True, editable=False)
    refusal = models.CharField(max_length=1000, blank=True, default="", editable=False)
    # Why whoever scheduled it has it applied without being verified just before; "": it is verified.
    skip_verification = models.CharField(max_length=1000, blank=True, default="", db_default="", editable=False)
    # Where it is applied in steps: their shares in ten-thousandths, the pause between them, and how many were made.
    steps = models.JSONField(null=True, blank=True, editable=False)
    pause_seconds = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    step = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    stepped_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Whether an operator of the platform vouched for it: then each of its steps does, too.
    vouched = models.BooleanField(default=False, db_default=False, editable=False)
    # What the health gate counts from (`began`, per step), what it saw last, and when.
    gate = models.JSONField(null=True, blank=True, editable=False)
    looked = models.JSONField(null=True, blank=True, editable=False)
    looked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When the health gate led it back. None once somebody has begun it anew, or drafted it once more.
    returned_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The reports of a scheduled set: what people had before them, and what was found just before its time.
    reviewed_report = models.BigIntegerField(null=True, blank=True, editable=False)
    recheck_report = models.BigIntegerField(null=True, blank=True, editable=False)
    # The last one that it made: who has that has all of it.
    generation = models.BigIntegerField(null=True, blank=True, editable=False)
    objects = VersionedQuerySet["ChangeSet"].as_manager()

    class Meta:
        verbose_name = "change set"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["tenant", "state"], name="change_set_open")]

    def __str__(self) -> str:
        return f"change set {self.pk}"

    @property
    def owning_tenant_id(self) -> int | None:
        """That of all its mappings, where it is one."""
        return self.tenant_id

    @property
    def is_open(self) -> bool:
        """Whether it can still be applied."""
        return self.state in OPEN

    @property
    def shares(self) -> list[int]:
        """Those of its steps, in ten-thousandths; none where it is applied at once."""
        return self.steps or []

    @property
    def share(self) -> int:
        """The share of repositories that its steps have moved so far, in ten-thousandths; 0 where none have."""
        return self.shares[self.step - 1] if self.step else 0

    @property
    def due_at(self) -> datetime | None:
        """When it is to be applied, or its next step made; None where nothing is to come."""
        if self.state == self.State.SCHEDULED:
            return self.apply_at
        return self.next_at if self.state == self.State.IN_STEPS else None

    @property
    def next_share(self) -> int:
        """That of the next step; 0 where there is none."""
        return self.shares[self.step] if self.step < len(self.shares) else 0

    @property
    def leads_back(self) -> bool:
        """Whether it takes back what was in force, rather than puts in force what was taken back.

        An undo, and a roll back of the last switch; of these, the undo puts in force anew.
        """
        return all(row.get("leads_back", self.undoes is not None) for row in self.rows)

    @property
    def mapping_ids(self) -> list[int]:
        """The mappings that it changes or removes, and once it is applied those that it added."""
        rows: list[dict[str, Any]] = self.rows
        return [row["mapping"] for row in rows if row["mapping"] is not None]


#: States in which nothing is decided yet.
OPEN = (ChangeSet.State.DRAFT, ChangeSet.State.APPROVED, ChangeSet.State.SCHEDULED)
#: In which something is still to come of it.
UNDER_WAY = (*OPEN, ChangeSet.State.IN_STEPS)

"""Watch: with what a mapping's target goes on being compared: where it led before a switch, or its standby."""

from django.db import models

from routing.models.registry import target_at
from routing.models.versioned import VersionedModel, VersionedQuerySet


class WatchState(models.TextChoices):
    """What the last comparison found that came to something."""

    WAITING = "waiting", "not compared yet"
    SAME = "same", "nothing drifted"
    DRIFT = "drift", "drifted"


class WatchKind(models.TextChoices):
    """What the target is compared with."""

    FORMER = "former", "where it led before"
    STANDBY = "standby", "its standby"


class Watch(VersionedModel):
    """The regular work makes it after a repoint, and for as long as a mapping has a standby; compares when it is time,
    and removes it when it is over.
    """

    tenant_lookup = "mapping__hostname__tenant"
    names_from = ("mapping__hostname__tenant", "mapping__registry", "mapping__standby_registry", "registry")

    State = WatchState
    Kind = WatchKind

    mapping = models.ForeignKey("routing.Mapping", on_delete=models.CASCADE, related_name="watches")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.FORMER, db_default=Kind.FORMER)
    registry = models.ForeignKey("routing.Registry", on_delete=models.CASCADE, related_name="watches")
    upstream_prefix = models.CharField(max_length=255, blank=True)
    #: When it ends; None: when the mapping has another standby, or none.
    until = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField()
    #: What was there at the first comparison that came to something, of a standby's at the last one:
    #: `services.watching.looking.Baseline`.
    baseline = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    #: How many references the last comparison looked at, how many drifted by kind, and which.
    compared = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    drift = models.JSONField(default=list, blank=True)
    compared_at = models.DateTimeField(null=True, blank=True)
    #: Since when the state is what it is.
    since = models.DateTimeField(null=True, blank=True)
    #: Why the last try did not look at everything; empty where it did.
    trouble = models.CharField(max_length=500, blank=True)
    objects = VersionedQuerySet["Watch"].as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "watches"
        indexes = [models.Index(fields=["next_at"], name="watch_next_at")]
        constraints = [models.UniqueConstraint(fields=["mapping", "kind"], name="watch_unique")]

    def __str__(self) -> str:
        return f"{self.mapping.source}: {self.compared_target} and {self.target}"

    @property
    def target(self) -> str:
        """Where the mapping led before, or its standby, as a person writes it."""
        return target_at(self.registry.authority, self.upstream_prefix)

    @property
    def is_of_standby(self) -> bool:
        """Whether it is the standby, and not where the mapping led before."""
        return self.kind == WatchKind.STANDBY

    @property
    def compared_target(self) -> str:
        """With what that is compared. A standby stays the standby of where the mapping led before it failed over."""
        return str(self.mapping.home) if self.is_of_standby else self.mapping.target

    @property
    def owning_tenant_id(self) -> int:
        """Its hostname's."""
        return self.mapping.hostname.tenant_id

    @property
    def owning_tenant(self) -> object:
        """Its hostname's."""
        return self.mapping.hostname.tenant

"""Watch: where a mapping led before a switch, with which its target goes on being compared for some time."""

from django.db import models

from routing.models.registry import target_at
from routing.models.versioned import VersionedModel, VersionedQuerySet


class WatchState(models.TextChoices):
    """What the last comparison found that came to something."""

    WAITING = "waiting", "not compared yet"
    SAME = "same", "nothing drifted"
    DRIFT = "drift", "drifted"


class Watch(VersionedModel):
    """The regular work makes it after a repoint, compares when it is time, and removes it when it is over."""

    tenant_lookup = "mapping__hostname__tenant"
    names_from = ("mapping__hostname__tenant", "mapping__registry", "registry")

    State = WatchState

    mapping = models.OneToOneField("routing.Mapping", on_delete=models.CASCADE, related_name="watch")
    registry = models.ForeignKey("routing.Registry", on_delete=models.CASCADE, related_name="watches")
    upstream_prefix = models.CharField(max_length=255, blank=True)
    until = models.DateTimeField()
    next_at = models.DateTimeField()
    #: What was there at the first comparison that came to something: `services.watching.looking.Baseline`.
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

    def __str__(self) -> str:
        return f"{self.mapping.source}: {self.mapping.target} and {self.target}"

    @property
    def target(self) -> str:
        """Where the mapping led before, as a person writes it."""
        return target_at(self.registry.authority, self.upstream_prefix)

    @property
    def owning_tenant_id(self) -> int:
        """Its hostname's."""
        return self.mapping.hostname.tenant_id

    @property
    def owning_tenant(self) -> object:
        """Its hostname's."""
        return self.mapping.hostname.tenant

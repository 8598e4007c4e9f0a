"""RegistryHealth: whether a registry answers, for as long as a mapping has a standby because of it."""

from datetime import datetime

from django.db import models

from routing.models.versioned import VersionedModel, VersionedQuerySet


class RegistryHealth(VersionedModel):
    """The regular work makes it, asks the registry when it is time, and removes it when no mapping needs it."""

    tenant_lookup = "registry__tenant"
    shared_without_tenant = True
    names_from = ("registry__tenant",)

    registry = models.OneToOneField("routing.Registry", on_delete=models.CASCADE, related_name="health")
    next_at = models.DateTimeField(db_index=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    #: So many times in a row it did not answer, why not the last time, and since when it answers each time.
    failures = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=500, blank=True)
    answering_since = models.DateTimeField(null=True, blank=True)
    objects = VersionedQuerySet["RegistryHealth"].as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "health of registries"

    def __str__(self) -> str:
        return f"{self.registry}: {self.trouble or 'answers'}"

    def answers_since(self, moment: datetime) -> bool:
        """Whether it answered each time since then, the last time included."""
        return self.answering_since is not None and self.answering_since <= moment

    @property
    def owning_tenant_id(self) -> int | None:
        """Its registry's."""
        return self.registry.tenant_id

    @property
    def owning_tenant(self) -> object:
        """Its registry's."""
        return self.registry.tenant

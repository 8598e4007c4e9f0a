"""SavedFilter: what somebody looks for in a list again and again, by a name."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from routing.models.name_field import NameField
from routing.models.versioned import VersionedModel, VersionedQuerySet

MAX_FILTER_NAME_LENGTH = 60


class SavedFilter(VersionedModel):
    """A person's own, or a tenant's: one of the two. It narrows what somebody may see anyway, and opens nothing."""

    class Noun(models.TextChoices):
        """The lists that have such."""

        MAPPING = "mapping", "mappings"
        HOSTNAME = "hostname", "hostnames"
        REGISTRY = "registry", "registries"

    noun = models.CharField(max_length=20, choices=Noun.choices)
    name = NameField(max_length=MAX_FILTER_NAME_LENGTH)
    # By the names and words of the API's parameters; another release may know more of them, or fewer.
    terms = models.JSONField(default=dict)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = VersionedQuerySet["SavedFilter"].as_manager()

    class Meta:
        verbose_name = "saved filter"
        ordering = ["noun", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["noun", "user", "name"],
                name="saved_filter_unique_of_user",
                violation_error_message="You have a filter of this name already.",
            ),
            models.UniqueConstraint(
                fields=["noun", "tenant", "name"],
                name="saved_filter_unique_of_tenant",
                violation_error_message="The tenant has a filter of this name already.",
            ),
            models.CheckConstraint(condition=Q(user=None) ^ Q(tenant=None), name="saved_filter_of_user_or_tenant"),
        ]

    def __str__(self) -> str:
        return self.name

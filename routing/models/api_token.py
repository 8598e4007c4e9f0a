"""ApiToken: a person's key to the HTTP API."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from routing.models.name_field import NameField
from routing.models.versioned import VersionedModel, VersionedQuerySet

MAX_TOKEN_NAME_LENGTH = 60


class ApiToken(VersionedModel):
    """Acts as its person, or as less of them. The secret is shown once; only its hash is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = NameField(max_length=MAX_TOKEN_NAME_LENGTH, help_text="What it is for, such as “deploy pipeline”.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    tenant = models.ForeignKey(
        "routing.Tenant",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="The only tenant for which it is good. Empty: all of yours.",
    )
    read_only = models.BooleanField(default=False, help_text="It looks, and changes nothing.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_on = models.DateField(null=True, blank=True, editable=False)

    objects = VersionedQuerySet["ApiToken"].as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                name="api_token_name_unique",
                violation_error_message="You have a token of this name already.",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="api_token_has_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

"""ProviderGrant and ProviderWord: the roles that somebody has because their identity provider says so."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class ProviderGrantQuerySet(models.QuerySet["ProviderGrant"]):
    """Grants, and which of them count."""

    def lapsed(self) -> "ProviderGrantQuerySet":
        """Those that no sign-in has confirmed for FACADE_OIDC_ROLE_SECONDS: their roles are worth nothing until one."""
        return self.filter(confirmed_at__lte=_oldest_that_counts())


class ProviderGrant(models.Model):
    """Marks a membership (or, without a tenant, the platform's operation) as the provider's to give and to take.

    What people gave by invitation has no such mark, and no claim takes it away.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_grants")
    tenant = models.ForeignKey(
        "routing.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="provider_grants"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # When a sign-in last brought the claim.
    confirmed_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = ProviderGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant"], name="provider_grant_unique"),
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(tenant=None), name="provider_grant_of_platform_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.tenant or 'the platform'}"

    @property
    def has_lapsed(self) -> bool:
        """Whether it is one of `lapsed()`."""
        return self.confirmed_at <= _oldest_that_counts()


def _oldest_that_counts() -> datetime:
    return timezone.now() - timedelta(seconds=settings.FACADE_OIDC_ROLE_SECONDS)


class ProviderWord(models.Model):
    """As of when somebody's roles were last decided. The word of a sign-in that was begun earlier is not heard."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="provider_word"
    )
    spoken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user}: {self.spoken_at}"

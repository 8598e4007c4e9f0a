"""ProviderGrant: a role that somebody has because their identity provider says so."""

from django.conf import settings
from django.db import models


class ProviderGrant(models.Model):
    """Marks a membership (or, without a tenant, the platform's operation) as the provider's to give and to take.

    What people gave by invitation has no such mark, and no claim takes it away.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_grants")
    tenant = models.ForeignKey(
        "routing.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="provider_grants"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant"], name="provider_grant_unique"),
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(tenant=None), name="provider_grant_of_platform_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.tenant or 'the platform'}"

"""HostnameClaim: a tenant says that a hostname is its own, and has yet to prove it.

Claims stand beside each other: nobody can keep the true owner from a name by claiming it first. The one that is proved
becomes a Hostname, and only hostnames are served.
"""

from django.db import models
from django.db.models import Q

from routing.models.address_finding import WithAddress
from routing.models.hostname import HOSTNAME_PATTERN
from routing.models.versioned import VersionedModel, VersionedQuerySet


class HostnameClaim(WithAddress, VersionedModel):
    """A hostname that a tenant wants served. `token` is what its DNS TXT record has to hold."""

    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, related_name="claims")
    name = models.CharField("hostname", max_length=253, help_text="The name to prove, such as docker.acme.com.")
    token = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    finding = models.CharField(max_length=500, blank=True, editable=False)
    objects = VersionedQuerySet["HostnameClaim"].as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="claim_unique",
                violation_error_message="This hostname is claimed already.",
            ),
            models.CheckConstraint(
                condition=Q(name__regex=HOSTNAME_PATTERN),
                name="claim_is_normalised",
                violation_error_message="Give the hostname alone, in lower case, such as docker.acme.com.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

"""Hostname: the address that people pull from."""

from django.db import models
from django.db.models import Q

from routing.core.table.front_door import pack_front_door
from routing.core.table.routing_table import HostEntry
from routing.models.address_finding import WithAddress
from routing.models.front_door import WithFrontDoor
from routing.models.history import records
from routing.models.labelled import Labelled
from routing.models.self_test import WithSelfTests
from routing.models.versioned import VersionedModel, VersionedQuerySet

# A wildcard stands for one label: *.pull.acme.com serves a.pull.acme.com.
HOSTNAME_PATTERN = r"^((\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])\Z"


class Hostname(WithFrontDoor, WithSelfTests, WithAddress, Labelled, VersionedModel):
    """A name that a tenant's users pull from, in lower case and A-label form, with no port and no trailing dot."""

    tenant = models.ForeignKey("routing.Tenant", on_delete=models.PROTECT, related_name="hostnames")
    name = models.CharField(
        "hostname", max_length=253, help_text="The name that people pull from, such as docker.acme.com."
    )
    enabled = models.BooleanField(default=True, help_text="While off, the name is answered with 404.")
    login_registry = models.ForeignKey(
        "routing.Registry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where a bare “docker login” goes when mappings lead to several registries.",
    )
    suspended = models.BooleanField(default=False, help_text="Refuse every request for this hostname.")
    suspension_message = models.CharField(
        max_length=300, blank=True, help_text="What clients are told while the hostname is suspended."
    )
    # How its tenant came by it. Without a token an operator of the platform vouched for it.
    proof_token = models.CharField(max_length=64, blank=True, editable=False)
    proof_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    proof_missing_since = models.DateTimeField(null=True, blank=True, editable=False)
    proof_finding = models.CharField(max_length=500, blank=True, editable=False)
    # Set once the proof was missing for the whole grace time: not served, whatever `enabled` says, until it is back.
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When TLS with this name was first seen to come about, at this facade. Requests don't depend on it.
    certificate_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    objects = VersionedQuerySet["Hostname"].as_manager()
    history = records("certificate_seen_at")

    class Meta:
        ordering = ["name"]
        constraints = [
            # Unique whatever its case, since the other constraint lets no upper case in. On the plain column, because
            # every verb, and the triggers that keep mappings from leading round, look hostnames up by it.
            models.UniqueConstraint(
                fields=["name"],
                name="hostname_unique",
                violation_error_message="This hostname is taken.",
            ),
            models.CheckConstraint(
                condition=Q(name__regex=HOSTNAME_PATTERN),
                name="hostname_is_normalised",
                violation_error_message="Give the hostname alone, in lower case, such as docker.acme.com.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def table_kind(self) -> str:
        """This noun in the change log."""
        return "hostname"

    @property
    def table_key(self) -> str:
        """The hostname's key in the routing table."""
        return self.name

    @property
    def sample_name(self) -> str:
        """A name that people could pull from: the hostname itself, or one that a wildcard stands for."""
        return self.name.replace("*", "any", 1)

    def table_entry(self) -> HostEntry:
        """The hostname as the data plane sees it."""
        refusal = self.suspension_message or "this hostname is suspended; ask its owner" if self.suspended else ""
        return HostEntry(
            tenant=str(self.tenant_id),
            enabled=self.enabled and self.withdrawn_at is None,
            login_registry=str(self.login_registry_id or ""),
            refusal=refusal,
            front=pack_front_door(self.front_door),
            badges=self.badges,
        )

"""Tenant: the organisation that owns hostnames, mappings and its own registries."""

from typing import Any

from django.db import models

from routing.core.table.routing_table import TenantEntry
from routing.models.history import records
from routing.models.name_field import NameField
from routing.models.versioned import VersionedModel, VersionedQuerySet

#: What a tenant's policy is made of.
POLICY = ("allowed_registries", "needs_clean_reports", "needs_approval")
#: Of a policy that waits to be confirmed: nothing.
NO_REQUEST: dict[str, Any] = {
    "policy_request": None,
    "policy_asked_at": None,
    "policy_asker_id": None,
    "policy_reason": "",
}


class Tenant(VersionedModel):
    """An organisation. While suspended, its clients are refused with its message."""

    tenant_lookup = "id"
    names_from = ()

    slug = models.SlugField(
        "short name", max_length=63, unique=True, help_text="Short name for commands and URLs, such as “acme”."
    )
    name = NameField(max_length=200, help_text="The organisation's name.")
    suspended = models.BooleanField(default=False, help_text="Refuse every request for this tenant's hostnames.")
    suspension_message = models.CharField(
        max_length=300, blank=True, help_text="What clients are told while the tenant is suspended."
    )
    max_hostnames = models.PositiveIntegerField(
        "hostnames at most",
        null=True,
        blank=True,
        help_text="How many hostnames it may have. Empty: the platform's limit.",
    )
    max_mappings = models.PositiveIntegerField(
        "mappings at most",
        null=True,
        blank=True,
        help_text="How many mappings it may have. Empty: the platform's limit.",
    )
    max_registries = models.PositiveIntegerField(
        "registries at most",
        null=True,
        blank=True,
        help_text="How many registries of its own it may have. Empty: the platform's limit.",
    )
    max_members = models.PositiveIntegerField(
        "members at most",
        null=True,
        blank=True,
        help_text="How many members and open invitations it may have. Empty: the platform's limit.",
    )
    max_streamed_bytes = models.PositiveBigIntegerField(
        "streamed bytes a month at most",
        null=True,
        blank=True,
        help_text="How many bytes of layers may pass through the facade for it in a calendar month (UTC): 1 GiB is "
        "1073741824. 0: none. Empty: the platform's limit.",
    )
    # With the database's default too: the previous release goes on adding rows while this one is rolled out.
    needs_approval = models.BooleanField(
        "approval of change sets",
        default=False,
        db_default=False,
        help_text="A change set of its mappings is applied once a second person has approved it.",
    )
    # Its policy, beside the approval. Origins, in order, with a space between; "": any registry.
    allowed_registries = models.TextField(
        "registries allowed",
        blank=True,
        default="",
        db_default="",
        help_text="Where its mappings may point: addresses of registries. Empty: any registry.",
    )
    needs_clean_reports = models.BooleanField(
        "clean reports",
        default=False,
        db_default=False,
        help_text="A mapping is repointed once a report of this very switch has found no difference.",
    )
    # A loosening that another owner has to confirm: what the policy would be. Who asked and why is kept beside it, and
    # not in the history's chain, from which nobody's name could be taken out.
    policy_request = models.JSONField(null=True, blank=True, editable=False)
    policy_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    policy_asker_id = models.BigIntegerField(null=True, blank=True, editable=False)
    policy_reason = models.CharField(max_length=1100, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    objects = VersionedQuerySet["Tenant"].as_manager()
    history = records("policy_asker_id", "policy_reason")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def owning_tenant_id(self) -> int:
        """Itself."""
        return self.pk

    @property
    def owning_tenant(self) -> "Tenant":
        """Itself."""
        return self

    @property
    def allowed_origins(self) -> list[str]:
        """The origins of the registries to which its mappings may point; none: any."""
        return self.allowed_registries.split()

    @property
    def table_kind(self) -> str:
        """This noun in the change log."""
        return "tenant"

    @property
    def table_key(self) -> str:
        """The tenant's key in the routing table."""
        return str(self.pk)

    def table_entry(self) -> TenantEntry:
        """The tenant as the data plane sees it."""
        refusal = self.suspension_message or "this address is suspended; ask its owner" if self.suspended else ""
        return TenantEntry(self.name, refusal)

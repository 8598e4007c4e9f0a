"""Registry: a backing registry, where content lives."""

from django.db import models
from django.db.models import Q

from routing.core.grammar.names import NAME_PATTERN
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.models.history import records
from routing.models.labelled import Labelled
from routing.models.pull_account import HasAccount
from routing.models.versioned import VersionedModel, VersionedQuerySet

# Scheme, host and port only: registry clients know no base path, /v2/ is at the root.
ORIGIN_PATTERN = r"^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?\Z"


class Registry(HasAccount, Labelled, VersionedModel):
    """A registry that mappings lead to: one tenant's own, or shared with all (no tenant).

    Its account is for the facade's own fetches of what is public.
    """

    shared_without_tenant = True

    tenant = models.ForeignKey(
        "routing.Tenant",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="registries",
        help_text="Whose registry this is. Empty: shared, every tenant may map to it.",
    )
    name = models.CharField(max_length=200, help_text="What people call it, such as “GitHub Container Registry”.")
    origin = models.CharField(
        "address",
        max_length=300,
        help_text="Where its API is: scheme, host and port, such as https://ghcr.io. Redirects go here.",
    )
    alias = models.CharField(
        "known as",
        max_length=253,
        blank=True,
        help_text="The name that people use for it where that isn't its API's host: docker.io for Docker Hub.",
    )
    implicit_namespace = models.CharField(
        "implicit namespace",
        max_length=100,
        blank=True,
        help_text="The namespace of repositories whose name has one component: library for Docker Hub, where alpine is "
        "library/alpine. Empty: none.",
    )
    stream_blobs = models.BooleanField(
        "stream layers",
        default=False,
        help_text="Pass layer bytes through this facade for clients that cannot be redirected, "
        "where the registry serves layers itself. Costs traffic.",
    )
    # What the last probe found. An operator doesn't type these.
    auth = models.CharField(
        max_length=10, default=Auth.UNKNOWN, editable=False, choices=[(auth.value, auth.value) for auth in Auth]
    )
    realm = models.CharField(max_length=500, blank=True, editable=False)
    service = models.CharField(max_length=300, blank=True, editable=False)
    probed_at = models.DateTimeField(null=True, blank=True, editable=False)
    probe_error = models.CharField(max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    objects = VersionedQuerySet["Registry"].as_manager()
    history = records("account_sealed")

    class Meta:
        verbose_name_plural = "registries"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["origin"],
                condition=Q(tenant=None),
                name="registry_shared_origin_unique",
                violation_error_message="A shared registry with this address exists already.",
            ),
            models.UniqueConstraint(
                fields=["tenant", "origin"],
                name="registry_tenant_origin_unique",
                violation_error_message="This tenant has a registry with this address already.",
            ),
            models.CheckConstraint(
                condition=Q(origin__regex=ORIGIN_PATTERN),
                name="registry_origin_is_origin",
                violation_error_message="Give scheme, host and port only, in lower case, such as https://ghcr.io.",
            ),
            models.CheckConstraint(
                condition=Q(implicit_namespace="") | Q(implicit_namespace__regex=NAME_PATTERN),
                name="registry_implicit_namespace_is_name",
                violation_error_message="This is no prefix of a repository name.",
            ),
        ]

    def __str__(self) -> str:
        return self.authority

    @property
    def authority(self) -> str:
        """What people write before the repository's name: the alias, or the host and port (http:// said, https not)."""
        return self.alias or self.origin.removeprefix("https://")

    @property
    def table_kind(self) -> str:
        """This noun in the change log."""
        return "registry"

    @property
    def table_key(self) -> str:
        """The registry's key in the routing table."""
        return str(self.pk)

    def table_entry(self) -> RegistryEntry:
        """The registry as the data plane sees it."""
        return RegistryEntry(
            origin=self.origin,
            name=self.authority,
            implicit_namespace=self.implicit_namespace,
            auth=self.auth,
            realm=self.realm,
            service=self.service,
            stream_blobs=self.stream_blobs,
            account=self.account_sealed,
        )


def target_at(authority: str, upstream_prefix: str) -> str:
    """What stands there, or everything at a registry, as a person writes it."""
    return f"{authority}/{upstream_prefix}" if upstream_prefix else authority

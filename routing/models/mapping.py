"""Mapping: (hostname, prefix) → (registry, upstream prefix)."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import models
from django.db.models import Q

from routing.core.grammar.names import MAX_NAME_LENGTH, NAME_PATTERN
from routing.core.grammar.notices import MAX_NOTICE_LENGTH
from routing.core.table.former_target import FormerTarget
from routing.core.table.mapping_entry import Flag, MappingEntry, mapping_key
from routing.models.history import records
from routing.models.labelled import Labelled
from routing.models.pull_account import HasAccount
from routing.models.registry import target_at
from routing.models.tenant import Tenant
from routing.models.versioned import VersionedModel, VersionedQuerySet

if TYPE_CHECKING:
    from routing.models.registry import Registry


class Destination(NamedTuple):
    """A registry, and a prefix there."""

    registry: "Registry"
    upstream_prefix: str

    def __str__(self) -> str:
        """As a person writes it."""
        return target_at(self.registry.authority, self.upstream_prefix)


class Mapping(HasAccount, Labelled, VersionedModel):
    """Where the repositories under one prefix of one hostname live this year.

    One with an account is published: everybody can pull what the account may read.
    """

    tenant_lookup = "hostname__tenant"
    names_from = ("hostname__tenant", "registry")

    class Delivery(models.TextChoices):
        """How clients get to the registry."""

        AUTO = "auto", "automatic: redirect the clients that can follow, relay for the others"
        REDIRECT_ONLY = "redirect-only", "redirect only: a redirect for every client, no relay"

    class BlobDelivery(models.TextChoices):
        """How the registry hands out the layers of the repository that was probed."""

        UNKNOWN = "unknown", "not known yet"
        REDIRECT = "redirect", "by redirect"
        INLINE = "inline", "itself"

    hostname = models.ForeignKey("routing.Hostname", on_delete=models.PROTECT, related_name="mappings")
    prefix = models.CharField(
        max_length=MAX_NAME_LENGTH,
        blank=True,
        help_text="Leading components of the repository name, such as acme or acme/app. Empty: the whole hostname.",
    )
    registry = models.ForeignKey("routing.Registry", on_delete=models.PROTECT, related_name="mappings")
    upstream_prefix = models.CharField(
        max_length=MAX_NAME_LENGTH,
        blank=True,
        help_text="What the prefix is called at the registry. Empty: the registry's root.",
    )
    allow_push = models.BooleanField(default=False, help_text="Redirect pushes too, for clients that can follow.")
    private = models.BooleanField(default=False, help_text="The images need credentials even to be pulled.")
    delivery = models.CharField(max_length=20, choices=Delivery.choices, default=Delivery.AUTO)
    # What the last probe found at one repository under the mapping. An operator doesn't type these. It stands here, and
    # not at the registry, because whoever chooses the repository chooses what is found: others may share the registry.
    probed_repository = models.CharField(max_length=MAX_NAME_LENGTH, blank=True, editable=False)
    public = models.CharField(
        max_length=10,
        default="unknown",
        editable=False,
        choices=[("yes", "everybody can pull"), ("no", "credentials needed"), ("unknown", "not known yet")],
    )
    # Scheme, realm and service, as `MappingEntry` has them.
    challenge = models.CharField(max_length=900, blank=True, editable=False)
    blob_delivery = models.CharField(
        max_length=10,
        default=BlobDelivery.UNKNOWN,
        db_default=BlobDelivery.UNKNOWN,
        choices=BlobDelivery.choices,
        editable=False,
    )
    blob_origins = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    probed_at = models.DateTimeField(null=True, blank=True, editable=False)
    probe_error = models.CharField(max_length=500, blank=True, editable=False)
    # Where it led before its last repoint, and until when content that is missing now is asked for there: packed, as
    # the table has it (core/table/former_target.py). No foreign key: what goes of a registry goes of this, by itself.
    former = models.CharField(max_length=1250, blank=True, default="", db_default="", editable=False)
    # Where it leads once its registry no longer answers; while `failed_over_at` is set, where it led before that.
    standby_registry = models.ForeignKey(
        "routing.Registry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="standby_mappings",
    )
    standby_prefix = models.CharField(max_length=MAX_NAME_LENGTH, blank=True, default="", db_default="", editable=False)
    #: In seconds: so long the registry has to answer again before the mapping is led back by itself. 0: never.
    standby_return_seconds = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    failed_over_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The part of its repositories that leads elsewhere already: packed, as the table has it (core/table/step.py), and
    # the change set that is under way with it. Without foreign keys, as the former target.
    step = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)
    stepped_by = models.BigIntegerField(null=True, blank=True, editable=False)
    notice = models.CharField(
        max_length=MAX_NOTICE_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="One line for those who pull, such as: moves to example.com on 1 March. Podman, Skopeo and others "
        "print it where the facade relays.",
    )
    enabled = models.BooleanField(default=True, help_text="While off, clients are told that the mapping is off.")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    objects = VersionedQuerySet["Mapping"].as_manager()
    history = records("account_sealed")

    class Meta:
        ordering = ["hostname__name", "prefix"]
        # Few have one at any time; they are looked for again and again.
        indexes = [
            models.Index(fields=["former"], name="mapping_former", condition=~Q(former="")),
            models.Index(fields=["stepped_by"], name="mapping_stepped", condition=Q(stepped_by__isnull=False)),
            models.Index(fields=["enabled"], name="mapping_off", condition=Q(enabled=False)),
            # What lists of registries tell of layers, without a look at each mapping's row.
            models.Index(fields=["registry", "blob_delivery"], name="mapping_deliveries"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["hostname", "prefix"],
                name="mapping_unique",
                violation_error_message="This hostname has a mapping for this prefix already: repoint that one.",
            ),
            models.CheckConstraint(
                condition=Q(prefix="") | Q(prefix__regex=NAME_PATTERN),
                name="mapping_prefix_is_name",
                violation_error_message="The prefix is no repository name: lower-case letters, digits and single "
                "separators, in components joined by /.",
            ),
            models.CheckConstraint(
                condition=Q(upstream_prefix="") | Q(upstream_prefix__regex=NAME_PATTERN),
                name="mapping_upstream_prefix_is_name",
                violation_error_message="The upstream prefix is no repository name: lower-case letters, digits and "
                "single separators, in components joined by /.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"

    @property
    def owning_tenant_id(self) -> int:
        """Its hostname's."""
        return self.hostname.tenant_id

    @property
    def owning_tenant(self) -> Tenant:
        """Its hostname's."""
        return self.hostname.tenant

    @property
    def source(self) -> str:
        """What people pull from: hostname and prefix."""
        return f"{self.hostname.name}/{self.prefix}" if self.prefix else self.hostname.name

    @property
    def target(self) -> str:
        """Where it leads, as a person writes it: registry and upstream prefix."""
        return target_at(self.registry.authority, self.upstream_prefix)

    @property
    def standby_target(self) -> str:
        """Its standby, or where it led before it failed over, as a person writes it; "" where it has none."""
        if self.standby_registry is None:
            return ""
        return target_at(self.standby_registry.authority, self.standby_prefix)

    @property
    def destination(self) -> Destination:
        """Where it leads now."""
        return Destination(self.registry, self.upstream_prefix)

    @property
    def home(self) -> Destination:
        """Where it leads by somebody's word: its target, or where it led before it failed over."""
        if self.failed_over_at is not None and self.standby_registry is not None:
            return Destination(self.standby_registry, self.standby_prefix)
        return self.destination

    @property
    def named_standby(self) -> Destination | None:
        """Its standby by somebody's word, whether it leads there now or not; None where it has none."""
        if self.standby_registry is None:
            return None
        if self.failed_over_at is not None:
            return self.destination
        return Destination(self.standby_registry, self.standby_prefix)

    @property
    def inline_blobs(self) -> bool | None:
        """Whether its registry was found to serve layers itself; None: nobody has found out."""
        found = {self.BlobDelivery.INLINE: True, self.BlobDelivery.REDIRECT: False}
        return found.get(self.BlobDelivery(self.blob_delivery))

    @property
    def is_repository(self) -> bool:
        """Whether its prefix is a repository rather than a namespace, as far as its form and the last probe tell."""
        return "/" in self.prefix or bool(self.prefix and self.table_flags & Flag.NAME_DIFFERS)

    @property
    def table_kind(self) -> str:
        """This noun in the change log."""
        return "mapping"

    @property
    def table_key(self) -> str:
        """The mapping's key in the routing table."""
        return mapping_key(self.hostname.name, self.prefix)

    @property
    def table_flags(self) -> int:
        """The mapping's switches, packed."""
        return pack_flags(
            self.enabled,
            self.allow_push,
            is_private(self.private, self.public, self.challenge),
            self.delivery,
            is_implicit_namespace(self.upstream_prefix, self.probed_repository),
            self.is_published,
        )

    @property
    def is_published(self) -> bool:
        """Whether everybody can pull what its account may read. After a restore its password may be missing."""
        return bool(self.account_user)

    def table_entry(self) -> MappingEntry:
        """The mapping as the data plane sees it."""
        rare = (self.challenge, self.former, self.notice, self.account_sealed, self.step)
        return MappingEntry(str(self.registry_id), self.upstream_prefix, self.table_flags, *rare)

    def as_former(self, until: int) -> str:
        """What it leads to, as the former target of another one; `until` is in seconds since 1970."""
        private = bool(self.table_flags & Flag.PRIVATE)
        return FormerTarget(until, str(self.registry_id), self.upstream_prefix, private, self.challenge).packed()


#: What a mapping has of findings where none was made: what a probe found at a former target is no longer so.
NOTHING_FOUND: dict[str, Any] = {
    "probed_repository": "",
    "public": "unknown",
    "challenge": "",
    "blob_delivery": Mapping.BlobDelivery.UNKNOWN,
    "blob_origins": "",
    "probed_at": None,
    "probe_error": "",
}

#: What a mapping has of a standby where it has none. One that is led elsewhere has none: it was verified for another.
NO_STANDBY: dict[str, Any] = {
    "standby_registry": None,
    "standby_prefix": "",
    "standby_return_seconds": 0,
    "failed_over_at": None,
}


def is_private(private: bool, public: str, challenge: str) -> bool:
    """Whether a mapping's repositories ask for a token, whatever their registry's ping says."""
    return private or public == "no" or bool(challenge)


def is_implicit_namespace(upstream_prefix: str, probed_repository: str) -> bool:
    """Whether what was probed is the one-component upstream prefix itself, where its registry keeps such names."""
    place, slash, name = probed_repository.rpartition("/")
    return bool(slash) and name == upstream_prefix and place.partition("/")[0] != upstream_prefix


def pack_flags(
    enabled: bool, allow_push: bool, private: bool, delivery: str, renames: bool, publishes: bool = False
) -> int:
    """A mapping's switches in one small integer."""
    return (
        (Flag.ENABLED.value if enabled else 0)
        | (Flag.ALLOW_PUSH.value if allow_push else 0)
        | (Flag.PRIVATE.value if private else 0)
        | (Flag.REDIRECT_ONLY.value if delivery == Mapping.Delivery.REDIRECT_ONLY else 0)
        | (Flag.NAME_DIFFERS.value if renames else 0)
        | (Flag.PUBLISH.value if publishes else 0)
    )

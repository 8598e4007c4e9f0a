"""Membership and Invitation: who may do what for a tenant."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from routing.models.history import records
from routing.models.provider_grant import ProviderGrant
from routing.models.versioned import VersionedModel, VersionedQuerySet


class Role(models.TextChoices):
    """What a member may do: each role may do what those after it may."""

    OWNER = "owner", "owner: members, hostnames, and everything below"
    OPERATOR = "operator", "operator: mappings, registries, repoints"
    VIEWER = "viewer", "viewer: read"

    @property
    def rank(self) -> int:
        """How far it reaches, compared to other roles: the higher, the further."""
        return [Role.VIEWER, Role.OPERATOR, Role.OWNER].index(self)


class MembershipQuerySet(VersionedQuerySet["Membership"]):
    """Memberships, and which of them count."""

    def in_force(self) -> "MembershipQuerySet":
        """Without those that the identity provider gave and has not confirmed for too long."""
        lapsed = ProviderGrant.objects.lapsed().filter(user=models.OuterRef("user"), tenant=models.OuterRef("tenant"))
        return self.filter(~models.Exists(lapsed))


class Membership(VersionedModel):
    """One person's role in one tenant."""

    names_from = ("user", "tenant")

    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)
    objects = MembershipQuerySet.as_manager()
    history = records()

    class Meta:
        verbose_name = "member"
        ordering = ["tenant__name", "user__username"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"],
                name="membership_unique",
                violation_error_message="This person is a member already.",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} of {self.tenant}"


class Invitation(VersionedModel):
    """An invitation by e-mail. The link's token is shown once, in the mail; only its hash is kept."""

    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.CharField(max_length=200, blank=True, editable=False)
    # Whose word it is; None: that of the command line. It is worth what they may do when it is accepted.
    inviter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    # Set where the link went to that address and nowhere else, so that opening it proves the address.
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    objects = VersionedQuerySet["Invitation"].as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at=None),
                name="invitation_open_unique",
                violation_error_message="This address is invited already: withdraw that invitation first.",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.tenant}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be accepted."""
        return self.accepted_at is None and self.expires_at > timezone.now()

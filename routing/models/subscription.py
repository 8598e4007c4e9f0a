"""Subscription: who is told of what happens to a tenant's rows, and how; Delivery: each time that somebody was."""

from django.db import models

from routing.models.versioned import VersionedModel, VersionedQuerySet


class Subscription(VersionedModel):
    """An address that is told of some kinds of events of a tenant, or of one of its hostnames alone."""

    class Channel(models.TextChoices):
        """How it is told."""

        EMAIL = "email", "mail"
        WEBHOOK = "webhook", "webhook"

    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, related_name="subscriptions")
    # A name, and no key: a hostname may be removed and come again.
    hostname = models.CharField(max_length=253, blank=True, default="")
    kinds = models.JSONField(default=list)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    address = models.CharField(max_length=500)
    # {"secret": …}, encrypted (crypto.py): what a webhook's messages are signed with.
    sealed = models.JSONField(default=dict, blank=True, editable=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    objects = VersionedQuerySet["Subscription"].as_manager()

    class Meta:
        ordering = ["tenant__slug", "channel", "address"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "channel", "address", "hostname"],
                name="subscription_unique",
                violation_error_message="This address is subscribed already: change that subscription.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} to {self.address}"


class DeliveryState(models.TextChoices):
    """What became of it."""

    WAITING = "waiting", "waiting"
    DELIVERED = "delivered", "delivered"
    FAILED = "failed", "failed"


class Delivery(models.Model):
    """One message to one address. `message_id` is what the receiver knows it by, however often it is sent."""

    State = DeliveryState

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=30)
    event = models.CharField(max_length=60)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.event}: {self.state}"

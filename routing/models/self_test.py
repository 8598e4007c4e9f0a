"""SelfTest: one report of a hostname that was tested as clients meet it, and how often that is done."""

from django.db import models

from routing.models.versioned import VersionedModel, VersionedQuerySet


class SelfTestSchedule(models.TextChoices):
    """How often the regular work tests a hostname."""

    OFF = "off", "not by itself"
    DAILY = "daily", "once a day"
    HOURLY = "hourly", "once an hour"

    @property
    def seconds(self) -> int:
        """From one test to the next; 0 where there is none."""
        return {"off": 0, "daily": 86_400, "hourly": 3_600}[self.value]


class WithSelfTests(models.Model):
    """A name that is tested."""

    # With the database's default too: the previous release goes on adding rows while this one is rolled out.
    self_test_schedule = models.CharField(
        "self-test",
        max_length=10,
        choices=SelfTestSchedule.choices,
        default=SelfTestSchedule.OFF,
        db_default=SelfTestSchedule.OFF,
        help_text="How often it is tested as docker, containerd, podman and Helm pull from it.",
    )

    class Meta:
        abstract = True


class SelfTest(VersionedModel):
    """What one test found. Nobody changes that; who may change the hostname can share it, and take that back."""

    tenant_lookup = "hostname__tenant"
    names_from = ("hostname__tenant",)

    hostname = models.ForeignKey("routing.Hostname", on_delete=models.CASCADE, related_name="self_tests")
    at = models.DateTimeField()
    #: Whether nothing was found that keeps clients out.
    passed = models.BooleanField()
    is_scheduled = models.BooleanField(help_text="Whether the regular work did it, and not somebody who asked for it.")
    #: As `diagnosis.report.Step` has them, what is for tenants alone.
    steps = models.JSONField(default=list, blank=True)
    #: Of the link to it, with which nobody gets in who doesn't have the server's key; empty where it isn't shared.
    share_nonce = models.CharField(max_length=32, blank=True, default="", editable=False)
    objects = VersionedQuerySet["SelfTest"].as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["hostname", "-at"], name="self_test_hostname_at")]

    def __str__(self) -> str:
        return f"{self.hostname}, {self.at:%Y-%m-%d %H:%M}"

    @property
    def owning_tenant_id(self) -> int:
        """Its hostname's."""
        return self.hostname.tenant_id

    @property
    def owning_tenant(self) -> object:
        """Its hostname's."""
        return self.hostname.tenant

    @property
    def milliseconds(self) -> int:
        """How long all steps took."""
        return sum(step["milliseconds"] for step in self.steps)

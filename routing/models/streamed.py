"""StreamedBytes: how much of registries' content passed through the facade for each tenant.

Written by every worker, which adds what it has counted since its last batch.
"""

from collections.abc import Mapping
from datetime import date

from django.db import models, transaction
from django.db.models import F, PositiveBigIntegerField, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from routing.models.tenant import Tenant


def this_month() -> date:
    """The first day of the present month (UTC), under which streamed bytes are counted."""
    return timezone.now().date().replace(day=1)


class StreamedBytes(models.Model):
    """The bytes of one tenant in one calendar month (UTC), by its first day."""

    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, related_name="streamed")
    month = models.DateField()
    streamed_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-month"]
        constraints = [models.UniqueConstraint(fields=["tenant", "month"], name="streamed_bytes_unique")]

    def __str__(self) -> str:
        return f"{self.tenant}, {self.month:%Y-%m}: {self.streamed_bytes}"


def add_streamed(month: date, amounts: Mapping[str, int]) -> None:
    """Add bytes to tenants (by their keys in the routing table), all or nothing. Those of a tenant that is gone go too.

    Raises django.db.DatabaseError.
    """
    with transaction.atomic():
        there = Tenant.objects.filter(pk__in=[int(key) for key in amounts])
        # In one order in every worker: two that each wait for the other's row would both fail.
        for pk in there.order_by("pk").values_list("pk", flat=True):
            row, _ = StreamedBytes.objects.get_or_create(tenant_id=pk, month=month)
            StreamedBytes.objects.filter(pk=row.pk).update(streamed_bytes=F("streamed_bytes") + amounts[str(pk)])


def quota_exhausted(month: date, limit: int) -> frozenset[str]:
    """The tenants (by their keys) that have had what they may have this month; `limit` is of those without their own.

    Raises django.db.DatabaseError.
    """
    may_have = Coalesce("max_streamed_bytes", Value(limit), output_field=PositiveBigIntegerField())
    had = Coalesce(
        models.Subquery(
            StreamedBytes.objects.filter(tenant=models.OuterRef("pk"), month=month).values("streamed_bytes")
        ),
        Value(0),
    )
    tenants = Tenant.objects.annotate(may_have=may_have, had=had).filter(had__gte=F("may_have"))
    return frozenset(str(pk) for pk in tenants.order_by().values_list("pk", flat=True))

"""The history of a tenant keeps its newest entries: whoever changes things to and fro can't fill the database."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F

from routing.services.base.history_chain import close_up, note_thrown_away, placed

# In pieces, so that no writer waits for long.
_PIECE = 1_000


def trim_history() -> int:
    """Throw away what is beyond FACADE_MAX_HISTORY_PER_TENANT, of each noun; gives how many entries that was."""
    removed = sum(_trim(model) for model in past_models())
    if removed:
        close_up()
    return removed


def past_models() -> list[Any]:
    """The models of all histories."""
    return [model.history.model for model in apps.get_app_config("routing").get_models() if hasattr(model, "history")]


def _trim(past: Any) -> int:
    most = settings.FACADE_MAX_HISTORY_PER_TENANT
    counted = past.objects.exclude(of_tenant=None).order_by().values("of_tenant").annotate(count=Count("pk"))
    removed = 0
    for tenant_id, count in counted.filter(count__gt=most).values_list("of_tenant", "count"):
        for _ in range(0, count - most, _PIECE):
            # By their places, so that whoever verifies the chain can tell what can't have been among them.
            oldest = placed(past).filter(of_tenant=tenant_id).order_by(F("place").asc(nulls_last=True), "history_id")
            piece = list(oldest.values_list("history_id", flat=True)[: min(_PIECE, count - most)])
            with transaction.atomic():
                note_thrown_away(past, piece)
                done, _by_model = past.objects.filter(history_id__in=piece).delete()
            removed, count = removed + done, count - done
    return removed

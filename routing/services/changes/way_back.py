"""The way back from a mapping's last switch: where it led directly before the target that it has."""

from datetime import datetime
from typing import NamedTuple

from routing.models import ChangeSet, Mapping, Registry

_FACTS = ("history_type", "history_date", "registry_id", "upstream_prefix", "failed_over_at", "change_set")


class _Led(NamedTuple):
    """A target that a mapping had: its registry, its prefix there."""

    registry_id: int
    upstream_prefix: str


def is_way_back(mapping: Mapping, registry_id: int, upstream_prefix: str) -> bool:
    """Whether a mapping led to this target directly before the present one, and the registry is where it was then.

    What an undo, a roll back or a fail back took back is no way back: to lead there is to switch once more.
    """
    path, left_at = _path_of(mapping)
    if len(path) < 2 or path[-2] != (registry_id, upstream_prefix):
        return False
    now = Registry.objects.filter(pk=registry_id).first()
    then = Registry.history.filter(id=registry_id, history_date__lte=left_at).order_by("-history_id").first()
    if now is None or then is None:
        return now is not None
    return (now.origin, now.implicit_namespace) == (then.origin, then.implicit_namespace)


def _path_of(mapping: Mapping) -> tuple[list[_Led], datetime | None]:
    """The targets from the first to the present one, without those that were taken back; and when the last but one was
    left. What another tenant had it lead to is no part of it.
    """
    entries = list(Mapping.history.filter(id=mapping.pk).order_by("history_id").values(*_FACTS))
    sets = ChangeSet.objects.filter(pk__in={entry["change_set"] for entry in entries} - {None})
    led_back = {row.pk: row.leads_back for row in sets.only("rows", "undoes").iterator()}
    path: list[_Led] = []
    left: list[datetime] = []
    was_over = False
    for entry in entries:
        led = _Led(entry["registry_id"], entry["upstream_prefix"])
        if entry["history_type"] == "+":
            path, left = [led], [entry["history_date"]]
        elif entry["history_type"] == "~" and path[-1:] != [led]:
            failed_back = was_over and entry["failed_over_at"] is None
            # Of a set that was thrown away since nobody knows: a report is the safer answer.
            is_back = entry["change_set"] is not None and led_back.get(entry["change_set"], True)
            if (is_back or failed_back) and led in path:
                kept = len(path) - path[::-1].index(led)
                path, left = path[:kept], left[:kept]
            elif is_back:
                path, left = [led], [entry["history_date"]]
            else:
                path.append(led)
                left.append(entry["history_date"])
        was_over = entry["failed_over_at"] is not None
    return path, left[-1] if left else None

"""Which mappings are compared with their standby: all that have one, for as long as they have it."""

from django.db.models import F, Q

from routing.database.clock import database_now
from routing.models import Mapping, Watch
from routing.models.versioned import VersionedQuerySet
from routing.services.base.actor import Actor
from routing.services.base.unit_of_work import unit_of_work

_PROGRAM = Actor.program("watch")
_AT_ONCE = 500
#: The standby that was named, which is where a mapping leads that has failed over.
_AT_STANDBY = Q(
    mapping__failed_over_at=None,
    registry=F("mapping__standby_registry"),
    upstream_prefix=F("mapping__standby_prefix"),
) | Q(
    mapping__failed_over_at__isnull=False,
    registry=F("mapping__registry"),
    upstream_prefix=F("mapping__upstream_prefix"),
)


def end_standby_watches() -> None:
    """Those of mappings that have another standby by now, or none."""
    watched = Watch.objects.filter(kind=Watch.Kind.STANDBY)
    # By their keys: of what is null, a condition is neither true nor false.
    over = watched.exclude(pk__in=watched.filter(_AT_STANDBY, mapping__standby_registry__isnull=False).values("pk"))
    if over.exists():
        with unit_of_work(_PROGRAM, "") as unit:
            unit.delete_all(over)


def begin_standby_watches() -> None:
    """Those of mappings whose standby nobody compares yet."""
    if not _unwatched().exists():
        return
    with unit_of_work(_PROGRAM, "") as unit:
        for mapping in _unwatched().with_names().select_related("standby_registry")[:_AT_ONCE]:
            standby = mapping.named_standby
            if standby is not None:
                kept = {"kind": Watch.Kind.STANDBY, "next_at": database_now(), **standby._asdict()}
                unit.add(Watch(mapping=mapping, **kept))


def _unwatched() -> VersionedQuerySet[Mapping]:
    watched = Watch.objects.filter(kind=Watch.Kind.STANDBY).values("mapping")
    return Mapping.objects.filter(standby_registry__isnull=False).exclude(pk__in=watched)

"""What an operator is told of standbys: numbers, of all servers together, and why one does not take over."""

from django.conf import settings
from django.db.models import Count, Min

from routing.models import Mapping, RegistryHealth
from routing.services.base.errors import ServiceError
from routing.services.base.policy import check_allowed


def count_failed_over() -> dict[str, int]:
    """How things stand, by the names of the numbers. Raises django.db.Error.

    `mappings_failed_over`: mappings that are led to their standby. `failed_over_since`: since when the earliest of them
    is, in seconds since the epoch; absent where none is. `registries_silent`: registries that are asked because of a
    standby, and did not answer as often as a switch takes.
    """
    # Few mappings have a standby, and the index of those that have is the way to them.
    away = Mapping.objects.filter(standby_registry__isnull=False, failed_over_at__isnull=False).order_by()
    found = away.aggregate(number=Count("pk"), since=Min("failed_over_at"))
    silent = RegistryHealth.objects.filter(failures__gte=settings.FACADE_STANDBY_FAILURES).count()
    numbers = {"mappings_failed_over": found["number"], "registries_silent": silent}
    if found["since"] is not None:
        numbers["failed_over_since"] = int(found["since"].timestamp())
    return numbers


def standby_objection(mapping: Mapping) -> str:
    """Why nobody is led to its standby, or back, whatever answers; "" where nothing forbids it, or there is none."""
    if mapping.standby_registry is None:
        return ""
    try:
        check_allowed(mapping.hostname.tenant, mapping.standby_registry)
    except ServiceError as refusal:
        return refusal.message
    return ""

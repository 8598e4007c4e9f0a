"""“What did this lead to then?”: the part of a history's page that asks for a time, and what stood there."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from django.http import HttpRequest

from routing.admin.base import permissions
from routing.core.grammar.numbers import parse_number
from routing.core.grammar.printable import printable
from routing.models import Hostname, Mapping, Tenant
from routing.services.base.errors import ServiceError
from routing.services.mappings.as_of import Stood, get_mappings_at

_SHOWN = 500
# The farthest that a zone is from UTC is 14 hours.
_MAX_MINUTES = 14 * 60
_MAX_ZONE = 60
_HOW = "Type a time such as 2026-03-01 12:00"


def as_of_context(request: HttpRequest, model: Any, pk: int, row: Any) -> dict[str, Any]:
    """What the part shows; nothing for a noun that leads nowhere. `row` is None for one that is gone."""
    if model not in (Mapping, Hostname) and not (model is Tenant and row is not None):
        return {}
    typed = request.GET.get("at", "").strip()
    zone = printable(request.GET.get("zone", ""))[:_MAX_ZONE]
    told: dict[str, Any] = {"typed": typed[:_MAX_ZONE], "zone": zone, "minutes": request.GET.get("minutes", "")[:5]}
    if typed:
        try:
            at = moment_of(typed, request.GET.get("minutes", ""))
            stood = _stood(request, model, pk, row, at)
        except ServiceError as refusal:
            told["refusal"] = refusal.message
        else:
            told |= {"at": at, "stood": stood[:_SHOWN], "more": max(0, len(stood) - _SHOWN)}
    return {"as_of": told}


def moment_of(typed: str, minutes: str) -> datetime:
    """The time that a browser's field holds, of which `minutes` says how far before UTC it is: "" for none.

    Raises ServiceError.
    """
    sign, digits = (-1, minutes[1:]) if minutes.startswith("-") else (1, minutes)
    before = parse_number(digits) if digits else 0
    if before is None or before > _MAX_MINUTES:
        raise ServiceError("there is no such time zone")
    try:
        at = datetime.fromisoformat(typed)
        zone = timezone(timedelta(minutes=sign * before))
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ServiceError(_HOW) from error


def _stood(request: HttpRequest, model: Any, pk: int, row: Any, at: datetime) -> list[Stood]:
    actor = permissions.actor(request)
    if model is Tenant:
        return get_mappings_at(actor, at, tenant=row.slug)
    hostname_id = pk
    if model is Mapping:
        hostname_id = Mapping.history.filter(id=pk).values_list("hostname_id", flat=True).first() or 0
    name = Hostname.history.filter(id=hostname_id).values_list("name", flat=True).first()
    if name is None:
        name = Hostname.objects.filter(pk=hostname_id).values_list("name", flat=True).first() or ""
    found = get_mappings_at(actor, at, hostname=name)
    return [each for each in found if model is not Mapping or each.mapping_id == pk]

"""What hangs on rows that are about to be removed, suspended or switched off, in numbers."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from routing.admin.base import permissions
from routing.admin.base.pulls import DEFAULT_PERIOD, PERIODS, span_of
from routing.models import AnswerCount, ApiToken, Hostname, Mapping, Membership, Registry, Role, Tenant
from routing.services.pulls.reading import count_pulls, pulls_by_mapping


def consequences(request: HttpRequest, rows: Sequence[Any]) -> list[str]:
    """A sentence for each thing to know, of rows of one kind; a few queries, however many rows there are."""
    told = _TOLD.get(type(rows[0])) if rows else None
    return told(request, rows) if told else []


def _mappings(request: HttpRequest, rows: Sequence[Mapping]) -> list[str]:
    found = pulls_by_mapping(
        permissions.actor(request).looking(), span_of(DEFAULT_PERIOD), {row.hostname.name for row in rows}
    )
    return [_pulls(sum(found.get((row.hostname.name, row.prefix), 0) for row in rows), len(rows))]


def _hostnames(request: HttpRequest, rows: Sequence[Hostname]) -> list[str]:
    mappings = permissions.viewable(request, Mapping.objects.filter(hostname__in=[row.pk for row in rows])).count()
    pulls = count_pulls(
        permissions.actor(request).looking(), span_of(DEFAULT_PERIOD), hostname__in=[row.name for row in rows]
    )
    return [f"{_so_many(mappings, 'mapping')} lead on from {_them(len(rows))}.", _pulls(pulls, len(rows))]


def _tenants(request: HttpRequest, rows: Sequence[Tenant]) -> list[str]:
    keys = [row.pk for row in rows]
    hostnames = permissions.viewable(request, Hostname.objects.filter(tenant__in=keys)).count()
    mappings = permissions.viewable(request, Mapping.objects.filter(hostname__tenant__in=keys)).count()
    pulls = count_pulls(permissions.actor(request).looking(), span_of(DEFAULT_PERIOD), tenant__in=keys)
    return [f"{_so_many(hostnames, 'hostname')}, with {_so_many(mappings, 'mapping')}.", _pulls(pulls, len(rows))]


def _registries(_: HttpRequest, rows: Sequence[Registry]) -> list[str]:
    days = AnswerCount.objects.filter(registry__in=[row.pk for row in rows], grain="day").count()
    account = " The facade's account there is forgotten." if any(row.account_user for row in rows) else ""
    return [f"The numbers of {_so_many(days, 'day')} of its answers go, too.{account}"]


def _members(_: HttpRequest, rows: Sequence[Membership]) -> list[str]:
    row = rows[0]
    others = Membership.objects.filter(tenant=row.tenant_id).exclude(pk=row.pk)
    roles = list(others.values_list("role", flat=True))
    tokens = ApiToken.objects.filter(user=row.user_id, tenant=row.tenant_id).count()
    stay = f"{_so_many(len(roles), 'other member')}, of these {_so_many(roles.count(Role.OWNER), 'owner')}."
    ended = f" {_so_many(tokens, 'API token')} for this tenant alone can do nothing any more." if tokens else ""
    return [f"There remain {stay}{ended}"]


def _pulls(number: int, rows: int) -> str:
    if not settings.FACADE_STATISTICS_DAYS:
        return "How many pull is not known: nothing is counted here (FACADE_STATISTICS_DAYS is 0)."
    period = PERIODS[DEFAULT_PERIOD][1]
    if not number:
        return f"Nobody pulled through {_them(rows)} in the last {period}."
    return f"{_so_many(number, 'pull')} went through {_them(rows)} in the last {period}."


def _so_many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _them(rows: int) -> str:
    return "it" if rows == 1 else "them"


_TOLD: dict[type[Any], Any] = {
    Mapping: _mappings,
    Hostname: _hostnames,
    Tenant: _tenants,
    Registry: _registries,
    Membership: _members,
}

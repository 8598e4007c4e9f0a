"""What the admin opens with: how much there is, whether the workers know it, and what was changed last."""

from typing import Any

from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest

from routing.admin.base import permissions
from routing.admin.base.history import latest_entries
from routing.admin.changes.calendar import coming_up
from routing.admin.first_steps import first_steps, generation_with_facts
from routing.admin.pulls import pulls_summary
from routing.dataplane.live.live_table import live_table
from routing.models import Hostname, HostnameClaim, Job, Mapping, Registry, Tenant, Watch
from routing.services.base.permissions import Permission

_LATEST = 10
_WAITING = 5


def overview(request: HttpRequest) -> dict[str, Any]:
    """The overview's context."""
    mappings = permissions.viewable(request, Mapping.objects.order_by())
    registries = permissions.viewable(request, Registry.objects.order_by())
    tenants = permissions.viewable(request, Tenant.objects.order_by())
    table = live_table.table
    facts = generation_with_facts(request)
    return {
        # Each by an index of its own, which one look at all of them has not: there may be a million.
        "mapping_count": mappings.count(),
        "mappings_off": mappings.filter(enabled=False).count(),
        "hostname_count": permissions.viewable(request, Hostname.objects.all()).count(),
        "registry_count": registries.count(),
        "registries_used": registries.filter(Exists(mappings.filter(registry=OuterRef("pk")))).count(),
        **tenants.aggregate(tenant_count=Count("pk"), tenants_suspended=Count("pk", filter=Q(suspended=True))),
        **_waiting(request),
        **pulls_summary(request),
        "may_map": permissions.may(request, Permission.CHANGE_MAPPINGS, None),
        "may_claim": permissions.may(request, Permission.CHANGE_HOSTNAMES, None),
        "claims_first": not permissions.may(request, Permission.ADMINISTER, None),
        "generation": facts["value"],
        "first_steps": first_steps(request, facts),
        "served_generation": None if table is None else table.generation,
        "table_age_seconds": live_table.age_seconds,
        "coming": coming_up(request, _WAITING),
        "entries": latest_entries(request, _LATEST),
    }


def _waiting(request: HttpRequest) -> dict[str, Any]:
    """What waits for the asker, or for tenants: claims that aren't verified yet, hostnames whose record went missing,
    mappings that were moved while others still push to where they led, and those whose standby lacks something.

    Who can do nothing about it isn't told of it.
    """
    theirs = permissions.tenants(request, Permission.CHANGE_HOSTNAMES)
    claims = HostnameClaim.objects.select_related("tenant").filter(tenant__in=theirs).order_by("-created_at")
    missing = Hostname.objects.filter(proof_missing_since__isnull=False, tenant__in=theirs)
    open_claims, lost = list(claims[: _WAITING + 1]), list(missing.order_by("proof_missing_since")[: _WAITING + 1])
    is_platform = permissions.may(request, Permission.ADMINISTER, None)
    silent = Registry.objects.exclude(probe_error="").order_by("name")
    if not is_platform:
        silent = silent.filter(tenant__in=permissions.tenants(request, Permission.CHANGE_REGISTRIES))
    drifted = Q(counts__has_any_keys=["moved", "appeared"]) | Q(kind=Watch.Kind.STANDBY, state=Watch.State.DRIFT)
    # Few have drifted, and SQLite would begin at the other end, with all mappings of these tenants.
    pushed = Watch.objects.with_names().filter(
        pk__in=Watch.objects.filter(drifted).order_by().values("pk"),
        mapping__hostname__tenant__in=permissions.tenants(request, Permission.CHANGE_MAPPINGS),
    )
    drifting = list(pushed.order_by("since", "pk")[: _WAITING + 1])
    failing = list(silent[: _WAITING + 1])
    return {
        "drifting": drifting[:_WAITING],
        "more_drifting": len(drifting) > _WAITING,
        "failing_registries": failing[:_WAITING],
        "more_failing_registries": len(failing) > _WAITING,
        # A job that has failed waits to be tried again, until it is given up.
        "failing_jobs": Job.objects.filter(attempts__gt=1).count() if is_platform else 0,
        "waiting_title": "Waiting for tenants" if is_platform else "Waiting for you",
        "claims": open_claims[:_WAITING],
        "more_claims": len(open_claims) > _WAITING,
        "lost_proofs": lost[:_WAITING],
        "more_lost_proofs": len(lost) > _WAITING,
    }

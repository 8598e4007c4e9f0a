"""What the admin opens with: how much there is, whether the workers know it, and what was changed last."""

from typing import Any

from django.http import HttpRequest

from routing.admin import scope
from routing.admin.history import latest_entries
from routing.dataplane.live import live
from routing.models import Generation, Hostname, Mapping, Registry, Tenant

_LATEST = 10


def overview(request: HttpRequest) -> dict[str, Any]:
    """The overview's context."""
    mappings = scope.visible(request, Mapping.objects.all())
    table = live.table
    return {
        "mapping_count": mappings.count(),
        "mappings_off": mappings.filter(enabled=False).count(),
        "hostname_count": scope.visible(request, Hostname.objects.all()).count(),
        "registry_count": scope.visible(request, Registry.objects.all()).count(),
        "registries_used": mappings.order_by().values("registry").distinct().count(),
        "tenant_count": scope.visible(request, Tenant.objects.all()).count(),
        "tenants_suspended": scope.visible(request, Tenant.objects.filter(suspended=True)).count(),
        "generation": Generation.objects.filter(pk=1).values_list("value", flat=True).first() or 0,
        "served_generation": None if table is None else table.generation,
        "table_age_seconds": live.age_seconds,
        "entries": latest_entries(request, _LATEST),
    }

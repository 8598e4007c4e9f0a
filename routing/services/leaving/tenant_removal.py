"""The verb that takes a tenant off the platform, with everything that is its own.

A small tenant goes in one transaction. A big one is suspended first, so that its clients are told at once; then its
rows go a thousand at a time, between which other writers have their turn; what is left goes together with the
tenant. Nothing can come back after that: whoever adds a row of the tenant's stands in the same line of writers, or
waits for the tenant's own row, and then finds it gone. Where it is broken off in the middle, it is asked for once more.
"""

import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from django.db.models import Q

from routing.models import Hostname, Tenant
from routing.models import Mapping as MappingRow
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.leaving.tenant_rows import OTHERS, ROUTED, what_goes, what_stays

#: So many routed rows go in one transaction: half a second of CPU, in which other writers wait.
PIECE = 1_000
# SQLite lets others in only where they happen to look.
_OTHERS_TURN_SECONDS = 0.1
_MESSAGE = "this address has left: its owner is no longer served here"


class TenantRemoval(NamedTuple):
    """What a removal takes and leaves, in numbers. `obstacle`: why it can't be done now; "" where it can."""

    tenant: Tenant
    goes: Mapping[str, int]
    stays: Mapping[str, int]
    obstacle: str

    @property
    def is_empty(self) -> bool:
        """Whether nobody is served by it, so that it can go without a word."""
        return not any(self.goes[what] for what in ROUTED)


def get_tenant_removal(actor: Actor, *, tenant_id: int) -> TenantRemoval:
    """What removing a tenant would do. For operators of the platform. Raises NotFound, PermissionDenied."""
    check_permission(actor, Permission.EXPORT, None)
    tenant = get_row(Tenant.objects.all(), tenant_id)
    return TenantRemoval(tenant, what_goes(tenant), what_stays(tenant), _obstacle(tenant))


def remove_tenant(
    actor: Actor,
    reason: str,
    *,
    tenant_id: int,
    everything: bool = False,
    if_match: Collection[int] | None = None,
) -> dict[str, int]:
    """Remove a tenant; with `everything` also one that has hostnames or registries. Gives how many of each went.

    Its history stays, and so do the accounts of its members. For operators of the platform.

    Raises NotFound, PermissionDenied, Outdated, and ServiceError while it has hostnames or registries that are not to
    go, or where another tenant's mappings lead to its registries.
    """
    gone: dict[str, int] = {}
    while True:
        try:
            with unit_of_work(actor, reason) as unit:
                tenant = unit.get(Tenant, tenant_id, Permission.ADMINISTER, None if gone else if_match)
                if not everything:
                    _check_unused(tenant)
                if (obstacle := _obstacle(tenant)) != "":
                    raise ServiceError(obstacle)
                if _remove_part(unit, tenant, gone):
                    facts = {what.partition(" ")[0]: count for what, count in gone.items() if what in ROUTED}
                    unit.event("tenant.removed", tenant_id=tenant_id, **facts)
                    return gone
        except NotFound:
            if not gone:
                raise
            # Somebody else has removed the rest meanwhile.
            return gone
        time.sleep(_OTHERS_TURN_SECONDS)


def _remove_part(unit: UnitOfWork, tenant: Tenant, gone: dict[str, int]) -> bool:
    """Remove the next rows, and the tenant with the last of them. Whether that was all."""
    left = {what: rows(tenant).count() for what, rows in ROUTED.items()}
    # What is rolled back would never grow less.
    if sum(left.values()) <= PIECE or is_dry_run():
        _remove_rest(unit, tenant, gone)
        return True
    if not tenant.suspended:
        unit.update(tenant, suspended=True, suspension_message=_MESSAGE)
    what = next(what for what, count in left.items() if count)
    rows = ROUTED[what](tenant)
    next_ones = rows.order_by("pk").values_list("pk", flat=True)[:PIECE]
    _count(gone, what, unit.delete_all(rows.filter(pk__lte=max(next_ones))))
    return False


def _remove_rest(unit: UnitOfWork, tenant: Tenant, gone: dict[str, int]) -> None:
    # Streamed bytes are counted outside the line of writers. Whoever would add some waits here, and finds no tenant.
    unit.lock(tenant)
    for what, rows in {**ROUTED, **OTHERS}.items():
        _count(gone, what, unit.delete_all(rows(tenant)))
    unit.delete(tenant)


def _count(gone: dict[str, int], what: str, count: int) -> None:
    gone[what] = gone.get(what, 0) + count


def _check_unused(tenant: Tenant) -> None:
    used_by = [what for what in ("hostnames", "registries") if ROUTED[what](tenant).exists()]
    if used_by:
        raise ServiceError(
            f"{tenant} is still used by {' and '.join(used_by)}; remove those first, or remove it with everything",
            at_command_line=" (--everything)",
        )


def _obstacle(tenant: Tenant) -> str:
    """What of other tenants' leads to this one's registries: no verb lets that be, but who writes rows by hand can."""
    leads = MappingRow.objects.filter(registry__tenant=tenant).exclude(hostname__tenant=tenant)
    names = [str(mapping) for mapping in leads.with_names()[:5]]
    logins = Hostname.objects.filter(Q(login_registry__tenant=tenant) & ~Q(tenant=tenant))
    names += [f"logins at {name}" for name in logins.values_list("name", flat=True)[:5]]
    return f"other tenants use registries of {tenant}: {', '.join(names)}; repoint these first" if names else ""

"""Whether a verification report says of exactly one switch that nothing would be another."""

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Q

from routing.database.clock import database_now
from routing.models import Mapping, Registry, Verification, VerificationDifference
from routing.services.base.codes import Code
from routing.services.base.permissions import PermissionDenied
from routing.services.base.rules import Write

#: A report counts for so many hours.
REPORT_HOURS = 24

_Place = tuple[str, str, str]
_Switch = tuple[int, _Place, _Place]


class _Finding(NamedTuple):
    """What a report says of a switch, and of which options; None stands for those that the mapping had."""

    report: int
    private: bool | None
    delivery: str | None
    trouble: str


def check_clean_report(write: Write) -> None:
    """Refuse to lead a mapping elsewhere without a clean report, where its tenant's policy wants one.

    The newest report of exactly this switch decides. Raises PermissionDenied.
    """
    row, before = write.row, write.before
    tenant = row.hostname.tenant
    if before is None or write.waives_report or not tenant.needs_clean_reports:
        return
    switch = row.pk, _place_of(before), _place_of(row)
    if switch[1] == switch[2]:
        return
    found = next((each for each in _findings(write)[switch] if _is_about(each, row, before)), None)
    if found is not None and not found.trouble:
        return
    why = found.trouble if found else "there is none"
    prefix = row.prefix or '""'
    raise PermissionDenied.for_field(
        "target",
        f"the policy of {tenant} wants a clean report of exactly this switch, of the last {REPORT_HOURS} hours: {why}. "
        f"Make one of {row.source} to {row.target} first (its page “Verify first”, or facade verify "
        f"{row.hostname.name} {prefix} --to {row.target}), and copy what it finds missing",
        Code.REPORT_REQUIRED,
    )


def _place_of(row: Mapping) -> _Place:
    registry: Registry = row.registry
    return registry.origin, registry.implicit_namespace, row.upstream_prefix


def _is_about(found: _Finding, row: Mapping, before: Mapping) -> bool:
    """Whether it is about the options that the mapping gets."""
    private = before.private if found.private is None else found.private
    delivery = before.delivery if found.delivery is None else found.delivery
    return (private, delivery) == (row.private, row.delivery)


def _findings(write: Write) -> dict[_Switch, list[_Finding]]:
    """What reports say of each switch of the tenant's, the newest first. Looked up once a unit of work."""
    tenant_id = write.row.hostname.tenant_id
    memo = {} if write.memo is None else write.memo
    key = "clean reports", tenant_id
    if key not in memo:
        memo[key] = _read(tenant_id)
    found: dict[_Switch, list[_Finding]] = memo[key]
    return found


def _read(tenant_id: int) -> dict[_Switch, list[_Finding]]:
    since = database_now() - timedelta(hours=REPORT_HOURS)
    # A tenant keeps few. Of several tenants' it is nobody's.
    rows = Verification.objects.filter(
        Q(tenant=tenant_id) | Q(tenant=None), state=Verification.State.DONE, finished_at__gte=since
    )
    found: dict[_Switch, list[_Finding]] = defaultdict(list)
    for row in rows.order_by("-finished_at", "-pk"):
        if row.options.get("cost_only"):
            continue
        differing = set(VerificationDifference.objects.filter(verification=row).values_list("switch", flat=True))
        for number, facts in enumerate(row.switches):
            trouble = _trouble(row, number, differing)
            finding = _Finding(row.pk, facts.get("private"), facts.get("delivery"), trouble)
            found[facts["mapping_id"], _side(facts["old"]), _side(facts["new"])].append(finding)
    return found


def _side(facts: dict[str, Any]) -> _Place:
    registry = facts["registry"]
    return registry["origin"], registry["implicit_namespace"], facts["prefix"]


def _trouble(row: Verification, number: int, differing: Collection[int]) -> str:
    """Why a report that is over says too little, or nothing good; "" where it is clean."""
    if number in differing or (row.difference_count and not differing):
        return f"report {row.pk} found differences"
    if not row.compared:
        return f"report {row.pk} compared nothing; add tags that are to be compared"
    if row.notes:
        return f"report {row.pk} compared a part only ({row.notes[0]})"
    if row.options.get("blobs") == "none":
        return f"report {row.pk} asked for no layers"
    return ""

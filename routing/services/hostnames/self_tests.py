"""Reports of self-tests: who may read them, which are kept, and the link with which everybody reads one.

A link has a token that only this server's key makes; the row holds a nonce, with which the token ends. Whoever reads
the database alone can't make one. What runs the tests is `diagnosis.self_test`.
"""

import re
import secrets

from django.conf import settings
from django.db.models import Q, QuerySet

from routing import crypto
from routing.models import Hostname, SelfTest
from routing.models.self_test import SelfTestSchedule
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import unit_of_work
from routing.services.hostnames.hostnames import get_hostname

#: So many reports of a hostname are kept, the newest; and so many more that are shared.
KEPT = 30
MAX_SHARED = 10
#: HMAC-SHA256 in base64url: 256 bits.
_TOKEN_LENGTH = 43
_NONCE_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def get_self_tests(actor: Actor, hostname_id: int) -> list[SelfTest]:
    """The reports of a hostname, the newest first. Raises NotFound."""
    hostname = get_hostname(actor, hostname_id)
    return list(SelfTest.objects.with_names().filter(hostname=hostname))


def get_self_test(actor: Actor, *, self_test_id: int, hostname_id: int | None = None) -> SelfTest:
    """One report; where a hostname is named, one of that. Raises NotFound."""
    rows = SelfTest.objects.viewable_by(actor).with_names()
    return get_row(rows if hostname_id is None else rows.filter(hostname=hostname_id), self_test_id)


def share_self_test(actor: Actor, reason: str, *, self_test_id: int) -> SelfTest:
    """Have everybody read a report who gets the link. One that is shared already keeps its link.

    Raises NotFound, PermissionDenied, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        row = unit.get(SelfTest, self_test_id, Permission.CHANGE_HOSTNAMES)
        if row.share_nonce:
            return row
        if SelfTest.objects.filter(hostname=row.hostname_id).exclude(share_nonce="").count() >= MAX_SHARED:
            said = f"{MAX_SHARED} reports of {row.hostname} are shared already: end the sharing of one first"
            raise ServiceError(said, code=Code.QUOTA_EXCEEDED)
        unit.save_without_history(row, share_nonce=secrets.token_hex(_NONCE_BYTES))
        unit.event("self_test.shared", **_facts(row))
    return row


def unshare_self_test(actor: Actor, reason: str, *, self_test_id: int) -> SelfTest:
    """End that: the link leads nowhere from now on, for ever. Raises NotFound, PermissionDenied."""
    with unit_of_work(actor, reason) as unit:
        row = unit.get(SelfTest, self_test_id, Permission.CHANGE_HOSTNAMES)
        if row.share_nonce:
            unit.save_without_history(row, share_nonce="")
            unit.event("self_test.unshared", **_facts(row))
    return row


def share_path(row: SelfTest) -> str:
    """Where everybody reads it, on control hosts; "" where it isn't shared. For who may change the hostname alone."""
    if not row.share_nonce:
        return ""
    return f"/self-tests/{row.pk}/{crypto.signature(crypto.SHARED_REPORTS, _signed(row), _TOKEN_LENGTH)}"


def shared_self_test(self_test_id: int, token: str) -> SelfTest | None:
    """The report to which a link leads; None for any other link, in about the same time. One query at most."""
    if not _TOKEN.fullmatch(token):
        return None
    row = SelfTest.objects.with_names().filter(pk=self_test_id).exclude(share_nonce="").first()
    signed = "" if row is None else _signed(row)
    is_good = crypto.is_signature(crypto.SHARED_REPORTS, signed, token)
    return row if is_good and signed else None


def _signed(row: SelfTest) -> str:
    return f"{row.pk}.{row.share_nonce}"


def _facts(row: SelfTest) -> dict[str, int]:
    facts = {"self_test_id": row.pk, "hostname_id": row.hostname_id}
    return {**facts, "tenant_id": row.owning_tenant_id}


# ---------------------------------------------------------------- the schedule
def _tests_a_day(schedule: SelfTestSchedule) -> int:
    return SelfTestSchedule.DAILY.seconds // schedule.seconds if schedule.seconds else 0


def check_room_for_self_tests(actor: Actor, hostname: Hostname) -> None:
    """Refuse a schedule with which a tenant's hostnames were tested too often. Raises ServiceError."""
    wanted = _tests_a_day(SelfTestSchedule(hostname.self_test_schedule))
    if not wanted or actor.is_operator:
        return
    others = Hostname.objects.filter(tenant=hostname.tenant_id).exclude(pk=hostname.pk)
    held = sum(
        others.filter(self_test_schedule=schedule).count() * _tests_a_day(schedule)
        for schedule in (SelfTestSchedule.DAILY, SelfTestSchedule.HOURLY)
    )
    most = settings.FACADE_MAX_SELF_TESTS_PER_DAY
    if held + wanted > most:
        said = (
            f"The hostnames of {hostname.tenant} may be tested {most} times a day by themselves, and are {held} times: "
            "choose a rarer schedule, or ask the platform's operators for more."
        )
        raise ServiceError.for_field("self_test_schedule", said, Code.QUOTA_EXCEEDED)


def surplus_of(hostname_id: int) -> "QuerySet[SelfTest]":
    """The reports of a hostname that are not kept any more."""
    unshared = SelfTest.objects.filter(hostname=hostname_id, share_nonce="").order_by("-at", "-pk")
    kept = list(unshared.values_list("pk", flat=True)[:KEPT])
    return SelfTest.objects.filter(Q(hostname=hostname_id, share_nonce=""), ~Q(pk__in=kept))

"""Tests hostnames as clients meet them, on a schedule and when somebody asks, and keeps the reports.

The regular work looks twice a minute whose time has come. Each test is a job in its tenant's share of the queue.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from routing.database.clock import database_now
from routing.diagnosis.hostname import DIAGNOSIS_SECONDS, diagnose_hostname, look_at, subject_of
from routing.diagnosis.report import Mark, Report, Step
from routing.jobs.kinds import SELF_TESTS, Kind
from routing.jobs.queue import enqueue
from routing.models import Hostname, Job, SelfTest
from routing.models.self_test import SelfTestSchedule
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.errors import NotFound
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.hostnames.self_tests import surplus_of
from routing.services.mappings.state import state_of_hostname

_PROGRAM = Actor.program("self-test")
_AT_ONCE = 500


def run_self_test(actor: Actor, *, hostname_id: int) -> SelfTest:
    """Test a hostname now, and keep the report. Takes seconds, a minute at most.

    What is about the platform's proxy is not in it, whoever asks: tenants read it later. Raises NotFound,
    PermissionDenied, TooManyRequests.
    """
    report = diagnose_hostname(actor, hostname_id=hostname_id, for_tenants=True)
    row = _keep(actor, hostname_id, report, is_scheduled=False)
    if row is None:
        raise NotFound("this hostname is gone")
    return row


def steps_of(row: SelfTest) -> list[Step]:
    """What was found, step by step, for who may see the hostname."""
    return [Step(**{**step, "mark": Mark(step["mark"])}) for step in row.steps]


def queue_due_self_tests() -> None:
    """Have those tested whose last test is as old as their schedule says. What is not served is left alone."""
    now, due = database_now(), Q()
    for schedule in (SelfTestSchedule.DAILY, SelfTestSchedule.HOURLY):
        since = now - timedelta(seconds=schedule.seconds)
        # One that seems to be of later was done while the clock was ahead.
        lately = SelfTest.objects.filter(hostname=OuterRef("pk"), at__gt=since, at__lte=now + timedelta(minutes=5))
        due |= Q(~Exists(lately), self_test_schedule=schedule)
    rows = Hostname.objects.exclude(self_test_schedule=SelfTestSchedule.OFF).filter(due, enabled=True, suspended=False)
    for row in rows.with_names().order_by("pk")[:_AT_ONCE]:
        if state_of_hostname(row).is_on:
            enqueue(SELF_TEST, str(row.pk), share_of(row.tenant))


def count_failing() -> dict[str, int]:
    """How many hostnames did not pass their last test, of those on a schedule. Raises django.db.Error."""
    newest = SelfTest.objects.filter(hostname=OuterRef("pk")).order_by("-at", "-pk")
    tested = Hostname.objects.exclude(self_test_schedule=SelfTestSchedule.OFF)
    return {"self_tests_failing": tested.annotate(passed=newest.values("passed")[:1]).filter(passed=False).count()}


def _begin(job: Job) -> Callable[[], Report] | None:
    row = Hostname.objects.with_names().filter(pk=int(job.key)).first()
    if row is None or row.self_test_schedule == SelfTestSchedule.OFF or not state_of_hostname(row).is_on:
        return None
    return partial(look_at, subject_of(row, row.sample_name), for_operators=False)


def _settle(job: Job, report: Report) -> None:
    _keep(_PROGRAM, int(job.key), report, is_scheduled=True)


def _keep(actor: Actor, hostname_id: int, report: Report, *, is_scheduled: bool) -> SelfTest | None:
    """Write it down, and tell where the verdict is another one. None where the hostname is gone."""
    with unit_of_work(actor, "") as unit:
        hostname = Hostname.objects.with_names().filter(pk=hostname_id).first()
        if hostname is None:
            return None
        before = SelfTest.objects.filter(hostname=hostname).first()
        row = SelfTest(
            hostname=hostname,
            at=timezone.now(),
            passed=report.is_good,
            is_scheduled=is_scheduled,
            steps=[{**step._asdict(), "mark": step.mark.value} for step in report.steps],
        )
        unit.add(row)
        unit.delete_all(surplus_of(hostname.pk))
        _tell(unit, row, report, before)
    return row


def _tell(unit: UnitOfWork, row: SelfTest, report: Report, before: SelfTest | None) -> None:
    facts = {"hostname_id": row.hostname_id, "tenant_id": row.owning_tenant_id, "self_test_id": row.pk}
    unit.event("hostname.self_tested", passed=int(row.passed), **facts)
    if not row.passed and (before is None or before.passed):
        bad = next(step.name for step in report.steps if step.mark is Mark.BAD)
        unit.event("hostname.self_test_failed", step=bad, hostnames=[row.hostname.name], **facts)
    elif row.passed and before is not None and not before.passed:
        unit.event("hostname.self_test_passed", hostnames=[row.hostname.name], **facts)


SELF_TEST = Kind("self_test", SELF_TESTS, lambda: DIAGNOSIS_SECONDS, begin=_begin, settle=_settle)

"""After a restore what nobody asks for waits: jobs, schedules and mails; until a person confirms it."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from routing.accounts.mail import LETTER
from routing.dataplane.live.maintenance_file import maintenance_word
from routing.jobs.kinds import MAIL, Kind
from routing.jobs.queue import enqueue
from routing.jobs.runner import Runner
from routing.management import maintenance
from routing.models import Job, Restoration
from routing.services.base.actor import Actor
from routing.services.base.restoration import confirm_restore
from tests.admin.conftest import AdminClient, text_of
from tests.commands.facade import facade
from tests.conftest import Person

PLATFORM = Actor("olga", is_operator=True)


@pytest.fixture
def admin(db: None) -> AdminClient:
    """Olga's, who runs the platform."""
    return AdminClient(get_user_model().objects.create_superuser(username="olga"))


@pytest.fixture
def restored(db: None) -> Restoration:
    """What came with the backup is a mail; another one was put in since."""
    enqueue(LETTER, "came with the backup", "", {"sealed": ""})
    restoration = Restoration.objects.create(pk=1, restored_at=timezone.now(), made_at=timezone.now(), release="1.0.0")
    enqueue(LETTER, "since", "", {"sealed": ""})
    return restoration


class Work:
    """What the process of `manage.py maintain` has done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tasks: list[str] = []
        self.jobs: list[str] = []
        monkeypatch.setattr(
            maintenance, "TASKS", (maintenance.Task("proofs", 30.0, lambda: self.tasks.append("proofs")),)
        )

    def go_on(self) -> None:
        """One look at the schedule, and one at the queue."""
        maintenance.Schedule()._do_due()
        kind = Kind("letter", MAIL, lambda: 1.0, self._begin, lambda job, found: None)
        runner = Runner([kind], maintenance.waits_for_confirmation)
        try:
            runner.run_until_idle(30)
        finally:
            runner.close()

    def _begin(self, job: Job) -> None:
        self.jobs.append(job.key)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


def test_all_of_it_waits_until_it_is_confirmed(restored: Restoration, work: Work) -> None:
    work.go_on()
    assert (work.tasks, work.jobs) == ([], [])

    confirm_restore(PLATFORM)
    work.go_on()

    assert (work.tasks, work.jobs) == (["proofs"], ["came with the backup", "since"])


def test_what_the_former_server_has_done_is_thrown_away(restored: Restoration, work: Work) -> None:
    done = facade("confirm-restore", "--discard")

    work.go_on()

    assert done.status == 0
    assert "Threw away 1 job, 1 mail among them" in done.out
    assert work.jobs == ["since"]


def test_without_a_restore_nothing_waits(db: None, work: Work) -> None:
    enqueue(LETTER, "a", "", {"sealed": ""})

    work.go_on()

    assert (work.tasks, work.jobs) == (["proofs"], ["a"])
    assert "There is no restore to confirm." in facade("confirm-restore").out


def test_a_dry_run_confirms_nothing(restored: Restoration) -> None:
    assert facade("confirm-restore", "--discard", "--dry-run").status == 0

    assert Restoration.objects.get().confirmed_at is None
    assert Job.objects.count() == 2


def test_maintenance_of_one_round_waits_too(
    restored: Restoration, work: Work, settings: Settings, tmp_path: Any
) -> None:
    settings.STATE_DIR = tmp_path

    call_command("maintain", "--once")

    assert work.tasks == []
    assert Job.objects.count() == 2


def test_maintenance_of_one_round_does_the_tasks_of_the_schedule(
    db: None, work: Work, settings: Settings, tmp_path: Any
) -> None:
    settings.STATE_DIR = tmp_path

    call_command("maintain", "--once")

    assert work.tasks == ["proofs"]


def test_it_is_said_once_in_the_log(restored: Restoration, work: Work, caplog: pytest.LogCaptureFixture) -> None:
    maintenance._word.__init__()  # type: ignore[misc]
    caplog.set_level(logging.INFO, "routing.maintain")

    for _ in range(3):
        work.go_on()
    confirm_restore(PLATFORM)
    work.go_on()

    said = [record.getMessage() for record in caplog.records if "restore" in record.getMessage()]
    assert len(said) == 2
    assert "manage.py confirm_restore" in said[0]
    assert "go on" in said[1]


def test_readiness_tells_it(restored: Restoration, settings: Settings, tmp_path: Any) -> None:
    settings.STATE_DIR = tmp_path
    maintenance.tell_workers()
    assert maintenance_word() == "waits: a restore is not confirmed"

    confirm_restore(PLATFORM)
    maintenance.tell_workers()

    assert maintenance_word() == "unknown"


# ---------------------------------------------------------------- the admin
def test_operators_of_the_platform_see_it_and_confirm_it(restored: Restoration, admin: AdminClient) -> None:
    assert "A backup was restored" in text_of(admin.client.get("/admin/"))
    assert "A backup was restored" in text_of(admin.get("mapping_changelist"))
    page = text_of(admin.client.get("/admin/restored/"))
    assert "With the backup came 1 job, 1 mail among them." in page

    answer = admin.client.post("/admin/restored/", follow=True)

    assert "The restore is confirmed" in text_of(answer)
    assert "A backup was restored" not in text_of(answer)
    assert Job.objects.count() == 2


def test_the_admin_throws_away_what_is_ticked(restored: Restoration, admin: AdminClient) -> None:
    admin.client.post("/admin/restored/", {"discard": "on"})

    assert [job.key for job in Job.objects.all()] == ["since"]


def test_members_are_not_told(restored: Restoration, owner: Person) -> None:
    client = AdminClient(owner.user).client

    assert "A backup was restored" not in text_of(client.get("/admin/"))
    assert client.post("/admin/restored/").status_code == 403
    assert Restoration.objects.get().confirmed_at is None


def test_there_is_nothing_to_confirm(admin: AdminClient) -> None:
    assert admin.client.get("/admin/restored/").status_code == 302
    assert admin.client.post("/admin/restored/").status_code == 302


def test_two_that_confirm_at_once_are_one(restored: Restoration) -> None:
    assert confirm_restore(PLATFORM) is not None
    assert confirm_restore(PLATFORM) is None


def test_jobs_that_are_under_way_are_settled(db: None) -> None:
    """Whoever restores under a running process restores into an empty database: none of its jobs is there."""
    waits, begun = threading.Event(), []
    kind = Kind("letter", MAIL, lambda: 1.0, lambda job: lambda: begun.append(job.key), lambda job, found: None)
    runner = Runner([kind], waits.is_set)
    enqueue(kind, "a", "", {})
    runner._begin_all()
    waits.set()
    enqueue(kind, "b", "", {})
    try:
        assert runner.run_until_idle(30)
    finally:
        runner.close()

    assert begun == ["a"]
    assert [job.key for job in Job.objects.all()] == ["b"]

"""The regular work: one server decides what is due, and nobody's silence holds up anybody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import DatabaseError, connections
from django.utils import timezone
from pytest_django import Settings

from routing.jobs.kinds import NAMES, REGISTRIES
from routing.jobs.runner import Runner
from routing.management import maintenance
from routing.management.maintenance import KINDS, LEASE, Schedule, Task, do_all, steadily
from routing.models import Hostname, Job, Lease
from routing.services.mappings.mappings import add_mapping
from tests.conftest import Person
from tests.dns.name_server import NameServer, silence
from tests.registries.faulty_server import FaultyServer
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def silent(settings: Settings) -> Iterator[FaultyServer]:
    """A registry that takes connections and requests, and says nothing."""
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    server = FaultyServer()
    server.on("/v2/", lambda exchange: exchange.hang())
    yield server
    server.stop()


def proved_hostname(person: Person, name: str) -> Hostname:
    return Hostname.objects.create(tenant=person.tenant, name=name, proof_token="0" * 32)


def is_checked(hostname: Hostname) -> bool:
    return Hostname.objects.filter(pk=hostname.pk, proof_checked_at__isnull=False).exists()


def run_until_checked(*hostnames: Hostname) -> None:
    runner = Runner(KINDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while not all(map(is_checked, hostnames)):
            assert time.monotonic() < deadline, "the proofs are not looked up"
            runner.run_until_idle(0.2)
    finally:
        runner.close()


def test_silent_registries_do_not_hold_up_proofs(
    owner: Person, outsider: Person, silent: FaultyServer, name_server: NameServer
) -> None:
    for number in range(6):
        add_mapping(
            owner.actor, "", hostname=owner.hostname.name, prefix=f"p{number}", target=f"{silent.url}/acme/{number}"
        )
    hostname = proved_hostname(outsider, "pull.globex.com")
    do_all()

    run_until_checked(hostname)

    assert Job.objects.filter(lane=REGISTRIES).exists(), "its registry is still being asked"
    assert not Job.objects.filter(lane=NAMES).exists()


def test_a_tenants_silent_name_servers_do_not_hold_up_another_tenants_proofs(
    owner: Person, outsider: Person, name_server: NameServer, settings: Settings
) -> None:
    settings.FACADE_DNS_SECONDS = PATIENCE_SECONDS
    for number in range(15):
        hostname = proved_hostname(owner, f"h{number}.acme.com")
        name_server.answers(f"_registry-facade.{hostname.name}", silence())
    innocent = proved_hostname(outsider, "pull.globex.com")
    do_all()

    run_until_checked(innocent)

    assert Job.objects.filter(lane=NAMES).count() == 15


class TestSchedule:
    @pytest.fixture
    def done(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is done, each time."""
        done: list[str] = []
        tasks = (
            Task("often", 0.0, lambda: done.append("often")),
            Task("seldom", 3600.0, lambda: done.append("seldom")),
        )
        monkeypatch.setattr(maintenance, "TASKS", tasks)
        return done

    def turn(self, schedule: Schedule) -> None:
        """One look at the clock."""
        stop = threading.Event()

        def end(timeout: float | None = None) -> bool:
            stop.set()
            return True

        stop.wait = end  # type: ignore[method-assign]
        held = Lease.objects.filter(name=LEASE).first()
        schedule.run(stop)
        if held is None or not held.holder or held.holder == schedule.holder:
            # A server that goes on keeps its lease.
            Lease.objects.filter(name=LEASE).update(
                holder=schedule.holder, until=timezone.now() + timedelta(seconds=60)
            )

    def test_each_task_is_done_in_its_time(self, done: list[str]) -> None:
        schedule = Schedule()
        for _ in range(3):
            self.turn(schedule)

        assert done == ["often", "seldom", "often", "often"]

    def test_one_server_at_a_time_does_it_and_another_takes_over(self, done: list[str]) -> None:
        first, second = Schedule(), Schedule()
        second.holder = "another server"
        self.turn(first)
        done.clear()

        self.turn(second)
        assert done == []

        Lease.objects.filter(name=LEASE).update(until=timezone.now() - timedelta(seconds=1))
        self.turn(second)
        assert done == ["often", "seldom"]

    def test_a_task_that_fails_keeps_no_other_from_being_done(
        self, done: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = Task("broken", 0.0, lambda: done[99])
        monkeypatch.setattr(maintenance, "TASKS", (broken, *maintenance.TASKS))

        self.turn(Schedule())

        assert done == ["often", "seldom"]


def test_a_part_that_breaks_off_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "_AFTER_ERROR_SECONDS", 0.0)
    # The test's transaction is this thread's.
    monkeypatch.setattr(connections, "close_all", lambda: None)
    ends: list[Exception | None] = [DatabaseError("gone"), ValueError("a fault"), None]

    def part(stop: threading.Event) -> None:
        end = ends.pop(0)
        if end is not None:
            raise end
        stop.set()

    steadily(part, threading.Event())

    assert ends == []

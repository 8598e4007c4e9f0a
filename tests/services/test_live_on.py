"""On how many processes of all servers a generation is live: what they tell, what is made of it, and who waits."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from routing.conf import freeze_path, reports_folder
from routing.core.table.routing_table import Table
from routing.database.clock import database_now
from routing.dataplane.live.comparison import (
    CONTROL_WORKER,
    SNAPSHOT_WRITER,
    WORKER,
    Outcome,
    Report,
    begun_at,
    write_report,
)
from routing.dataplane.live.live_table import LiveTable
from routing.dataplane.live.served_teller import ServedTeller, answering
from routing.models import Generation, Mapping, Server
from routing.services.base.actor import Actor
from routing.services.base.live_on import live_on, wait_until_live
from routing.services.mappings.mappings import add_mapping, repoint
from routing.table.freeze import write_freeze
from routing.table.served import tell_served
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _reports(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path


def process(generation: int, *, pid: int = 1, held: bool = False) -> dict[str, Any]:
    return {"role": WORKER, "pid": pid, "generation": generation, "held": held}


@pytest.mark.django_db
class TestWhatServersTell:
    def test_all_have_it(self) -> None:
        tell_served("web1", [process(7), process(8, pid=2)])
        tell_served("web2", [process(7)])

        found = live_on(7)

        assert (found.live, found.processes, found.is_live, found.behind) == (3, 3, True, [])

    def test_one_is_behind_and_is_named(self) -> None:
        tell_served("web1", [process(7)])
        tell_served("web2", [process(6, pid=4)])

        found = live_on(7)

        assert (found.live, found.processes, found.is_live) == (1, 2, False)
        assert found.behind == ["worker 4 of web2 serves generation 6"]

    def test_what_is_held_is_not_live(self) -> None:
        tell_served("web1", [process(9, held=True)])

        assert live_on(7).behind == ["worker 1 of web1 serves generation 9, which is held"]

    def test_nobody_is_not_everybody(self) -> None:
        assert not live_on(0).is_live

    def test_a_server_that_is_silent_is_not_live_and_then_forgotten(self) -> None:
        tell_served("web1", [process(7)])
        tell_served("web2", [process(7)])
        Server.objects.filter(name="web2").update(at=database_now() - timedelta(minutes=2))
        assert [said.partition(" for ")[0] for said in live_on(7).behind] == ["web2 has been silent"]

        Server.objects.filter(name="web2").update(at=database_now() - timedelta(minutes=4))
        assert live_on(7).is_live
        Server.objects.filter(name="web2").update(at=database_now() - timedelta(hours=2))
        tell_served("web1", [process(7)])
        assert list(Server.objects.values_list("name", flat=True)) == ["web1"]

    def test_without_a_number_it_is_the_newest(self, owner: Person) -> None:
        newest = Generation.objects.get(pk=1).value
        tell_served("web1", [process(newest)])
        assert live_on().is_live

        add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="ghcr.io/a")

        assert (live_on().generation > newest, live_on().is_live) == (True, False)


@pytest.mark.django_db
class TestWhatProcessesSay:
    def test_a_process_says_what_it_serves_and_says_it_anew(self, owner: Person) -> None:
        table = LiveTable(role=CONTROL_WORKER)
        table.refresh()
        table.tell_what_is_served()
        (first,) = answering()
        add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="ghcr.io/a")
        table.refresh()
        table.tell_what_is_served()

        (second,) = answering()

        assert (first.role, first.held) == (CONTROL_WORKER, False)
        assert first.generation < second.generation == Generation.objects.get(pk=1).value

    def test_a_frozen_one_says_so(self, owner: Person) -> None:
        table = LiveTable()
        table.refresh()
        write_freeze(freeze_path(), None)
        table.refresh_or_keep()
        table.tell_what_is_served()

        assert [each.held for each in answering()] == [True]

    def test_the_snapshot_writer_answers_nobody(self) -> None:
        table = LiveTable(role=SNAPSHOT_WRITER)
        table.refresh()
        table.tell_what_is_served()

        assert answering() == []

    def test_one_process_tells_all_servers_and_not_twice_the_same(self, owner: Person) -> None:
        table, teller = LiveTable(), ServedTeller()
        table.refresh()
        table.tell_what_is_served()
        teller.tell_if_first()
        assert live_on().is_live
        at = Server.objects.get().at
        teller.tell_if_first()
        assert Server.objects.get().at == at

        add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="ghcr.io/a")
        assert not live_on().is_live
        table.refresh()
        table.tell_what_is_served()
        teller.tell_if_first()

        assert live_on().is_live

    def test_a_control_worker_tells_before_a_worker_does(self, owner: Person) -> None:
        """The test's process is a worker here, and its parent a control worker."""
        table, parent = LiveTable(), os.getppid()
        table.refresh()
        table.tell_what_is_served()
        report = Report(parent, begun_at(parent), CONTROL_WORKER, 1, "", Outcome.UNKNOWN)
        write_report(reports_folder(), report)

        assert not ServedTeller().tell_if_first()
        assert [each.pid for each in answering()] == [parent, os.getpid()]


@pytest.mark.django_db
class TestDoors:
    def test_repoint_waits_and_says_where_it_is_not(self, owner: Person, settings: Settings) -> None:
        settings.FACADE_VERIFY_ON_REPOINT = False
        add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="ghcr.io/a")
        words = ("mapping", "repoint", HOST, "a", "quay.io/a", "--reason", "CHG-1")

        nobody = facade(*words, "--wait=0.1")
        assert nobody.status == 3
        assert "no server is running" in nobody.err
        assert Mapping.objects.get(prefix="a").target == "quay.io/a"

        tell_served("web1", [process(Generation.objects.get(pk=1).value)])
        assert "Live on 1 of 1." in facade(*words, "--wait=0.1").out
        repoint(owner.actor, "back", hostname=HOST, prefix="a", target="ghcr.io/a")
        behind = facade(*words, "--wait=0.1")
        assert behind.status == 3
        assert "Live on 0 of 1." in behind.out
        assert "Behind: worker 1 of web1 serves generation" in behind.out
        assert "It is done, but not live on all of them after 0.1 s." in behind.err

    def test_change_sets_wait_for_their_own(self, owner: Person) -> None:
        add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="ghcr.io/a")
        tell_served("web1", [process(10**9)])
        words = ("--all-from", "ghcr.io/a", "--to", "quay.io/a", "--reason", "CHG-1")
        drafted = facade("changes", "draft", *words, "--json").json["change_set"]
        number, checksum = str(drafted["id"]), drafted["checksum"]
        both = facade("changes", "apply", number, "--checksum", checksum, "--at", "2099-01-01", "--wait")
        assert (both.status, "give one of them" in both.err) == (1, True)

        applied = facade("changes", "apply", number, "--checksum", checksum, "--wait=0.1", "--json")

        assert applied.status == 0
        assert applied.json["live"] == {
            "generation": applied.json["change_set"]["generation"],
            "live": 1,
            "processes": 1,
        }
        assert "Live on 1 of 1." in facade("changes", "undo", number, "--reason", "no", "--wait").out

    def test_the_api(self, owner: Person, table: Callable[[], Table]) -> None:
        table()
        api = api_client_for(owner, read_only=True)
        tell_served("web1", [process(7)])

        assert api.get("live", generation=7).json() == {"generation": 7, "is_live": True, "live": 1, "processes": 1}
        assert not api.get("live", generation=8).json()["is_live"]
        assert api.get("live").json()["generation"] == Generation.objects.get(pk=1).value
        assert api.get("live", generation=-1).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_whoever_waits_goes_on_once_it_is_live(platform: Actor) -> None:
    tell_served("web1", [process(6)])

    def later() -> None:
        try:
            tell_served("web1", [process(7)])
        finally:
            connections.close_all()

    thread = threading.Timer(0.5, later)
    thread.start()
    try:
        assert wait_until_live(30, 7).is_live
    finally:
        thread.join()

"""An older table is held on purpose: by the red button, and where too much would change at once."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from routing.conf import alarm_path, database_identity, freeze_path, snapshot_path
from routing.core.table.mapping_entry import Flag
from routing.dataplane.live import hold
from routing.dataplane.live.hold import read_alarm
from routing.dataplane.live.live_table import LiveTable, live_table
from routing.dataplane.live.snapshot_writer import SnapshotWriter
from routing.models import Hostname, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.confirmation import confirm_generation
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.mappings.mappings import add_mapping, remove_mappings, repoint, switch_mappings, update_mapping
from routing.services.registries.registries import update_registry
from routing.table import freeze, snapshot
from routing.table.freeze import keep_snapshot, kept_path, kept_snapshots, read_freeze, write_freeze

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, settings: Settings) -> None:
    settings.STATE_DIR = tmp_path
    settings.FACADE_FORMER_TARGET_SECONDS = 0


def leads_to(live: LiveTable, host: str = HOST) -> str:
    match = live.table.match_repository(host, "acme/app") if live.table else None
    return match.registry.origin if match and match.flags & Flag.ENABLED else ""


def moved(platform: Actor, target: str) -> None:
    repoint(platform, "why", hostname=HOST, prefix="acme", target=target)


class TestRedButton:
    @pytest.fixture
    def live(self, platform: Actor) -> LiveTable:
        add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/acme")
        live = LiveTable()
        live.refresh_or_keep()
        return live

    def test_what_is_frozen_stays_until_it_is_thawed(self, live: LiveTable, platform: Actor) -> None:
        write_freeze(freeze_path(), None)
        live.refresh_or_keep()
        generation = live.table and live.table.generation
        moved(platform, "quay.io/acme")

        live.refresh_or_keep()
        assert leads_to(live) == "https://ghcr.io"
        assert live.hold is not None
        assert live.hold.word == f"frozen at generation {generation}"

        freeze_path().unlink()
        live.refresh_or_keep()
        assert leads_to(live) == "https://quay.io"
        assert not live.hold

    def test_what_refuses_is_applied_all_the_same(self, live: LiveTable, platform: Actor) -> None:
        write_freeze(freeze_path(), None)
        live.refresh_or_keep()
        hostname = Hostname.objects.get(name=HOST)
        suspend_hostnames(platform, "abuse", hostname_ids=[hostname.pk], suspended=True)
        switch_mappings(platform, "off", mapping_ids=[Mapping.objects.get().pk], enabled=False)

        live.refresh_or_keep()

        assert leads_to(live) == ""
        assert live.table is not None
        entry = live.table.hosts.get(HOST)
        assert entry is not None
        assert entry.refusal

    def test_an_older_generation_is_one_of_the_snapshots_that_are_kept(self, live: LiveTable, platform: Actor) -> None:
        writer = SnapshotWriter(live)
        assert live.table is not None
        old = live.table.generation
        assert writer.write_if_changed()
        os.utime(snapshot_path(), (0, 0))
        moved(platform, "quay.io/acme")
        live.refresh_or_keep()
        assert leads_to(live) == "https://quay.io"
        assert writer.write_if_changed()

        write_freeze(freeze_path(), old)
        live.refresh_or_keep()
        assert leads_to(live) == "https://ghcr.io"
        # What starts now, without a database even, serves the same.
        assert writer.write_if_changed()
        assert snapshot.read_header(snapshot_path(), database_identity()).state.generation == old
        begun = LiveTable()
        begun.refresh_or_keep()
        assert leads_to(begun) == "https://ghcr.io"

        freeze_path().unlink()
        for each in (live, begun):
            each.refresh_or_keep()
            assert leads_to(each) == "https://quay.io"

    def test_one_that_is_not_kept_freezes_what_there_is(
        self, live: LiveTable, platform: Actor, caplog: pytest.LogCaptureFixture
    ) -> None:
        write_freeze(freeze_path(), 99_999)
        live.refresh_or_keep()
        moved(platform, "quay.io/acme")
        live.refresh_or_keep()

        assert leads_to(live) == "https://ghcr.io"
        assert "generation 99999 can't be served" in caplog.text

    def test_a_file_that_cannot_be_read_freezes(self, live: LiveTable, platform: Actor) -> None:
        freeze_path().write_text("{")
        live.refresh_or_keep()
        moved(platform, "quay.io/acme")
        live.refresh_or_keep()

        assert leads_to(live) == "https://ghcr.io"

    def test_the_comparison_with_the_rows_goes_on_behind_it(self, live: LiveTable, platform: Actor) -> None:
        from routing.table.row_check import check_rows

        write_freeze(freeze_path(), None)
        live.refresh_or_keep()
        moved(platform, "quay.io/acme")
        live.refresh_or_keep()
        check_rows()

        assert live.compare() == "same"
        assert leads_to(live) == "https://ghcr.io"


def test_so_many_snapshots_are_kept_of_those_that_stood_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "routing-table.snapshot"
    path.write_text("x")
    keep_snapshot(path, 1)
    assert kept_snapshots(path) == []
    for generation in range(2, 15):
        path.unlink()
        path.write_text("x")
        os.utime(path, (generation, generation))
        keep_snapshot(path, generation)
    assert [each.generation for each in kept_snapshots(path)] == list(range(14, 14 - freeze.KEPT_SNAPSHOTS, -1))
    assert kept_path(path, 14).exists()
    assert read_freeze(tmp_path / "none") is None


class TestAlarm:
    """Of six hostnames, four at least have to change at once here."""

    @pytest.fixture
    def live(self, platform: Actor, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> LiveTable:
        monkeypatch.setattr(hold, "LEAST_HOSTNAMES", 4)
        settings.FACADE_MAX_CHANGE_SHARE = 50
        for number in range(6):
            add_mapping(platform, "", hostname=f"h{number}.acme.com", prefix="acme", target="ghcr.io/acme")
        live = LiveTable()
        live.refresh_or_keep()
        return live

    @staticmethod
    def hosts(live: LiveTable) -> list[str]:
        return [leads_to(live, f"h{number}.acme.com") for number in range(6)]

    @staticmethod
    def remove(platform: Actor, count: int) -> None:
        remove_mappings(platform, "", mapping_ids=[row.pk for row in Mapping.objects.order_by("pk")[:count]])

    def test_what_moves_too_much_is_not_served_but_told(
        self, live: LiveTable, platform: Actor, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.ERROR)
        self.remove(platform, 4)

        live.refresh_or_keep()

        assert self.hosts(live) == ["https://ghcr.io"] * 6
        alarm = read_alarm(alarm_path())
        assert alarm is not None
        assert (alarm.affected, alarm.hostnames) == (4, 6)
        assert "would remove or change 4 of 6 hostnames" in caplog.text
        assert "facade confirm" in caplog.text
        assert live.hold is not None
        assert live.hold.word.startswith("alarm: generation")

    def test_a_confirmation_lets_it_go_on(self, live: LiveTable, platform: Actor) -> None:
        self.remove(platform, 5)
        live.refresh_or_keep()
        confirm_generation(platform)

        live.refresh_or_keep()

        assert self.hosts(live) == [""] * 5 + ["https://ghcr.io"]
        assert (live.hold, read_alarm(alarm_path())) == (None, None)

    def test_a_confirmation_of_before_is_none_of_what_came_since(self, live: LiveTable, platform: Actor) -> None:
        confirm_generation(platform)
        self.remove(platform, 5)

        live.refresh_or_keep()
        live.refresh_or_keep()

        assert self.hosts(live) == ["https://ghcr.io"] * 6

    def test_it_is_over_as_well_where_it_is_put_right(self, live: LiveTable, platform: Actor) -> None:
        for row in Mapping.objects.all()[:4]:
            update_mapping(platform, "why", mapping_id=row.pk, target="quay.io/acme")
        live.refresh_or_keep()
        assert live.hold is not None
        for row in Mapping.objects.filter(registry__origin="https://quay.io"):
            update_mapping(platform, "back", mapping_id=row.pk, target="ghcr.io/acme")

        live.refresh_or_keep()

        assert not live.hold
        assert self.hosts(live) == ["https://ghcr.io"] * 6

    def test_little_by_little_and_what_is_switched_off_are_served(self, live: LiveTable, platform: Actor) -> None:
        self.remove(platform, 2)
        live.refresh_or_keep()
        self.remove(platform, 2)
        live.refresh_or_keep()
        assert live.hold is None
        rows = list(Mapping.objects.values_list("pk", flat=True))
        switch_mappings(platform, "", mapping_ids=rows, enabled=False)

        live.refresh_or_keep()

        assert (live.hold, self.hosts(live)) == (None, [""] * 6)

    def test_a_registry_counts_for_all_that_it_serves(self, live: LiveTable, platform: Actor) -> None:
        hub = Registry.objects.get(origin="https://ghcr.io")
        update_registry(platform, "moved", registry_id=hub.pk, origin="https://new.example")

        live.refresh_or_keep()

        assert self.hosts(live) == ["https://ghcr.io"] * 6

    def test_rows_that_went_behind_the_verbs_back_are_held_too(self, live: LiveTable, platform: Actor) -> None:
        from routing.table.row_check import check_rows

        Mapping.objects.all()._raw_delete("default")
        check_rows()

        live.compare()

        assert self.hosts(live) == ["https://ghcr.io"] * 6
        assert live.hold is not None

    def test_without_a_share_all_is_served(self, live: LiveTable, platform: Actor, settings: Settings) -> None:
        settings.FACADE_MAX_CHANGE_SHARE = 0
        self.remove(platform, 6)

        live.refresh_or_keep()

        assert self.hosts(live) == [""] * 6

    def test_a_process_that_starts_meanwhile_serves_what_the_others_do(self, live: LiveTable, platform: Actor) -> None:
        assert SnapshotWriter(live).write_if_changed()
        self.remove(platform, 6)
        live.refresh_or_keep()

        begun = LiveTable()
        begun.refresh_or_keep()

        assert self.hosts(begun) == ["https://ghcr.io"] * 6
        confirm_generation(platform)
        begun.refresh_or_keep()
        assert self.hosts(begun) == [""] * 6


def test_readiness_tells_of_it(platform: Actor, monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/acme")
    live_table.refresh_or_keep()
    assert client.get("/readyz", headers={"host": "localhost"}).json()["held"] == ""
    write_freeze(freeze_path(), None)
    try:
        live_table.refresh_or_keep()
        assert client.get("/readyz", headers={"host": "localhost"}).json()["held"].startswith("frozen at generation")
    finally:
        freeze_path().unlink()
        live_table.refresh_or_keep()

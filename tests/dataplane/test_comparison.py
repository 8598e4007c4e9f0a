"""The table is compared with the rows: what came about behind the verbs' back, or went wrong in memory, is found."""

from __future__ import annotations

import dataclasses
import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from routing.conf import database_identity, policy, reports_folder, snapshot_path
from routing.core.table.routing_table import digest_of
from routing.dataplane.live import live_table as live_module
from routing.dataplane.live.comparison import Outcome, Report, begun_at, reports, write_report
from routing.dataplane.live.live_table import LiveTable
from routing.dataplane.live.snapshot_writer import SnapshotWriter
from routing.dataplane.live.table_checker import TableChecker
from routing.models import Hostname, Mapping, Registry, TableCheck, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, repoint
from routing.table import snapshot
from routing.table.load import load_table
from routing.table.row_check import check_rows, digest_of_rows
from tests.dataplane.test_live import HOST, add, leads_to, table_loads
from tests.dataplane.test_snapshot import keeping_connections

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def state(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STATE_DIR = tmp_path
    monkeypatch.setattr(live_module, "_COMPARE_SECONDS", 0.0)


@pytest.fixture
def live(platform: Actor) -> LiveTable:
    """A table that is up to date, with a mapping onto GHCR."""
    add(platform, "acme")
    live = LiveTable()
    live.refresh()
    return live


def test_what_is_loaded_and_what_is_followed_have_the_digest_of_the_rows(live: LiveTable, platform: Actor) -> None:
    add_mapping(platform, "", hostname="pull.acme.org", prefix="x/y", target="quay.io/z", private=True)
    repoint(platform, "why", hostname=HOST, prefix="acme", target="r.acme.com/a")
    live.refresh()

    assert live.table is not None
    loaded = load_table(policy())
    assert live.table.digest == loaded.digest == digest_of(loaded) == digest_of_rows()


@pytest.mark.parametrize(
    "behind_the_back",
    [
        lambda: Mapping.objects.update(registry=Registry.objects.get(name="Quay")),
        lambda: Mapping.objects.update(enabled=False),
        lambda: Mapping.objects.all()._raw_delete("default"),
        lambda: Registry.objects.filter(name="Quay").update(auth="none"),
        lambda: Hostname.objects.update(name="docker.acme.org"),
        lambda: Tenant.objects.update(name="Renamed"),
    ],
    ids=["repointed", "switched off", "removed", "another auth", "another name", "another tenant's name"],
)
def test_rows_that_were_changed_by_sql_are_found(
    live: LiveTable, behind_the_back: Any, caplog: pytest.LogCaptureFixture
) -> None:
    behind_the_back()
    before = table_loads("differs")
    assert not live.refresh()

    check_rows()
    assert live.compare() is Outcome.DIFFERS

    assert live.table is not None
    assert dict(live.table.mappings.items()) == dict(load_table(policy()).mappings.items())
    assert live.table.digest == digest_of_rows()
    assert table_loads("differs") == before + 1
    assert "not what the rows say" in caplog.text
    assert live.compare() is None
    check_rows()
    assert live.compare() is Outcome.SAME


def test_what_workers_have_found_is_not_wrong_again_in_those_that_are_forked_later(
    live: LiveTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc.freeze", lambda: None)
    Mapping.objects.update(registry=Registry.objects.get(name="Quay"))
    check_rows()

    with keeping_connections():
        live.before_fork()

    assert live.table is not None
    assert live.table.digest == digest_of_rows()
    # Of the first process there is no report: nobody asks it. Its children compare, and report, by themselves.
    assert list(reports(reports_folder())) == []
    assert live.compare() is Outcome.SAME


def test_a_table_that_went_wrong_in_memory_is_found(live: LiveTable) -> None:
    """By a fault in applying a change, say: the digest is that of what it holds."""
    assert live.table is not None
    wrong = dataclasses.replace(live.table, mappings=live.table.mappings.replace({f"{HOST}/acme": None}))
    live.table = dataclasses.replace(wrong, digest=digest_of(wrong))
    live._comparison.start_from(live.table)

    check_rows()

    assert live.compare() is Outcome.DIFFERS
    assert leads_to(live) == "https://ghcr.io"


def test_a_follower_may_be_ahead_of_the_check(live: LiveTable, platform: Actor) -> None:
    add(platform, "one")
    check_rows()
    add(platform, "two")
    live.refresh()
    assert live.compare() is Outcome.SAME

    Mapping.objects.filter(prefix="one").update(enabled=False)
    add(platform, "three")
    check_rows()
    add(platform, "four")
    live.refresh()
    assert live.compare() is Outcome.DIFFERS


def test_a_follower_that_is_behind_compares_once_it_is_there(live: LiveTable, platform: Actor) -> None:
    add(platform, "one")
    check_rows()

    assert live.compare() is None
    live.refresh()
    assert live.compare() is Outcome.SAME


def test_a_check_of_a_state_that_it_never_had_says_nothing(live: LiveTable, platform: Actor) -> None:
    check_rows()
    add(platform, "one")
    late = LiveTable()
    late.refresh()

    assert late.compare() is Outcome.UNKNOWN
    assert live.compare() is Outcome.SAME


def test_a_neighbouring_releases_digest_is_not_compared(live: LiveTable) -> None:
    check_rows()
    TableCheck.objects.update(layout="another", digest="0" * 16)

    assert live.compare() is None


def test_the_cost_of_comparing_does_not_grow_with_the_table(live: LiveTable, django_assert_num_queries: Any) -> None:
    check_rows()

    with django_assert_num_queries(1):
        assert live.compare() is Outcome.SAME


def test_the_snapshot_is_mended_too(live: LiveTable) -> None:
    writer = SnapshotWriter()
    assert writer.write_if_changed()
    Mapping.objects.update(enabled=False)
    check_rows()

    assert writer.write_if_changed()

    assert snapshot.read_header(snapshot_path(), database_identity()).digest == digest_of_rows()
    assert not writer.write_if_changed()


def test_a_snapshot_of_a_neighbouring_release_gets_this_ones_digest(live: LiveTable) -> None:
    assert live.table is not None
    with mock.patch("routing.table.snapshot.DIGEST_LAYOUT", "another"):
        snapshot.write(snapshot_path(), dataclasses.replace(live.table, digest=7), "this one")

    _, read = snapshot.read(snapshot_path(), policy(), "this one")

    assert read.digest == live.table.digest


def test_of_several_servers_one_reads_the_rows(live: LiveTable) -> None:
    assert TableChecker().check_if_due()
    assert not TableChecker().check_if_due()


def test_servers_whose_clocks_differ_read_the_rows_no_oftener(live: LiveTable, settings: Settings) -> None:
    settings.FACADE_TABLE_CHECK_SECONDS = 300.0
    # SQLite's database has the clock of its one machine.
    ahead = timedelta(days=1) if connection.vendor == "postgresql" else timedelta(0)
    with mock.patch("django.utils.timezone.now", side_effect=lambda: datetime.now(UTC) + ahead):
        assert TableChecker().check_if_due()

    assert not TableChecker().check_if_due()
    with mock.patch("django.utils.timezone.now", side_effect=lambda: datetime.now(UTC) + ahead):
        assert not TableChecker().check_if_due()


def test_a_check_that_is_long_ago_or_of_the_future_is_due(live: LiveTable, settings: Settings) -> None:
    settings.FACADE_TABLE_CHECK_SECONDS = 300.0
    for away in (timedelta(hours=1), timedelta(hours=-1)):
        check_rows()
        assert not TableChecker().check_if_due()
        TableCheck.objects.update(at=F("at") + away)
        assert TableChecker().check_if_due()


class TestCheckTable:
    @staticmethod
    def output(*arguments: str) -> str:
        said = io.StringIO()
        try:
            call_command("check_table", *arguments, stdout=said)
        except CommandError as error:
            said.write(f"status 1: {error}")
        return said.getvalue()

    def test_it_says_how_each_worker_and_the_snapshot_compare(self, live: LiveTable) -> None:
        SnapshotWriter().write_if_changed()
        with mock.patch("routing.management.verbs.tables.time.sleep", side_effect=lambda _: live.compare()):
            check_rows()
            live.compare()
            said = self.output()

        assert "worker" in said
        assert said.count("same as the rows") == 2
        assert "status 1" not in said

    def test_it_ends_with_an_error_where_one_differed(self, live: LiveTable) -> None:
        check_rows()
        live.compare()
        Mapping.objects.update(enabled=False)
        with mock.patch("routing.management.verbs.tables.time.sleep", side_effect=lambda _: live.compare()):
            said = self.output()

        assert "DIFFERED" in said
        assert "status 1" in said

    def test_a_worker_that_does_not_answer_is_told(self, live: LiveTable) -> None:
        check_rows()
        live.compare()

        said = self.output("--wait", "0")

        assert "no answer" in said
        assert "status 1" in said

    def test_an_earlier_check_by_a_clock_that_was_ahead_is_no_answer(self, live: LiveTable) -> None:
        check_rows()
        TableCheck.objects.update(at=timezone.now() + timedelta(days=1))
        live.compare()
        Mapping.objects.update(enabled=False)

        said = self.output("--wait", "0")

        assert "no answer" in said
        assert "worker" in said
        assert "same as the rows" not in said

    def test_a_later_check_by_a_clock_that_is_behind_is_an_answer(self, live: LiveTable) -> None:
        """As one of another server's `maintain`, which came between the command and a worker's look."""
        check_rows()
        live.compare()

        looks = iter([lambda: TableCheck.objects.update(at=timezone.now() - timedelta(days=1)), live.compare])
        with mock.patch(
            "routing.management.verbs.tables.time.sleep", side_effect=lambda _: next(looks, live.compare)()
        ):
            said = self.output()

        assert "same as the rows" in said
        assert "status 1" not in said

    def test_processes_that_have_ended_are_forgotten(self) -> None:
        write_report(reports_folder(), Report(2**22 + 1, 1, "worker", 1, "", Outcome.SAME))
        (reports_folder() / "odd.json").write_text("[")

        assert list(reports(reports_folder())) == []
        assert [path.name for path in reports_folder().iterdir()] == ["odd.json"]

    def test_those_of_another_container_that_shares_the_folder_are_let_be_until_they_are_old(self) -> None:
        write_report(reports_folder(), Report(os.getpid(), begun_at(os.getpid()), "worker", 1, "", Outcome.SAME))
        (ours,) = reports_folder().iterdir()
        foreign = [ours.with_name(f"{name}.{os.getpid()}.json") for name in ("another", "gone")]
        for path in foreign:
            path.write_text(ours.read_text())
        os.utime(foreign[1], (0, 0))

        assert [report.pid for report in reports(reports_folder())] == [os.getpid()]
        assert set(reports_folder().iterdir()) == {ours, foreign[0]}

    def test_a_process_that_has_the_number_of_one_that_ended_is_not_taken_for_it(self) -> None:
        begun = begun_at(os.getpid())
        write_report(reports_folder(), Report(os.getpid(), begun - 1, "worker", 1, "", Outcome.SAME))
        assert list(reports(reports_folder())) == []

        write_report(reports_folder(), Report(os.getpid(), begun, "worker", 1, "", Outcome.SAME))
        assert [report.pid for report in reports(reports_folder())] == [os.getpid()]

    def test_the_first_process_which_followed_until_it_forked_is_not_waited_for(
        self, live: LiveTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gc.freeze", lambda: None)
        check_rows()
        live.compare()
        assert [report.role for report in reports(reports_folder())] == ["worker"]
        live._thread = mock.Mock()

        with keeping_connections():
            live.before_fork()

        assert list(reports(reports_folder())) == []

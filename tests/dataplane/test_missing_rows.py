"""Rows that others refer to and that are gone, as after SQL without foreign keys: nothing of it stops the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from pytest_django import Settings

from routing.conf import database_identity, policy, snapshot_path
from routing.dataplane.live.comparison import Outcome
from routing.dataplane.live.live_table import LiveTable
from routing.dataplane.live.snapshot_writer import SnapshotWriter
from routing.dataplane.live.table_checker import TableChecker
from routing.models import Generation, Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from routing.table import snapshot
from routing.table.load import load_table
from routing.table.row_check import check_rows, digest_of_rows
from tests.dataplane.test_live import HOST, Backup, add, leads_to
from tests.dataplane.test_snapshot import keeping_connections

pytestmark = pytest.mark.django_db

OTHER = "pull.acme.org"


@pytest.fixture(autouse=True)
def state(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STATE_DIR = tmp_path
    monkeypatch.setattr("gc.freeze", lambda: None)


@pytest.fixture
def no_commit(db: None) -> Iterator[None]:
    """Foreign keys are looked at when a transaction commits: this one never does."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def remove(rows: Any) -> None:
    """Without a look at who refers to them."""
    assert rows._raw_delete(rows.db)


@pytest.mark.usefixtures("no_commit")
@pytest.mark.parametrize(
    "gone",
    [
        lambda: Registry.objects.filter(name="GitHub Container Registry"),
        lambda: Hostname.objects.filter(name=HOST),
        lambda: Tenant.objects.all(),
    ],
    ids=["registry", "hostname", "tenant"],
)
def test_the_table_of_all_other_rows_is_loaded(platform: Actor, gone: Callable[[], Any]) -> None:
    add(platform, "acme")
    add_mapping(platform, "", hostname=OTHER, prefix="acme", target="quay.io/acme")
    Hostname.objects.update(login_registry=Registry.objects.get(name="GitHub Container Registry"))
    remove(gone())

    check = check_rows()
    live = LiveTable()
    live.refresh()

    table = live.table
    assert table is not None
    match = table.match_repository(OTHER, "acme/app")
    assert match is not None
    assert match.registry.origin == "https://quay.io"
    assert table.digest == check.digest == digest_of_rows()
    assert load_table(policy(), hostname=HOST).match_repository(OTHER, "acme/app") is None
    assert SnapshotWriter().write_if_changed()
    assert snapshot.read(snapshot_path(), policy(), database_identity())[1].digest == table.digest


@pytest.mark.usefixtures("no_commit")
def test_a_mapping_onto_a_registry_that_is_gone_is_answered_as_none(platform: Actor) -> None:
    add(platform, "acme")
    live = LiveTable()
    live.refresh()
    assert leads_to(live)
    remove(Registry.objects.filter(name="GitHub Container Registry"))

    check_rows()
    assert live.compare() is Outcome.DIFFERS

    assert leads_to(live) == ""
    assert live.table is not None
    assert live.table.used_registries(HOST) == {}


class TestWhateverGoesWrong:
    """A fault of the loader, say, which is no error of the database's."""

    @pytest.fixture
    def broken(self, platform: Actor) -> Iterator[ExitStack]:
        """Every look and load fails until this is closed, and there is a snapshot of before."""
        add(platform, "acme")
        assert SnapshotWriter().write_if_changed()
        with keeping_connections(), ExitStack() as faults:
            for name in ("load.load_table", "change_log.newest_state"):
                faults.enter_context(mock.patch(f"routing.table.{name}", side_effect=KeyError("a fault")))
            yield faults

    def test_a_process_that_starts_serves_the_snapshot(
        self, broken: ExitStack, caplog: pytest.LogCaptureFixture
    ) -> None:
        live = LiveTable()
        live.refresh_or_keep()
        live.refresh_or_keep()
        live.before_fork()

        assert live.source == "snapshot"
        assert leads_to(live) == "https://ghcr.io"
        assert live.database == "unreadable"
        assert caplog.text.count("KeyError: 'a fault'") == 1

    def test_it_is_read_again_once_that_can_be_done(self, broken: ExitStack) -> None:
        live = LiveTable()
        live.refresh_or_keep()
        assert live.source == "snapshot"

        broken.close()
        live.refresh_or_keep()

        assert (live.source, live.database) == ("database", "ok")

    def test_a_fork_takes_place_though_the_comparison_fails(
        self, platform: Actor, caplog: pytest.LogCaptureFixture
    ) -> None:
        add(platform, "acme")
        live = LiveTable()
        live.refresh()
        with mock.patch("routing.table.row_check.last_check", side_effect=KeyError("a fault")), keeping_connections():
            live.before_fork()

        assert leads_to(live) == "https://ghcr.io"
        assert "KeyError: 'a fault'" in caplog.text

    def test_a_check_that_fails_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        checker = TableChecker()
        with mock.patch("routing.dataplane.live.table_checker.check_rows", side_effect=KeyError("a fault")):
            assert not checker.check_if_due()
            assert not checker.check_if_due()

        assert caplog.text.count("KeyError: 'a fault'") == 1


class TestNoGeneration:
    """Migrations put it there: without it, a database is being restored, or was never whole."""

    def test_the_table_stays_and_it_is_told(self, platform: Actor, caplog: pytest.LogCaptureFixture) -> None:
        add(platform, "acme")
        live = LiveTable()
        live.refresh()
        kept = list(Generation.objects.all())
        remove(Generation.objects.all())
        remove(Mapping.objects.all())
        with keeping_connections():
            live.refresh_or_keep()

            assert leads_to(live) == "https://ghcr.io"
            assert live.database == "incomplete"
            assert "the database is incomplete" in caplog.text
            assert not TableChecker().check_if_due()
            late = LiveTable()
            late.refresh_or_keep()
            assert late.table is None

        Generation.objects.bulk_create(kept)
        live.refresh_or_keep()
        assert live.database == "ok"


def test_after_another_history_the_rows_are_checked_again_and_again(platform: Actor, settings: Settings) -> None:
    """Rows may be put back in several steps, of which none is known to be the last."""
    settings.FACADE_TABLE_CHECK_SECONDS = 3600.0
    add(platform, "acme")
    backup = Backup()
    add(platform, "lost")
    checker = TableChecker()
    assert checker.check_if_due()
    add(platform, "followed")
    assert [checker.check_if_due() for _ in range(3)] == [False] * 3

    backup.put_back()

    checked = [checker.check_if_due() for _ in range(12)]
    assert [number for number, was in enumerate(checked) if was] == [0, 1, 2, 4, 8]
    assert [checker.check_if_due() for _ in range(40)].count(True) == 2

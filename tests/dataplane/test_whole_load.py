"""Whole tables are loaded by one worker of a machine after the other, where the tables that they have are only old."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from pytest_django import Settings

from routing.conf import load_lock_path
from routing.dataplane.live import live_table as live_module
from routing.dataplane.live import whole_load
from routing.dataplane.live.live_table import LiveTable
from routing.dataplane.live.whole_load import in_turn
from routing.models import Change
from routing.services.base.actor import Actor
from routing.table import change_log
from routing.table.load import load_table
from tests.dataplane.test_live import Backup, add, leads_to
from tests.waiting import until


@pytest.fixture(autouse=True)
def state(tmp_path: Path, settings: Settings) -> Path:
    settings.STATE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """Counts how often the whole table is read."""
    counted = mock.Mock(side_effect=load_table)
    monkeypatch.setattr("routing.table.load.load_table", counted)
    return counted


@pytest.fixture
def others_turn() -> Iterator[None]:
    """Another process loads its table, and does not end."""
    with load_lock_path().open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Second:
    """Somebody else who waits for a turn, on a thread."""

    def __init__(self, lock: Path) -> None:
        self.has_it = threading.Event()
        self._lock = lock
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with in_turn(self._lock):
            self.has_it.set()


def test_one_waits_until_the_other_is_done(state: Path) -> None:
    with in_turn(state / "made" / "lock"):
        second = Second(state / "made" / "lock")
        assert not second.has_it.wait(0.5)
    until(second.has_it.is_set, "the other one's turn")
    second.thread.join()


def test_one_that_was_killed_keeps_nobody_waiting(state: Path) -> None:
    program = (
        "import fcntl, os, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); "
        "sys.stdin.read()"
    )
    argv = [sys.executable, "-c", program, str(state / "lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        second = Second(state / "lock")
        assert not second.has_it.wait(0.5)
        holder.kill()
        until(second.has_it.is_set, "the other one's turn")
    second.thread.join()


def test_nobody_waits_for_ever_and_nobody_where_there_can_be_no_lock(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "file").touch()
    with in_turn(state / "file" / "lock"):
        pass
    monkeypatch.setattr(whole_load, "_TURN_SECONDS", 0.3)
    with in_turn(state / "lock"):
        second = Second(state / "lock")
        until(second.has_it.is_set, "the other one's turn")
        second.thread.join()


@pytest.mark.django_db
@pytest.mark.usefixtures("others_turn")
class TestWhoWaits:
    @pytest.fixture(autouse=True)
    def no_wait(self, monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
        """Who has to wait is seen to, and does not."""
        self.waited = mock.Mock(side_effect=in_turn)
        monkeypatch.setattr(live_module, "in_turn", self.waited)
        monkeypatch.setattr(whole_load, "_TURN_SECONDS", 0.0)
        return self.waited

    def test_a_table_that_is_old_waits(
        self, platform: Actor, loads: mock.Mock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live = LiveTable()
        add(platform, "acme")
        live.refresh()
        assert not self.waited.called
        monkeypatch.setattr(change_log, "MAX_CHANGES", 1)
        add(platform, "other")
        add(platform, "more")

        live.refresh()

        assert self.waited.call_count == 1
        assert loads.call_count == 2
        assert leads_to(live, "more") == "https://ghcr.io"

    def test_a_table_that_may_be_wrong_does_not(self, platform: Actor, loads: mock.Mock) -> None:
        live = LiveTable()
        live.refresh()
        add(platform, "more")
        Change.objects.all().delete()

        live.refresh()

        assert loads.call_count == 2
        assert not self.waited.called

    def test_a_table_of_another_history_does_not(self, platform: Actor, loads: mock.Mock) -> None:
        live = LiveTable()
        add(platform, "acme")
        backup = Backup()
        add(platform, "more")
        live.refresh()
        backup.put_back()

        live.refresh()

        assert loads.call_count == 2
        assert not self.waited.called
        assert leads_to(live, "more") == ""


@pytest.mark.django_db
def test_many_changes_are_applied_piece_by_piece_where_the_table_is_large(
    platform: Actor, loads: mock.Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_log, "MAX_CHANGES", 2)
    monkeypatch.setattr(change_log, "_PART", 1)
    live = LiveTable()
    for number in range(6):
        add(platform, f"first-{number}")
    live.refresh()
    for number in range(5):
        add(platform, f"later-{number}", "quay.io/x")
    assert live.table is not None
    known = live.table.generation

    live.refresh()

    assert loads.call_count == 1
    assert live.table.generation - known >= 5
    assert {leads_to(live, f"later-{number}") for number in range(5)} == {"https://quay.io"}
    assert live.table.digest == load_table(live.table.policy).digest

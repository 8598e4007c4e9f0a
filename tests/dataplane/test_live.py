"""The live table: how a worker gets it, follows the changes, and goes on without the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from routing.conf import NOTIFY_CHANNEL, policy
from routing.dataplane.live import live_table as live_module
from routing.dataplane.live.live_table import LiveTable
from routing.dataplane.telemetry import metrics
from routing.models import Change, Generation, Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, repoint
from routing.table import change_log
from routing.table.load import load_table
from tests.waiting import until

HOST = "docker.acme.com"


def add(actor: Actor, prefix: str, target: str = "ghcr.io/x") -> Mapping:
    return add_mapping(actor, "", hostname=HOST, prefix=prefix, target=target).mapping


class Backup:
    """What a database holds that the table is made of; put back, nothing tells that there ever was more."""

    _MODELS = (Tenant, Registry, Hostname, Mapping, Generation, Change)

    def __init__(self) -> None:
        self._rows = {model: list(model._default_manager.all()) for model in self._MODELS}

    def put_back(self) -> None:
        for model in reversed(self._MODELS):
            rows = model._default_manager.all()
            rows._raw_delete(rows.db)
        for model, rows in self._rows.items():
            model._default_manager.bulk_create(rows)


def table_loads(reason: str) -> float:
    return metrics.registry.get_sample_value("facade_table_loads_total", {"reason": reason}) or 0


def leads_to(live: LiveTable, prefix: str = "acme") -> str:
    """The registry's origin to which the table leads; "" where it doesn't."""
    match = live.table.match_repository(HOST, f"{prefix}/app") if live.table else None
    return match.registry.origin if match else ""


@pytest.fixture(autouse=True)
def no_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests keep snapshots where this one would find them."""
    monkeypatch.setattr(live_module, "snapshot_path", lambda: tmp_path / "none")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """Counts how often the whole table is read, whoever asks for it."""
    counted = mock.Mock(side_effect=load_table)
    monkeypatch.setattr("routing.table.load.load_table", counted)
    return counted


class TestRefreshing:
    pytestmark = pytest.mark.django_db

    def test_the_first_time_all_is_loaded_and_then_only_what_changed(self, platform: Actor, loads: mock.Mock) -> None:
        live = LiveTable()
        add(platform, "acme")

        assert live.refresh()
        assert loads.call_count == 1
        assert not live.refresh()
        for number in range(40):
            add(platform, f"p{number}")
        repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")
        assert live.refresh()

        assert loads.call_count == 1
        assert leads_to(live) == "https://quay.io"
        assert live.table is not None
        assert dict(live.table.mappings.items()) == dict(load_table(policy()).mappings.items())

    def test_the_cost_of_following_does_not_grow_with_the_table(
        self, platform: Actor, django_assert_num_queries: Any
    ) -> None:
        live = LiveTable()
        add(platform, "acme")
        live.refresh()

        with django_assert_num_queries(1):
            live.refresh()
        add(platform, "more")
        with django_assert_num_queries(2):
            live.refresh()

    def test_a_gap_in_the_log_makes_it_load_anew(self, platform: Actor, loads: mock.Mock) -> None:
        live = LiveTable()
        add(platform, "acme")
        live.refresh()
        add(platform, "a")
        pruned = Generation.objects.get().value
        add(platform, "b")
        Change.objects.filter(generation__lte=pruned).delete()

        live.refresh()

        assert loads.call_count == 2
        assert leads_to(live, "a") == leads_to(live, "b") == "https://ghcr.io"

    def test_an_empty_log_makes_it_load_anew(self, platform: Actor, loads: mock.Mock) -> None:
        live = LiveTable()
        live.refresh()
        add(platform, "acme")
        Change.objects.all().delete()

        live.refresh()

        assert loads.call_count == 2
        assert leads_to(live) == "https://ghcr.io"

    def test_more_changes_than_are_worth_following_make_it_load_anew(
        self, platform: Actor, loads: mock.Mock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(change_log, "MAX_CHANGES", 2)
        live = LiveTable()
        live.refresh()
        add(platform, "acme")

        live.refresh()

        assert loads.call_count == 2
        assert leads_to(live) == "https://ghcr.io"

    def test_a_change_that_this_release_does_not_know_makes_it_load_anew(
        self, platform: Actor, loads: mock.Mock, caplog: pytest.LogCaptureFixture
    ) -> None:
        live = LiveTable()
        add(platform, "acme")
        live.refresh()
        newest = Generation.objects.get().value
        Change.objects.create(generation=newest + 1, kind="planet", key="mars", entry={"moons": 2})
        Generation.objects.update(value=newest + 1)

        live.refresh()

        assert loads.call_count == 2
        assert "unknown change planet" in caplog.text
        assert live.table is not None
        assert live.table.generation == newest + 1

    def test_a_database_that_was_set_back_is_followed_too(self, platform: Actor, loads: mock.Mock) -> None:
        live = LiveTable()
        add(platform, "acme")
        earlier = Generation.objects.get().value
        add(platform, "lost")
        live.refresh()
        assert leads_to(live, "lost")

        # As after a restore of a backup.
        Mapping.objects.get(prefix="lost").delete()
        Change.objects.filter(generation__gt=earlier).delete()
        Generation.objects.update(value=earlier)
        live.refresh()

        assert loads.call_count == 2
        assert leads_to(live, "lost") == ""
        add(platform, "new")
        live.refresh()
        assert leads_to(live, "new")
        assert loads.call_count == 2

    def test_a_database_that_went_back_and_on_is_loaded_whole(
        self, platform: Actor, loads: mock.Mock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """By its generation alone this database would be newer."""
        live = LiveTable()
        add(platform, "acme")
        backup = Backup()
        repoint(platform, "lost", hostname=HOST, prefix="acme", target="quay.io/acme")
        live.refresh()

        backup.put_back()
        for number in range(3):
            add(platform, f"p{number}")
        before = table_loads("another-history")
        live.refresh()

        assert leads_to(live) == "https://ghcr.io"
        assert leads_to(live, "p2") == "https://ghcr.io"
        assert loads.call_count == 2
        assert table_loads("another-history") == before + 1
        assert "went back in time" in caplog.text

    def test_one_that_came_to_the_same_generation_again_is_loaded_whole(
        self, platform: Actor, loads: mock.Mock
    ) -> None:
        live = LiveTable()
        add(platform, "acme")
        backup = Backup()
        repoint(platform, "lost", hostname=HOST, prefix="acme", target="quay.io/acme")
        live.refresh()
        generation = Generation.objects.get().value

        backup.put_back()
        repoint(platform, "after", hostname=HOST, prefix="acme", target="docker.io/acme")
        assert Generation.objects.get().value == generation
        live.refresh()

        assert leads_to(live) == "https://registry-1.docker.io"
        assert not live.refresh()
        assert loads.call_count == 2

    def test_one_that_went_back_to_before_the_first_change_is_loaded_whole(
        self, platform: Actor, loads: mock.Mock
    ) -> None:
        backup = Backup()
        live = LiveTable()
        add(platform, "acme")
        live.refresh()

        backup.put_back()
        live.refresh()

        assert leads_to(live) == ""
        add(platform, "acme", "quay.io/acme")
        live.refresh()
        assert leads_to(live) == "https://quay.io"
        assert loads.call_count == 2

    def test_a_gap_within_the_log_makes_it_load_anew(self, platform: Actor, loads: mock.Mock) -> None:
        live = LiveTable()
        add(platform, "acme")
        live.refresh()
        add(platform, "a")
        lost = Generation.objects.get().value
        add(platform, "b")
        Change.objects.filter(generation=lost).delete()

        live.refresh()

        assert loads.call_count == 2
        assert leads_to(live, "a") == "https://ghcr.io"

    def test_its_age_is_that_of_the_last_word_from_the_database(self, platform: Actor) -> None:
        live = LiveTable()
        assert live.age_seconds is None

        live.refresh()
        first = live.confirmed_at
        live.refresh()

        assert first is not None
        assert live.confirmed_at is not None
        assert live.confirmed_at > first
        assert live.age_seconds is not None
        assert 0 <= live.age_seconds < 60

    def test_its_age_is_that_of_the_question_for_the_answer_may_lie_unread(self, platform: Actor) -> None:
        """A process that is stopped after the database has answered knows nothing of what was written meanwhile."""
        live = LiveTable()
        add(platform, "acme")
        live.refresh()
        answered: list[float] = []

        def stopped_after_the_answer(*asked: Any) -> Any:
            found = changes_since(*asked)
            answered.append(time.monotonic())
            return found

        changes_since = change_log.changes_since
        with mock.patch.object(change_log, "changes_since", stopped_after_the_answer):
            live.refresh()

        assert live.confirmed_at is not None
        assert live.confirmed_at < answered[0]


class Outage:
    """Every query of this thread fails, as with a database that is gone."""

    def __init__(self) -> None:
        self._wrapper = connection.execute_wrapper(self._fail)

    @staticmethod
    def _fail(*_: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    def __enter__(self) -> None:
        self._wrapper.__enter__()

    def __exit__(self, *_: Any) -> None:
        self._wrapper.__exit__(None, None, None)


@pytest.mark.django_db(transaction=True)
def test_with_the_database_gone_the_last_table_stays(platform: Actor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    live = LiveTable()
    add(platform, "acme")
    live.refresh_or_keep()
    confirmed = live.confirmed_at

    with Outage():
        for _ in range(3):
            live.refresh_or_keep()

        assert leads_to(live) == "https://ghcr.io"
        assert live.confirmed_at == confirmed
    assert caplog.text.count("database unreachable") == 1

    repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")
    live.refresh_or_keep()
    assert leads_to(live) == "https://quay.io"
    assert caplog.text.count("database reachable again") == 1


@pytest.mark.django_db(transaction=True)
def test_before_each_fork_it_does_not_wait_anew_for_a_database_that_is_gone(
    platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four workers to start would take four times the seconds that it takes to find the database gone."""
    monkeypatch.setattr("gc.freeze", lambda: None)
    live = LiveTable()
    add(platform, "acme")
    live.refresh()
    with Outage(), mock.patch.object(live, "refresh", wraps=live.refresh) as refresh:
        live.before_fork()
        live.before_fork()
        live.before_fork()
        assert refresh.call_count == 1
        monkeypatch.setattr(live_module, "_GONE_SECONDS", 0.0)
        live.before_fork()
        assert refresh.call_count == 2
    assert leads_to(live) == "https://ghcr.io"

    repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")
    live.before_fork()
    assert leads_to(live) == "https://quay.io"


@pytest.mark.django_db(transaction=True)
def test_workers_come_back_to_the_database_at_different_times(
    platform: Actor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the outage, each waits a time of its own, four polls at most, between its tries."""
    settings.FACADE_FOLLOW_CHANGES = True
    settings.FACADE_POLL_SECONDS = 0.01
    waited: list[float] = []
    tables = [LiveTable() for _ in range(8)]
    add(platform, "acme")
    for live in tables:
        live.refresh()
        monkeypatch.setattr(live._stop, "wait", waited.append)
        with Outage():
            live.refresh_or_keep()
            for _ in range(5):
                live._wait()

    assert len(set(waited)) == len(waited) == 40
    assert all(0.01 <= seconds <= 0.04 for seconds in waited)
    assert max(waited) > 2 * min(waited)


@pytest.mark.django_db(transaction=True)
def test_days_without_the_database_the_table_ages_and_the_facade_stays_ready(
    platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveTable()
    monkeypatch.setattr("routing.dataplane.views.health.live_table", live)
    monkeypatch.setattr("routing.dataplane.serving.middleware.live_table", live)
    add(platform, "acme", "ghcr.io/acme")
    live.refresh()
    assert live.confirmed_at is not None
    days = 9 * 86_400.0
    live.confirmed_at -= days

    with Outage():
        live.refresh_or_keep()
        ready = Client().get("/readyz", headers={"host": "localhost"})
        path = "/v2/acme/app/manifests/1.0"
        pull = Client().get(path, headers={"host": HOST, "user-agent": "containerd/2.1.3"})

    assert ready.status_code == 200
    assert ready.json()["confirmed_seconds_ago"] >= days
    assert ready.json()["status"] == "stale"
    assert (pull.status_code, pull["Location"]) == (307, f"https://ghcr.io{path}")


@pytest.mark.django_db
def test_a_database_that_says_nothing_counts_as_gone_though_nothing_has_failed(
    platform: Actor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that waits for a silent server neither succeeds nor fails."""
    settings.FACADE_POLL_SECONDS = 60.0
    live = LiveTable()
    monkeypatch.setattr("routing.dataplane.views.health.live_table", live)
    live.refresh()
    assert live.reachable
    assert live.confirmed_at is not None

    settings.FACADE_POLL_SECONDS = 0.25
    live.confirmed_at -= 10
    facts = Client().get("/readyz", headers={"host": "localhost"}).json()

    assert not live.reachable
    assert facts["status"] == "stale"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_begins_with_neither_database_nor_snapshot_has_no_table() -> None:
    live = LiveTable()

    with Outage():
        live.refresh_or_keep()
        assert live.get() is None
    live.refresh_or_keep()

    assert live.get() is not None


@pytest.mark.django_db(transaction=True)
class TestFollowing:
    @pytest.fixture
    def live(self, settings: Settings) -> Iterator[LiveTable]:
        """A live table with its thread, as in a worker."""
        settings.FACADE_FOLLOW_CHANGES = True
        settings.FACADE_POLL_SECONDS = 0.05
        followed = LiveTable()
        yield followed
        followed.stop()

    def test_changes_arrive_by_themselves(self, live: LiveTable, platform: Actor) -> None:
        add(platform, "acme")
        # The first to ask for the table starts the thread.
        live.get()
        until(lambda: leads_to(live) == "https://ghcr.io", "the first table")

        for target in ("https://quay.io", "https://r.acme.com", "https://ghcr.io"):
            repoint(platform, "why", hostname=HOST, prefix="acme", target=target)
            until(lambda origin=target: leads_to(live) == origin, f"the repoint to {target}")  # type: ignore[misc]

    def test_many_changes_arrive_in_order(self, live: LiveTable, platform: Actor) -> None:
        live.follow()
        for number in range(60):
            add(platform, f"p{number}")
        repoint(platform, "last", hostname=HOST, prefix="p0", target="quay.io/last")

        until(lambda: leads_to(live, "p0") == "https://quay.io", "the last change")

        assert live.table is not None
        assert dict(live.table.mappings.items()) == dict(load_table(policy()).mappings.items())

    def test_it_outlives_lost_connections(self, live: LiveTable, platform: Actor) -> None:
        add(platform, "acme")
        live.follow()
        until(lambda: leads_to(live) == "https://ghcr.io", "the first table")

        cut_other_connections()
        repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")

        until(lambda: leads_to(live) == "https://quay.io", "the change after the cut")

    @pytest.mark.parametrize(
        ("fails", "said"),
        [("refresh", "the routing table can't be made of"), ("compare", "following the table failed")],
    )
    def test_it_outlives_whatever_goes_wrong(
        self,
        live: LiveTable,
        platform: Actor,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        fails: str,
        said: str,
    ) -> None:
        monkeypatch.setattr(live_module, "_COMPARE_SECONDS", 0.0)
        add(platform, "acme")
        live.follow()
        until(lambda: leads_to(live) == "https://ghcr.io", "the first table")

        with monkeypatch.context() as broken:
            broken.setattr(live, fails, mock.Mock(side_effect=ZeroDivisionError))
            until(lambda: said in caplog.text, "a failure")
        repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")

        until(lambda: leads_to(live) == "https://quay.io", "the change after the failure")

    def test_a_notification_is_enough(self, live: LiveTable, platform: Actor, settings: Settings) -> None:
        """On PostgreSQL a change arrives long before the next poll; on SQLite polls are all there is."""
        notified = connection.vendor == "postgresql"
        settings.FACADE_POLL_SECONDS = 25.0 if notified else 0.05
        add(platform, "acme")
        live.follow()
        until(lambda: leads_to(live) == "https://ghcr.io", "the first table")

        for target in ("https://quay.io", "https://r.acme.com"):
            repoint(platform, "why", hostname=HOST, prefix="acme", target=target)
            until(lambda origin=target: leads_to(live) == origin, f"the repoint to {target}", seconds=12)  # type: ignore[misc]

        settings.FACADE_POLL_SECONDS = 0.05
        wake_listeners()

    def test_stopping_ends_the_thread_and_keeps_the_table(self, live: LiveTable, platform: Actor) -> None:
        add(platform, "acme")
        live.follow()
        until(lambda: leads_to(live) == "https://ghcr.io", "the first table")

        live.stop()
        repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")

        assert leads_to(live) == "https://ghcr.io"
        live.follow()
        until(lambda: leads_to(live) == "https://quay.io", "the change, once it is followed again")


def cut_other_connections() -> None:
    """End every other connection to the test's database; SQLite has none that could be ended from here."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def wake_listeners() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {NOTIFY_CHANNEL}")

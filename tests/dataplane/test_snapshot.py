"""The snapshot of the table: whole or refused, never of another database, and enough to start from."""

import dataclasses
import fcntl
import hashlib
import json
import subprocess
import sys
import time
import tracemalloc
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import pytest
from django.db import OperationalError
from pytest_django import Settings

from routing.conf import database_identity, policy, snapshot_path
from routing.core.table.mapping_entry import MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, State, Table, TenantEntry
from routing.dataplane.live.live_table import LiveTable
from routing.dataplane.live.snapshot_writer import SnapshotWriter
from routing.models import Change, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from routing.services.people.tenants import suspend_tenants
from routing.table import snapshot
from routing.table.load import load_table

HOST = "docker.acme.com"


def keeping_connections() -> AbstractContextManager[object]:
    """Without this, a lost database would end the test's own transaction."""
    return mock.patch("routing.dataplane.live.live_table.connections.close_all")


def contents(table: Table | None) -> list[object]:
    """Everything that a table holds, comparable."""
    assert table is not None
    maps = (table.tenants, table.registries, table.hosts, table.mappings, table.host_registries)
    return [table.state, *(sorted(kept.items(), key=lambda item: item[0]) for kept in maps)]


@pytest.fixture(autouse=True)
def state(settings: Settings, tmp_path: Path) -> Path:
    settings.STATE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def table(platform: Actor, db: None) -> Table:
    add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/acme", allow_push=True)
    add_mapping(platform, "", hostname=HOST, prefix="", target="docker.io", private=True)
    add_mapping(platform, "", hostname="pull.acme.org", prefix="x/y", target="quay.io/z")
    tenant = Tenant.objects.get(slug="default")
    suspend_tenants(platform, "unpaid", tenant_ids=[tenant.pk], suspended=True, message="closed for today")
    return load_table(policy())


def test_what_is_written_is_read(table: Table) -> None:
    snapshot.write(snapshot_path(), table, "this one")

    assert contents(snapshot.read(snapshot_path(), policy(), "this one")[1]) == contents(table)
    assert snapshot_path().stat().st_mode & 0o077 == 0
    assert [path.name for path in snapshot_path().parent.iterdir()] == [snapshot_path().name]


def test_one_of_ten_times_as_many_mappings_takes_no_more_memory_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_PIECE", 100)

    def most(count: int) -> int:
        mappings = [(f"{HOST}/app-{number}", MappingEntry("1", f"acme/{number}", 1)) for number in range(count)]
        large = Table.build(policy(), 1, [("1", TenantEntry("acme"))], [], [(HOST, HostEntry("1"))], mappings, count, 1)
        tracemalloc.start()
        try:
            snapshot.write(snapshot_path(), large, "this one")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert contents(snapshot.read(snapshot_path(), policy(), "this one")[1])[1:] == contents(large)[1:]
        return peak

    most(1_000)
    assert most(10_000) < 2 * most(1_000)


def test_another_databases_is_refused(table: Table) -> None:
    snapshot.write(snapshot_path(), table, "this one")

    with pytest.raises(snapshot.InvalidSnapshot, match="another database"):
        snapshot.read(snapshot_path(), policy(), "that one")


@pytest.mark.parametrize("at", [0, 40, -1, -200])
def test_a_damaged_one_is_refused(table: Table, at: int) -> None:
    snapshot.write(snapshot_path(), table, "this one")
    damaged = bytearray(snapshot_path().read_bytes())
    damaged[at] ^= 0x01
    snapshot_path().write_bytes(damaged)

    with pytest.raises(snapshot.InvalidSnapshot):
        snapshot.read(snapshot_path(), policy(), "this one")


def test_one_cut_short_is_refused(table: Table) -> None:
    snapshot.write(snapshot_path(), table, "this one")
    whole = snapshot_path().read_bytes()

    for length in (0, 10, whole.index(b"\n"), whole.index(b"\n") + 1, len(whole) - 1):
        snapshot_path().write_bytes(whole[:length])
        with pytest.raises(snapshot.InvalidSnapshot):
            snapshot.read(snapshot_path(), policy(), "this one")


def test_another_releases_is_refused(table: Table) -> None:
    snapshot.write(snapshot_path(), table, "this one")
    header, _, body = snapshot_path().read_bytes().partition(b"\n")
    newer = json.dumps(json.loads(header) | {"format": snapshot.FORMAT + 1}).encode()
    snapshot_path().write_bytes(newer + b"\n" + body)

    with pytest.raises(snapshot.InvalidSnapshot, match="format"):
        snapshot.read(snapshot_path(), policy(), "this one")


def test_a_write_that_fails_leaves_the_old_one(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot.write(snapshot_path(), table, "this one")
    before = snapshot_path().read_bytes()
    monkeypatch.setattr("os.fsync", mock.Mock(side_effect=OSError("disk full")))

    with pytest.raises(OSError, match="disk full"):
        snapshot.write(snapshot_path(), Table(Policy()), "this one")
    assert snapshot_path().read_bytes() == before
    assert len(list(snapshot_path().parent.iterdir())) == 1


def test_the_keeper_writes_when_something_changed_and_only_then(table: Table, platform: Actor) -> None:
    writer = SnapshotWriter()
    assert writer.write_if_changed()
    assert not writer.write_if_changed()

    add_mapping(platform, "", hostname=HOST, prefix="later", target="ghcr.io/later")
    assert writer.write_if_changed()
    _, read = snapshot.read(snapshot_path(), policy(), database_identity())
    assert contents(read) == contents(load_table(policy()))


def test_a_worker_without_a_database_serves_the_snapshot(table: Table) -> None:
    SnapshotWriter().write_if_changed()
    live = LiveTable()
    with mock.patch.object(LiveTable, "refresh", side_effect=OperationalError("gone")), keeping_connections():
        live.refresh_or_keep()

    assert live.table is not None
    assert (live.source, contents(live.table)) == ("snapshot", contents(table))
    assert live.age_seconds is None

    live.refresh_or_keep()
    assert live.source == "database"


def test_a_snapshot_of_another_database_is_not_served(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    snapshot.write(snapshot_path(), table, "another one")
    live = LiveTable()
    with mock.patch.object(LiveTable, "refresh", side_effect=OperationalError("gone")):
        live.refresh_or_keep()

    assert live.table is None
    assert "another database" in caplog.text


def with_body(body: bytes) -> None:
    """Put another body into the snapshot's file, with a header that it fits."""
    header = json.loads(snapshot_path().read_bytes().partition(b"\n")[0])
    header |= {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    snapshot_path().write_bytes(json.dumps(header).encode() + b"\n" + body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"hosts":' * 100_000,
        b"[]",
        b"null",
        b'{"tenants": 1}',
        b'{"host_entries":[],"usage_entries":[],"mappings":[],"tenants":[],"registries":[],"hosts":{},"usages":{}}',
        b"9" * 5_000,
        b"\xff",
    ],
    ids=["deep lists", "deep objects", "a list", "null", "a number", "mappings in a list", "a long number", "no text"],
)
def test_one_that_cannot_be_decoded_is_refused_and_the_worker_goes_on(
    table: Table, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot.write(snapshot_path(), table, database_identity())
    with_body(body)

    with pytest.raises(snapshot.InvalidSnapshot):
        snapshot.read(snapshot_path(), policy(), database_identity())
    live = LiveTable()
    with mock.patch.object(LiveTable, "refresh", side_effect=OperationalError("gone")), keeping_connections():
        live.refresh_or_keep()
    assert live.table is None
    assert "can't be used" in caplog.text


def test_a_header_of_deep_lists_is_refused(table: Table) -> None:
    snapshot_path().write_bytes(b"[" * 100_000)

    with pytest.raises(snapshot.InvalidSnapshot, match="no snapshot"):
        snapshot.read_header(snapshot_path(), "this one")


def test_one_that_does_not_fit_into_memory_is_refused(table: Table) -> None:
    """A process of its own, whose memory is limited as a container's is."""
    snapshot.write(snapshot_path(), table, "this one")
    header, _, body = snapshot_path().read_bytes().partition(b"\n")
    with snapshot_path().open("wb") as file:
        file.write(header + b"\n" + body)
        file.truncate(4 << 30)
    program = (
        "import resource, sys; from pathlib import Path; from routing.core.table.policy import Policy\n"
        "from routing.table import snapshot\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try: snapshot.read(Path(sys.argv[1]), Policy(), 'this one')\n"
        "except snapshot.InvalidSnapshot as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(snapshot_path())], capture_output=True, text=True, timeout=120, check=False
    )

    assert "not enough memory" in done.stdout, done.stderr


def test_what_killed_writers_left_is_swept_and_what_is_being_written_stays(table: Table) -> None:
    folder, name = snapshot_path().parent, snapshot_path().name
    left = [folder / f".{name}.{number}" for number in range(3)]
    for path in left:
        path.write_bytes(b"half")
    other = folder / "keep.snapshot"
    other.write_bytes(b"somebody's")
    with left[0].open("rb") as being_written:
        fcntl.flock(being_written, fcntl.LOCK_EX)
        snapshot.write(snapshot_path(), table, "this one")

        assert {path.name for path in folder.iterdir()} == {name, left[0].name, other.name}


def test_a_writer_that_is_killed_leaves_nothing_for_long(table: Table) -> None:
    program = (
        "import os, sys; from pathlib import Path; from routing.core.table.policy import Policy\n"
        "from routing.core.table.routing_table import Table; from routing.table import snapshot\n"
        "os.fsync = lambda _: os.kill(os.getpid(), 9)\n"
        "snapshot.write(Path(sys.argv[1]), Table(Policy()), 'this one')"
    )
    subprocess.run([sys.executable, "-c", program, str(snapshot_path())], timeout=120, check=False)
    assert len(list(snapshot_path().parent.iterdir())) == 1

    snapshot.write(snapshot_path(), table, "this one")

    assert [path.name for path in snapshot_path().parent.iterdir()] == [snapshot_path().name]


class TestWhichIsNewer:
    """A process whose database is gone takes the snapshot of others where that is newer: that is told by time."""

    @pytest.fixture
    def live(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> LiveTable:
        """The first process' table, of a time when the database was there."""
        monkeypatch.setattr("gc.freeze", lambda: None)
        live = LiveTable()
        live.refresh()
        return live

    @staticmethod
    def before_fork(live: LiveTable) -> None:
        with mock.patch.object(LiveTable, "refresh", side_effect=OperationalError("gone")), keeping_connections():
            live.before_fork()

    def test_what_others_followed_since_is_taken(self, live: LiveTable, platform: Actor) -> None:
        add_mapping(platform, "", hostname=HOST, prefix="later", target="ghcr.io/later")
        SnapshotWriter().write_if_changed()

        self.before_fork(live)

        assert live.source == "snapshot"
        assert contents(live.table) == contents(load_table(policy()))

    def test_a_database_that_went_back_leaves_a_lower_generation_that_is_newer(self, live: LiveTable) -> None:
        assert live.table is not None
        put_back = dataclasses.replace(live.table, generation=live.table.generation - 1, nonce=1)
        snapshot.write(snapshot_path(), put_back, database_identity())

        self.before_fork(live)

        assert live.table.state == put_back.state

    def test_a_file_of_before_is_not_taken_whatever_its_generation(self, live: LiveTable, table: Table) -> None:
        """As one that was put back with the state folder, of a history that is gone."""
        assert live.table is not None
        ahead = dataclasses.replace(live.table, generation=live.table.generation + 5, nonce=1)
        with mock.patch("routing.table.snapshot.time.time", return_value=time.time() - 3600):
            snapshot.write(snapshot_path(), ahead, database_identity())

        self.before_fork(live)

        assert contents(live.table) == contents(table)
        assert live.source == "database"


def test_the_keeper_writes_anew_when_the_database_went_back_to_the_same_generation(
    table: Table, platform: Actor
) -> None:
    writer = SnapshotWriter()
    writer.write_if_changed()
    Change.objects.filter(generation=table.generation).update(nonce=1)

    assert writer.write_if_changed()
    assert snapshot.read_header(snapshot_path(), database_identity()).state == State(table.generation, 1)


@pytest.mark.parametrize("field", ["nonce", "time"])
def test_one_that_does_not_say_of_which_state_it_is_is_refused(table: Table, field: str) -> None:
    snapshot.write(snapshot_path(), table, "this one")
    header, _, body = snapshot_path().read_bytes().partition(b"\n")
    odd = json.dumps(json.loads(header) | {field: "x"}).encode()
    snapshot_path().write_bytes(odd + b"\n" + body)

    with pytest.raises(snapshot.InvalidSnapshot, match="state"):
        snapshot.read(snapshot_path(), policy(), "this one")


def test_the_keeper_never_writes_a_snapshot_back_over_itself(table: Table) -> None:
    SnapshotWriter().write_if_changed()
    writer = SnapshotWriter()
    with mock.patch.object(LiveTable, "refresh", side_effect=OperationalError("gone")):
        assert not writer.write_if_changed()

"""The database is gone, or was not migrated: pages, the API, health and commands say so, and soon."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.facade import ROOT, Answer, Facade
from tests.e2e.lab import process
from tests.e2e.lab.process import LabError, wait_until
from tests.e2e.postgresql import OutagePostgresql
from tests.e2e.sqlite_file import file_of

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
PAGES = ("/admin/", "/admin/routing/mapping/", "/accounts/login/", "/accounts/invitation/abc/")
API = ("/api/v1/whoami", "/api/v1/mappings")
TOKEN = {"Authorization": "Bearer facade_made_up"}
# Of all requests together. If each waited for the deadline of a connection, eight at once, it would be fifteen.
AT_ONCE_SECONDS = 10.0


@pytest.fixture(scope="module")
def facade(server: OutagePostgresql) -> Iterator[Facade]:
    with Facade(database_url=server.url, FACADE_PROBE_ON_SAVE="false") as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        started.wait_for(PATH, 307, host=HOST)
        yield started


@pytest.fixture
def running(facade: Facade) -> Facade:
    """The same, whichever tests were before."""
    wait_for_words(facade, "ok")
    return facade


def ask(facade: Facade, path: str) -> Answer:
    return facade.request("GET", path, headers=TOKEN if path in API else None)


def is_refused(facade: Facade, path: str, says: str) -> bool:
    """Whether it is refused as it should be, in whichever form belongs to that address."""
    answer = ask(facade, path)
    if answer.status != 503:
        return False
    assert int(answer.headers["retry-after"]) > 0
    if path in API:
        assert answer.headers["content-type"] == "application/json"
        assert says in answer.json()["message"]
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    else:
        assert says in answer.body.decode()
        assert answer.headers["x-request-id"] in answer.body.decode()
    return True


def refused_at_once(facade: Facade, says: str) -> None:
    """Everything is, by every worker, and by several at once."""
    with ThreadPoolExecutor(8) as people:
        began = time.monotonic()
        refused = list(people.map(lambda path: is_refused(facade, path, says), (PAGES + API) * 4))
        seconds = time.monotonic() - began
    assert all(refused)
    assert seconds < AT_ONCE_SECONDS


def wait_for_words(facade: Facade, words: str) -> None:
    """Wait until every worker says so of its database."""

    def said() -> bool:
        found = {facade.request("GET", "/readyz").json()["database"] for _ in range(8 * facade.workers)}
        return found == {words}

    wait_until(said, f"/readyz says that the database is {words}")


def test_a_database_that_is_gone_is_told_at_once_and_all_goes_on_once_it_is_back(
    running: Facade, server: OutagePostgresql
) -> None:
    facade = running
    # So that there are connections that break.
    assert all(ask(facade, path).status in (200, 302, 401, 404) for path in PAGES + API for _ in range(4))
    server.stop()
    # The first that asks the database finds it out.
    assert is_refused(facade, "/api/v1/mappings", "reached")
    wait_for_words(facade, "unreachable")

    refused_at_once(facade, "reached")
    assert "generation" in ask(facade, "/accounts/login/").body.decode()
    assert facade.request("GET", PATH, host=HOST).status == 307
    assert [ask(facade, path).status for path in ("/abuse", "/livez", "/readyz", "/metrics")] == [200] * 4
    assert "Traceback" not in facade.log()

    server.start()
    wait_for_words(facade, "ok")
    # No connection of before is taken for a good one.
    assert {ask(facade, path).status for path in PAGES + API for _ in range(8)} <= {200, 302, 401, 404}


@pytest.mark.parametrize(
    "command",
    [
        ["list_mappings"],
        ["repoint", HOST, "acme", "quay.io/acme", "--reason", "test"],
        ["migrate"],
        ["createsuperuser", "--noinput", "--username", "x", "--email", ""],
    ],
    ids=lambda command: command[0],
)
def test_commands_say_it_in_a_line(command: list[str], tmp_path: Path) -> None:
    database = {"DATABASE_URL": f"postgres://x@/x?host={tmp_path}", "FACADE_STATE_DIR": str(tmp_path)}
    environ = process.private_environment(tmp_path) | database | {"SECRET_KEY": "only-for-end-to-end-tests"}

    done = process.run([sys.executable, str(ROOT / "manage.py"), *command], env=environ)

    assert done.status == 1
    (line,) = done.output.splitlines()
    assert line.startswith("CommandError: the database can't be reached")
    # As libpq says it.
    assert "No such file or directory" in line


# ---------------------------------------------------------------- not migrated
class Unmigrated(Facade):
    """A server whose database is empty."""

    def _make_database(self) -> None:
        file_of(self).touch()

    def _ready(self) -> bool:
        return self.request("GET", "/livez").status == 200


@pytest.fixture
def unmigrated() -> Iterator[Facade]:
    with Unmigrated(sqlite=True, FACADE_PROBE_ON_SAVE="false") as started:
        yield started


def test_a_database_that_was_never_migrated_is_told_as_such(unmigrated: Facade) -> None:
    wait_for_words(unmigrated, "not migrated")

    refused_at_once(unmigrated, "manage.py migrate")
    assert "manage.py migrate" in unmigrated.log()
    assert "Traceback" not in unmigrated.log()
    with pytest.raises(LabError) as failed:
        unmigrated.manage("list_mappings")
    assert "run “manage.py migrate” first" in str(failed.value)
    assert "Traceback" not in str(failed.value)

    unmigrated.manage("migrate", "--verbosity", "0")
    wait_for_words(unmigrated, "ok")
    assert ask(unmigrated, "/accounts/login/").status == 200


# ---------------------------------------------------------------- SQLite
def test_the_file_of_sqlite_is_gone() -> None:
    with Facade(sqlite=True, FACADE_PROBE_ON_SAVE="false") as facade:
        file = facade.directory / "state" / "facade.sqlite3"
        away = file.with_name("away")
        wait_until(facade.snapshot.exists, "there is a snapshot")
        wait_for_words(facade, "ok")
        for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
            if path.exists():
                path.rename(away if path == file else Path(f"{away}{path.name[len(file.name) :]}"))
        wait_for_words(facade, "unreachable")
        refused_at_once(facade, "reached")
        with pytest.raises(LabError, match="put a backup back, or run"):
            facade.manage("check_table")
        with pytest.raises(LabError, match="gone, though there is a snapshot of its table"):
            facade.manage("prepare_database", "--wait", "0")
        # Nobody made an empty one in its place.
        assert not file.exists()
        away.rename(file)
        wait_for_words(facade, "ok")


def test_a_file_of_sqlite_that_is_damaged_is_told_as_such() -> None:
    with Facade(sqlite=True, FACADE_PROBE_ON_SAVE="false") as facade:
        file = facade.directory / "state" / "facade.sqlite3"
        facade.kill()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.write_bytes(b"no database at all" * 1000)
        with pytest.raises(LabError) as failed:
            facade.manage("list_mappings")
    assert "damaged" in str(failed.value)
    assert "Traceback" not in str(failed.value)

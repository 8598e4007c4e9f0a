"""A database that is put back, replaced or silent under running servers: every worker answers as its rows say."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.e2e.facade import Facade
from tests.e2e.lab.process import LabError, wait_until
from tests.e2e.postgresql import OutagePostgresql
from tests.e2e.sqlite_file import back_up, by_mv, by_restore, by_rm_and_cp, file_of, remove_log

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
OTHER = "/v2/other/app/manifests/1.0"
# Well below what TCP takes to give a silent peer up, with room for a busy machine.
WITHIN_SECONDS = 40.0


def map_acme(facade: Facade) -> None:
    facade.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
    leads_to(facade, "https://ghcr.io")


def repoint(facade: Facade, target: str) -> None:
    facade.manage("repoint", HOST, "acme", f"{target}/acme", "--reason", "test")


def leads_to(facade: Facade, origin: str, path: str = PATH) -> None:
    """Wait until every worker answers so."""
    facade.wait_for(path, 307, host=HOST, location=origin + path)


def status(facade: Facade) -> str:
    return str(facade.request("GET", "/readyz").json()["status"])


def sample(facade: Facade, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", facade.request("GET", "/metrics").body.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def whole_loads(facade: Facade, reason: str) -> float:
    return sample(facade, f'facade_table_loads_total{{reason="{reason}"}}')


# ---------------------------------------------------------------- SQLite
@pytest.fixture
def on_sqlite() -> Iterator[Facade]:
    with Facade(sqlite=True, FACADE_PROBE_ON_SAVE="false") as started:
        map_acme(started)
        yield started


@pytest.mark.parametrize("put_back", [by_restore, by_mv, by_rm_and_cp])
def test_a_file_that_is_put_back_is_followed(on_sqlite: Facade, put_back: Callable[[Path, Path], None]) -> None:
    kept = back_up(on_sqlite)
    repoint(on_sqlite, "quay.io")
    leads_to(on_sqlite, "https://quay.io")

    put_back(kept, file_of(on_sqlite))
    leads_to(on_sqlite, "https://ghcr.io")
    on_sqlite.manage("add_mapping", HOST, "other", "quay.io/other", "--redirect-only")
    leads_to(on_sqlite, "https://quay.io", OTHER)
    repoint(on_sqlite, "docker.io")

    leads_to(on_sqlite, "https://registry-1.docker.io")
    assert status(on_sqlite) == "ok"
    assert whole_loads(on_sqlite, "another-history") + whole_loads(on_sqlite, "file-replaced") >= on_sqlite.workers


def test_a_deleted_file_is_told_and_its_successor_followed(on_sqlite: Facade) -> None:
    kept, file = back_up(on_sqlite), file_of(on_sqlite)

    file.unlink()
    remove_log(file)
    wait_until(lambda: status(on_sqlite) == "stale", "the server says so")
    wait_until(lambda: sample(on_sqlite, "facade_database_reachable") == 0, "the metric says so")
    assert not file.exists()
    leads_to(on_sqlite, "https://ghcr.io")

    shutil.copyfile(kept, file)
    repoint(on_sqlite, "quay.io")
    leads_to(on_sqlite, "https://quay.io")
    wait_until(lambda: status(on_sqlite) == "ok", "all is well again")


# ---------------------------------------------------------------- PostgreSQL
@pytest.fixture
def server() -> Iterator[OutagePostgresql]:
    """One for each test: it ends in another state than it began."""
    with OutagePostgresql() as started:
        yield started


@pytest.fixture
def on_postgresql(server: OutagePostgresql) -> Iterator[Facade]:
    with Facade(database_url=server.url, FACADE_PROBE_ON_SAVE="false") as started:
        map_acme(started)
        yield started


def test_a_base_backup_that_is_put_back_is_followed(on_postgresql: Facade, server: OutagePostgresql) -> None:
    """The database comes back at an earlier generation, and goes on to a later one than the workers have."""
    server.back_up()
    repoint(on_postgresql, "quay.io")
    leads_to(on_postgresql, "https://quay.io")
    generation = on_postgresql.request("GET", "/readyz").json()["generation"]

    server.stop()
    wait_until(lambda: status(on_postgresql) == "stale", "the server says that it is gone")
    server.put_back()
    for number in range(3):
        # Before any worker has looked, as far as that can be had.
        on_postgresql.manage("add_mapping", HOST, f"p{number}", "quay.io/p", "--redirect-only")

    leads_to(on_postgresql, "https://ghcr.io")
    assert on_postgresql.request("GET", "/readyz").json()["generation"] > generation
    wait_until(lambda: status(on_postgresql) == "ok", "all is well again")
    assert whole_loads(on_postgresql, "another-history") >= 1
    assert "went back in time" in on_postgresql.log()


def test_a_silent_database_is_told_and_followed_again(on_postgresql: Facade, server: OutagePostgresql) -> None:
    wait_until(lambda: status(on_postgresql) == "ok", "all is well")

    with server.silent():
        wait_until(lambda: status(on_postgresql) == "stale", "readyz says so", WITHIN_SECONDS)
        wait_until(
            lambda: sample(on_postgresql, "facade_database_reachable") == 0, "the metric says so", WITHIN_SECONDS
        )
        wait_until(lambda: "database unreachable" in on_postgresql.log(), "a look was given up", WITHIN_SECONDS)
        leads_to(on_postgresql, "https://ghcr.io")

    repoint(on_postgresql, "quay.io")
    leads_to(on_postgresql, "https://quay.io")
    wait_until(lambda: sample(on_postgresql, "facade_database_reachable") == 1, "the workers are back", WITHIN_SECONDS)


def test_whoever_asks_a_database_that_fell_silent_is_told(on_postgresql: Facade, server: OutagePostgresql) -> None:
    """Also those who ask before anybody knows, who are given a connection of before, and who wait for one."""

    def ask(_: int = 0) -> int:
        return on_postgresql.request("GET", "/api/v1/mappings", headers={"Authorization": "Bearer facade_x"}).status

    with ThreadPoolExecutor(40) as people:
        assert set(people.map(ask, range(40))) == {401}
        with server.silent():
            assert set(people.map(ask, range(40))) == {503}
            assert ask() == 503
        wait_until(lambda: ask() == 401, "all is well again", WITHIN_SECONDS)


# ---------------------------------------------------------------- the rows
def told_by_workers(facade: Facade) -> set[int]:
    """The workers that check_table tells of."""
    try:
        said = facade.manage("check_table", "--wait", "100")
    except LabError as error:
        said = str(error)
    return {int(pid) for pid in re.findall(r"^worker (\d+):", said, re.MULTILINE)}


def test_rows_that_were_changed_by_sql_are_found_and_told() -> None:
    with Facade(sqlite=True, FACADE_PROBE_ON_SAVE="false", FACADE_TABLE_CHECK_SECONDS="2") as facade:
        map_acme(facade)
        with closing(sqlite3.connect(file_of(facade), timeout=30)) as behind_the_back, behind_the_back:
            behind_the_back.execute(
                "UPDATE routing_mapping SET registry_id = (SELECT id FROM routing_registry WHERE name = 'Quay')"
            )

        leads_to(facade, "https://quay.io")
        wait_until(lambda: whole_loads(facade, "differs") >= facade.workers, "each worker has counted it")
        assert "is not what the rows say" in facade.log()
        # The writer of the snapshot may find it a little later than the workers.
        with suppress(LabError):
            facade.manage("check_table", "--wait", "100")
        said = facade.manage("check_table", "--wait", "100")
        # Those of before are not waited for.
        facade.kill()
        facade.start()
        wait_until(lambda: told_by_workers(facade) == set(facade.worker_pids()), "the new workers, and no other")

    assert len(re.findall(r"^worker \d+: same as the rows$", said, re.MULTILINE)) == facade.workers
    assert "snapshot writer" in said

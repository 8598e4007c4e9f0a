"""Several `manage.py migrate` at once: one works, the others wait, say so, and find nothing left to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.postgresql import fresh_database, postgresql_server
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
#: One whose migrations are few.
APP = "contenttypes"
WAITS = "Another migration of this database is under way"


class Migration:
    """A `manage.py migrate` in a process of its own."""

    def __init__(self, url: str, folder: Path, *arguments: str) -> None:
        folder.mkdir()
        self._out = folder / "out"
        environment = {"DJANGO_SETTINGS_MODULE": "facade_site.settings", "DATABASE_URL": url}
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "migrate", *arguments],
                env=os.environ | environment | {"FACADE_STATE_DIR": str(folder), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._out.read_text()

    def wait(self) -> int:
        return self._process.wait(180)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'facade.sqlite3'}"
        return
    with postgresql_server() as server, fresh_database(server) as made:
        yield made


HOLDER = """
import sys, django
django.setup()
from django.db import connection
from routing.database.migration_lock import migration_lock
with migration_lock(connection, print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(url: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until it is killed."""
    environment = {"DJANGO_SETTINGS_MODULE": "facade_site.settings", "DATABASE_URL": url}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=os.environ | environment | {"FACADE_STATE_DIR": str(tmp_path)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.e2e
def test_of_three_at_once_one_migrates_and_the_others_find_nothing_to_do(url: str, tmp_path: Path) -> None:
    started = [Migration(url, tmp_path / str(number), APP) for number in range(3)]

    assert [migration.wait() for migration in started] == [0, 0, 0], [migration.output for migration in started]
    outputs = sorted((migration.output for migration in started), key=lambda output: "Applying" in output)
    assert [f" Applying {APP}.0001" in output for output in outputs] == [False, False, True]
    assert all("No migrations to apply" in output for output in outputs[:2])


@pytest.mark.e2e
def test_one_that_waits_says_so_and_goes_on_when_the_first_is_killed(
    url: str, holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    waiting = Migration(url, tmp_path / "waiting", APP)
    until(lambda: WAITS in waiting.output, "it says that it waits", 120)
    assert "Applying" not in waiting.output

    holder.kill()

    assert waiting.wait() == 0, waiting.output
    assert waiting.output.count(WAITS) == 1
    assert f" Applying {APP}.0001" in waiting.output


@pytest.mark.e2e
def test_what_is_only_told_waits_for_nobody(url: str, holder: subprocess.Popen[str], tmp_path: Path) -> None:
    told = Migration(url, tmp_path / "told", APP, "--plan")

    assert told.wait() == 0, told.output
    assert holder.poll() is None

"""manage.py itself, as a process: wrong input is one line on stderr and an exit status, never a traceback."""

from __future__ import annotations

import errno
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from facade_site.broken_pipe import ending_quietly

ROOT = Path(__file__).resolve().parents[2]


def manage(
    state: Path, *arguments: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run manage.py with a database of its own that was never migrated."""
    given = {"FACADE_STATE_DIR": str(state), "TEST_DATABASE_URL": f"sqlite:///{state / 'empty.sqlite3'}"}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "facade_site.settings_test", **given, **environment},
        stdout=stdout,
        stderr=stderr,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["add_mapping"], 2, "required: HOSTNAME, PREFIX, TARGET"),
        (["add_mapping", "docker.acme.com", "acme", "ghcr.io/acme", "--bogus"], 2, "unrecognized arguments: --bogus"),
        (["repoint", "docker.acme.com", "acme", "ghcr.io/acme"], 2, "required: --reason"),
        (["add_mapping", "docker.acme.com", "acme", "ghcr.io/ACME"], 1, "“ACME” is not a repository name"),
        (["list_mappings"], 1, "run “manage.py migrate” first"),
        (["facade", "mapping", "add"], 2, "required: HOSTNAME, PREFIX, TARGET; see facade mapping add --help"),
        (["facade", "mapping", "list", "--bogus"], 2, "unrecognized arguments: --bogus"),
        (["facade", "maping"], 2, "invalid choice: 'maping'"),
        (["facade", "mapping", "add", "docker.acme.com", "acme", "ghcr.io/ACME"], 1, "is not a repository name"),
        (["facade", "hostname", "list"], 1, "run “manage.py migrate” first"),
    ],
)
def test_wrong_input_is_one_line_and_an_exit_status(
    tmp_path: Path, arguments: list[str], status: int, says: str
) -> None:
    done = manage(tmp_path, *arguments)

    assert done.returncode == status
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert says in lines[0]


def test_help_is_no_error(tmp_path: Path) -> None:
    done = manage(tmp_path, "add_mapping", "--help")

    assert done.returncode == 0
    assert b"ghcr.io/acme" in done.stdout


def test_a_terminal_that_cannot_show_a_character_is_no_error(tmp_path: Path) -> None:
    done = manage(tmp_path, "add_mapping", "docker.acme.com", "acme", "ghcr.io/ACME", PYTHONIOENCODING="ascii")

    assert done.returncode == 1
    assert b"?ACME? is not a repository name" in done.stderr


@contextmanager
def without_reader() -> Iterator[int]:
    """The end of a pipe into which nobody looks any more, as after `| head`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list_mappings", "--help"],
        ["facade", "completion", "bash"],
        ["diffsettings"],
        # It prints as it goes.
        ["migrate"],
        # Its output is one short line, which is written when the process ends.
        ["check"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_output_that_nobody_reads_ends_a_command_quietly(tmp_path: Path, arguments: list[str]) -> None:
    with without_reader() as pipe:
        done = manage(tmp_path, *arguments, stdout=pipe)

    assert done.stderr == b""
    # argparse takes no notice of what becomes of its help.
    assert done.returncode in ((0, 141) if "--help" in arguments else (141,))


def test_an_error_that_nobody_reads_ends_a_command_quietly(tmp_path: Path) -> None:
    with without_reader() as pipe:
        done = manage(tmp_path, "list_mappings", stderr=pipe)

    assert (done.returncode, done.stdout) == (141, b"")


@pytest.fixture
def full() -> Iterator[int]:
    """A file on a disk that is full."""
    with open("/dev/full", "w") as file:
        yield file.fileno()


@pytest.mark.parametrize("at_once", ["", "1"], ids=["at the end", "at once"])
@pytest.mark.parametrize("arguments", [["diffsettings"], ["migrate"], ["check"]])
def test_output_without_room_is_told_in_one_line(tmp_path: Path, arguments: list[str], at_once: str, full: int) -> None:
    done = manage(tmp_path, *arguments, stdout=full, PYTHONUNBUFFERED=at_once)

    line = "the output can't be written (No space left on device); what was done before it stays done\n"
    assert (done.returncode, done.stderr.decode()) == (1, line)


@pytest.mark.parametrize("at_once", ["", "1"], ids=["at the end", "at once"])
@pytest.mark.parametrize(("arguments", "status"), [(["list_mappings"], 1), (["check", "--nonsense"], 2)])
def test_an_error_without_room_ends_a_command_with_its_status(
    tmp_path: Path, arguments: list[str], status: int, at_once: str, full: int
) -> None:
    done = manage(tmp_path, *arguments, stderr=full, PYTHONUNBUFFERED=at_once)

    assert (done.returncode, done.stdout.strip()) == (status, b"")


def test_another_full_disk_is_not_blamed_on_the_output() -> None:
    with pytest.raises(OSError, match="No space left"), ending_quietly():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_output_of_closed_streams_gets_into_no_file(tmp_path: Path, closed: str) -> None:
    database = tmp_path / "new.sqlite3"
    given = {"FACADE_STATE_DIR": str(tmp_path), "TEST_DATABASE_URL": f"sqlite:///{database}"}
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "facade_site.settings_test"} | given
    command = f'"{sys.executable}" "{ROOT / "manage.py"}" migrate {closed}'

    done = subprocess.run(
        ["sh", "-c", command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    with closing(sqlite3.connect(database)) as connection:
        # Some constraints need it; no row is there.
        connection.create_function("REGEXP", 2, lambda pattern, text: True)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("at_once", ["", "1"], ids=["at the end", "at once"])
@pytest.mark.parametrize("streams", [">&- 2>&-", ">/dev/full 2>/dev/full"])
def test_a_health_check_that_can_say_nothing_has_its_status(tmp_path: Path, streams: str, at_once: str) -> None:
    with socket.socket() as bound:
        # Nobody listens there.
        bound.bind(("127.0.0.1", 0))
        given = {"FACADE_STATE_DIR": str(tmp_path), "PORT": str(bound.getsockname()[1])}
        environment = os.environ | given | {"PYTHONUNBUFFERED": at_once}
        command = f'"{sys.executable}" -m facade_site.healthcheck {streams}'
        done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=environment, timeout=60, check=False)

    assert done.returncode == 1


def test_a_connection_that_broke_is_told() -> None:
    with pytest.raises(BrokenPipeError), ending_quietly():
        raise BrokenPipeError


def test_a_state_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    """Also where SECRET_KEY is given, so that no key has to be kept in it."""
    folder = tmp_path / "a" / "state"
    settings: dict[str, Any] = {"DJANGO_SETTINGS_MODULE": "facade_site.settings", "SECRET_KEY": "given"}
    default: dict[str, Any] = {"TEST_DATABASE_URL": "", "DATABASE_URL": f"sqlite:///{folder}/facade.sqlite3"}

    done = manage(tmp_path, "list_mappings", **settings, **default, FACADE_STATE_DIR=str(folder))

    assert b"there is no database file" in done.stderr
    assert folder.stat().st_mode & 0o777 == 0o700

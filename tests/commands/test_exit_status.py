"""manage.py itself, as a process: wrong input is one line on stderr and exit status 1, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    ("arguments", "says"),
    [
        (["add_mapping"], "required: hostname, prefix, target"),
        (["add_mapping", "docker.acme.com", "acme", "ghcr.io/acme", "--bogus"], "unrecognized arguments: --bogus"),
        (["repoint", "docker.acme.com", "acme", "ghcr.io/acme"], "required: --reason"),
        (["add_mapping", "docker.acme.com", "acme", "ghcr.io/ACME"], "“ACME” is not a repository name"),
        (["list_mappings"], "run “manage.py migrate” first"),
    ],
)
def test_wrong_input_is_one_line_and_exit_status_1(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = manage(tmp_path, *arguments)

    assert done.returncode == 1
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

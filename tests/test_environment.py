"""Where a setting comes from, and what is kept where nothing was given."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from facade_site import environment
from facade_site.environment import kept_secret_key, static_root


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A folder with an empty state folder, in an environment without settings, which is put back afterwards."""
    before = dict(os.environ)
    for name in ("FACADE_STATE_DIR", "SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL", "DATABASE_URL_FILE"):
        os.environ.pop(name, None)
    (tmp_path / "var").mkdir()
    # What it has read from files it keeps for the whole process.
    cache = environ.FileAwareEnv.ENVIRON.files_cache
    cache.clear()
    yield tmp_path
    cache.clear()
    os.environ.clear()
    os.environ.update(before)


def key_of(tree: Path) -> str:
    return str(environment.load(tree).ENVIRON.get("SECRET_KEY", ""))


@pytest.mark.parametrize("weaker", [".env", "var/run.env"])
def test_a_file_that_a_weaker_source_names_does_not_go_before_the_value(tree: Path, weaker: str) -> None:
    (tree / "key").write_text("of the file")
    (tree / weaker).write_text(f"SECRET_KEY_FILE={tree / 'key'}\n")

    os.environ["SECRET_KEY"] = "of the process"

    assert key_of(tree) == "of the process"


def test_a_value_of_a_weaker_source_does_not_go_before_a_file(tree: Path) -> None:
    (tree / "key").write_text("of the file")
    (tree / ".env").write_text(f"SECRET_KEY_FILE={tree / 'key'}\n")
    (tree / "var/run.env").write_text("SECRET_KEY='of the last run'\n")

    assert key_of(tree) == "of the file"
    assert "SECRET_KEY" not in os.environ


STUB = """#!/usr/bin/env bash
[ "$1" != -c ] || echo static
"""


@pytest.fixture
def runnable(tree: Path) -> Path:
    """The folder with scripts/run as it is, and nothing that it calls."""
    for name in ("scripts/run", ".env.example"):
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copy(environment.BASE_DIR / name, tree / name)
    for name in ("scripts/venv", ".venv/bin/python", ".venv/bin/gunicorn"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(STUB)
        (tree / name).chmod(0o755)
    for name in ("requirements.txt", "facade_site/settings.py", "routing/static/x", "static/x"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    return tree


@pytest.mark.parametrize("where", ["", ".env", "command line", "command line and later"])
@pytest.mark.parametrize("name", ["elsewhere", "{tree}/else where"], ids=["relative", "absolute"])
def test_what_a_run_was_told_is_found_wherever_its_state_is(runnable: Path, where: str, name: str) -> None:
    name = name.format(tree=runnable)
    given = {"FACADE_STATE_DIR": name} if where.startswith("command line") else {}
    (runnable / ".env").write_text(f"FACADE_STATE_DIR='{name}'\n" if where == ".env" else "")

    told = os.environ | given | {"DATABASE_URL": "postgres://of/the-run"}
    subprocess.run([runnable / "scripts/run"], env=told, check=True, capture_output=True, timeout=60)
    os.environ.pop("DATABASE_URL", None)
    os.environ.update(given if where.endswith("later") else {})

    assert environment.load(runnable).ENVIRON.get("DATABASE_URL") == "postgres://of/the-run"
    assert environment.state_dir(runnable) == runnable / (name if where else "var")
    for kept in runnable.glob("*/run.env"):
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_state_folder_in_which_nothing_can_be_kept_stops_no_run(runnable: Path) -> None:
    (runnable / "file").touch()

    told = os.environ | {"FACADE_STATE_DIR": "file/state", "DATABASE_URL": "postgres://of/the-run"}
    subprocess.run([runnable / "scripts/run"], env=told, check=True, capture_output=True, timeout=60)

    assert "of/the-run" in (runnable / "var/run.env").read_text()


def test_a_relative_state_folder_is_below_the_project_wherever_the_process_is(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    os.environ["FACADE_STATE_DIR"] = "data"

    assert environment.state_dir(tree) == tree / "data"


def test_in_one_source_the_file_counts(tree: Path) -> None:
    (tree / "key").write_text("of the file")
    os.environ |= {"SECRET_KEY": "default", "SECRET_KEY_FILE": str(tree / "key")}

    assert key_of(tree) == "of the file"


def test_what_is_empty_says_nothing(tree: Path) -> None:
    (tree / "key").write_text("of the file")
    (tree / ".env").write_text(f"SECRET_KEY_FILE={tree / 'key'}\n")
    os.environ["SECRET_KEY"] = ""

    assert key_of(tree) == "of the file"


@contextmanager
def as_nobody(tree: Path) -> Iterator[int]:
    """As somebody who may enter the folder and owns nothing: root can read everything."""
    for folder in (tree, *tree.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield os.geteuid()
    finally:
        os.seteuid(before)


def test_settings_that_cannot_be_read_are_told(tree: Path) -> None:
    (tree / ".env").write_text("SECRET_KEY=of the file\n")
    (tree / ".env").chmod(0)

    with as_nobody(tree) as user, pytest.raises(ImproperlyConfigured) as told:
        environment.load(tree)

    assert str(told.value) == f"{tree / '.env'} can't be read: Permission denied, for UID {user}"


def test_a_state_folder_that_cannot_be_entered_says_nothing_until_something_is_to_be_kept(tree: Path) -> None:
    (tree / "var/run.env").write_text("SECRET_KEY=of the last run\n")
    (tree / "var").chmod(0)

    with as_nobody(tree) as user:
        assert key_of(tree) == ""
        with pytest.raises(ImproperlyConfigured, match=rf"secret_key: Permission denied, for UID {user}\)$"):
            kept_secret_key(tree / "var")
    (tree / "var").chmod(0o700)


def test_a_key_that_is_made_is_told_once_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = kept_secret_key(tmp_path)

    assert f"one was made, and is kept in {tmp_path / 'secret_key'}" in capsys.readouterr().err
    assert kept_secret_key(tmp_path) == made
    assert capsys.readouterr().err == ""
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_key_that_cannot_be_kept_is_told_with_the_user(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, where a folder should be")

    with pytest.raises(ImproperlyConfigured, match=rf"FACADE_STATE_DIR \(.*state/.*: .*, for UID {os.geteuid()}\)$"):
        kept_secret_key(tmp_path / "state")


def test_the_admins_files_are_in_the_tree(tmp_path: Path) -> None:
    assert static_root(tmp_path / "state", tmp_path) == tmp_path / "staticfiles"


@pytest.mark.parametrize(
    ("folders", "root"),
    [
        ([], "state/staticfiles"),
        (["tree/staticfiles"], "tree/staticfiles"),
        (["tree/staticfiles", "state/staticfiles"], "state/staticfiles"),
    ],
    ids=["nowhere", "image", "checkout"],
)
def test_they_are_beside_a_tree_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: list[str], root: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    # As root every folder can be written.
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert static_root(tmp_path / "state", tmp_path / "tree") == tmp_path / root

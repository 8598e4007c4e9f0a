"""Where a setting comes from, and what is kept where nothing was given."""

from __future__ import annotations

import os
import stat
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
    for name in ("FACADE_STATE_DIR", "SECRET_KEY", "SECRET_KEY_FILE"):
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

"""The product's own version, by every way that people ask for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import django
import pytest
from django.test import Client

from routing import __revision__, __version__
from routing.core.table.routing_table import Table
from tests.commands.facade import facade
from tests.commands.test_exit_status import manage

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


@pytest.mark.parametrize("words", [("version",), ("--version",)])
def test_facade_prints_it(words: tuple[str, ...]) -> None:
    done = facade(*words)

    assert done.status == 0
    said = rf"Registry Facade {re.escape(__version__)} \(([0-9a-f]{{12}}, )?Python 3\.\S+, Django \S+\)\n"
    assert re.fullmatch(said, done.out)


def test_programs_read_it() -> None:
    told = facade("version", "--json").json

    assert (told["version"], told["django"]) == (__version__, django.get_version())
    assert told["revision"] == (__revision__ or None)


def test_manage_py_prints_it(tmp_path: Path) -> None:
    done = manage(tmp_path, "--version")

    assert done.returncode == 0
    assert done.stdout.decode().startswith(f"Registry Facade {__version__} (")


def git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(["git", *words], cwd=folder, env=os.environ | who, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def revision_in(folder: Path) -> str:
    """What a process says that begins there."""
    argv = [sys.executable, "-c", "import routing; print(routing.__revision__)"]
    return subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository of the package alone."""
    folder = tmp_path / "clone"
    (folder / "routing").mkdir(parents=True)
    for name in ("routing/__init__.py", "routing/revision", ".gitattributes"):
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "so it is")
    return folder


def test_a_clone_knows_its_commit(clone: Path) -> None:
    head = git(clone, "rev-parse", "HEAD")
    assert revision_in(clone) == head

    git(clone, "pack-refs", "--all")
    assert revision_in(clone) == head
    git(clone, "checkout", "--quiet", "--detach")
    assert revision_in(clone) == head
    git(clone, "worktree", "add", "--quiet", "-b", "beside", str(clone.with_name("worktree")))
    assert revision_in(clone.with_name("worktree")) == head


def test_an_archive_knows_it_without_git(clone: Path) -> None:
    git(clone, "archive", "--prefix=unpacked/", "--output", str(clone.with_name("archive.tar")), "HEAD")
    with tarfile.open(clone.with_name("archive.tar")) as packed:
        packed.extractall(clone.parent, filter="data")

    assert revision_in(clone.with_name("unpacked")) == git(clone, "rev-parse", "HEAD")


def test_a_copy_of_the_files_knows_none(clone: Path) -> None:
    shutil.rmtree(clone / ".git")

    assert revision_in(clone) == ""


def test_liveness_and_the_admins_foot_tell_it(admin_client: Client, table: Callable[[], Table]) -> None:
    table()
    alive = admin_client.get("/livez", headers={"host": "localhost"}).json()
    page = admin_client.get("/admin/", headers={"host": "localhost"}).content.decode()

    assert alive == {"status": "ok", "version": __version__, "revision": __revision__ or None}
    assert f"Registry Facade {__version__}" in page

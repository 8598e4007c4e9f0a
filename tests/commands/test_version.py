"""The product's own version, by every way that people ask for it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import django
import pytest

from routing import __version__
from tests.commands.facade import facade
from tests.commands.test_exit_status import manage

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


@pytest.mark.parametrize("words", [("version",), ("--version",)])
def test_facade_prints_it(words: tuple[str, ...]) -> None:
    done = facade(*words)

    assert done.status == 0
    assert re.fullmatch(rf"Registry Facade {re.escape(__version__)} \(Python 3\.\S+, Django \S+\)\n", done.out)


def test_programs_read_it() -> None:
    told = facade("version", "--json").json

    assert (told["version"], told["django"]) == (__version__, django.get_version())


def test_manage_py_prints_it(tmp_path: Path) -> None:
    done = manage(tmp_path, "--version")

    assert done.returncode == 0
    assert done.stdout.decode().startswith(f"Registry Facade {__version__} (")

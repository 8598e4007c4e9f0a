"""docs/explanation/threat-model.md names tests, modules and settings: all of them are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PAGE = (ROOT / "docs/explanation/threat-model.md").read_text()


def rows() -> list[list[str]]:
    """The cells of each line of the table of bounds."""
    table = PAGE.partition("<!-- lines: begin -->")[2].partition("<!-- lines: end -->")[0]
    lines = table.strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


ROWS = rows()


@cache
def functions_of(path: Path) -> frozenset[str]:
    """The functions of a module, those of its classes as `Class::function`."""
    if not path.is_file():
        return frozenset()
    body = ast.parse(path.read_text()).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    inner = [f"{each.name}::{node.name}" for each in classes for node in each.body if isinstance(node, FUNCTIONS)]
    return frozenset([*inner, *(node.name for node in body if isinstance(node, FUNCTIONS))])


def named_tests(text: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::((?:\w+::)?test_\w+)`", text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[2][:30]}")
def test_each_line_is_shown_by_tests_that_there_are(row: list[str]) -> None:
    assert len(row) == 5
    named = named_tests(row[4])

    assert named, "a line without a test is a wish"
    assert len(named) == row[4].count("`") // 2, "a test is named as `tests/…/test_x.py::test_y`"
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(ROOT / path)] == []


def test_the_lines_are_in_order() -> None:
    numbers = [int(row[0]) for row in ROWS]

    assert numbers == sorted(numbers)


def test_the_modules_that_it_names_are_there() -> None:
    named = re.findall(r"`((?:routing|scripts|facade_site)/[\w./-]+)`", PAGE)

    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_settings_that_it_names_are_read() -> None:
    settings = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert set(re.findall(r"`(FACADE_[A-Z_]+)`", PAGE)) <= settings


def test_whoever_is_named_in_a_line_is_introduced() -> None:
    introduced = set(re.findall(r"^\| \*\*([^*]+)\*\*", PAGE, re.MULTILINE))
    who = {name for entry in introduced for name in entry.split(", ")}

    assert {name for row in ROWS for name in row[1].split(", ")} <= who


def test_the_page_on_reporting_leads_here() -> None:
    assert "docs/explanation/threat-model.md" in (ROOT / "SECURITY.md").read_text()

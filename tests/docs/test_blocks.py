"""Every block of a guide says what it holds, so that every command in one is run, or says why it isn't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks, prose
from tests.docs.running import GUIDES, is_run, problems_of

#: Languages of what is shown, and is no command.
SHOWN = {
    "ini",
    "yaml",
    "sql",
    "nginx",
    "caddy",
    "haproxy",
    "log",
    "answer",
    "output",
    "text",
    "mermaid",
    "json",
    "python",
    "html",
}
#: Pages of which each block has a language.
PAGES = (*GUIDES, *sorted((DOCS / "explanation").glob("*.md")))


def indented_code(text: str) -> list[str]:
    """Lines that Markdown takes for code because of their blanks: a test can't know what they are."""
    lines = prose(text).splitlines()
    return [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if not before.strip() and re.match(r" {4,}\S", line)
    ]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_has_a_language_and_a_command_is_run_or_says_why_not(page: Path) -> None:
    text = page.read_text()

    assert [problem for block in blocks(page) for problem in problems_of(block, SHOWN)] == []
    assert indented_code(text) == [], "write it as a fenced block, with a language"


@pytest.mark.parametrize(
    ("first_line", "problem"),
    [
        ("", "has no language"),
        ("bash", "bash is not among the languages"),
        ("sh not-run=", "says no reason"),
        ("sh notrun=slow", "notrun is no attribute"),
        ("ini not-run=slow", "is not run anyway"),
    ],
)
def test_a_block_that_says_too_little_is_found(first_line: str, problem: str) -> None:
    (block,) = blocks(ROOT / "README.md", f"```{first_line}\nmanage.py migrate\n```\n")

    assert [found for found in problems_of(block, SHOWN) if problem in found]


def test_indented_code_is_found() -> None:
    assert indented_code("A line\n\n    manage.py migrate\n\n```sh\n\n    a\n```\n- item\n\n  more of it\n") == [
        "    manage.py migrate"
    ]


def test_most_commands_are_run() -> None:
    commands = [block for page in GUIDES for block in blocks(page) if block.language == "sh"]

    assert len(commands) > 30
    assert sum(map(is_run, commands)) > len(commands) / 2

"""What people read is in the words of the glossary: pages, forms, messages, mails and commands, by one list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
(GLOSSARY,) = (ROOT / "docs").rglob("glossary.md")
ROOMS = ["admin", "accounts", "services", "management", "unavailable"]
# What a template says to Django, and what it says to the browser.
_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<script.*?</script>|<[^>]*>", re.DOTALL)


@cache
def avoided() -> dict[str, str]:
    """Each phrase that is not to be read anywhere, and what is written in its place."""
    table = GLOSSARY.read_text().partition("<!-- words: begin -->")[2].partition("<!-- words: end -->")[0]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines() if "|" in line]
    return {phrase.strip(): row[1] for row in rows[2:] for phrase in row[0].split(",")}


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of all that people read, as far as it stands in the code."""
    for path in sorted((ROOT / "routing" / "templates").rglob("*")):
        if path.suffix in (".html", ".txt"):
            yield str(path.relative_to(ROOT)), _CODE.sub(" ", path.read_text())
    for room in ROOMS:
        for path in sorted((ROOT / "routing" / room).rglob("*.py")):
            yield from said_in(path.read_text(), str(path.relative_to(ROOT)))


def said_in(source: str, place: str) -> Iterator[tuple[str, str]]:
    """The sentences of a module: its texts with a blank in them, without docstrings, which are for developers."""
    tree = ast.parse(source)
    # A text that is a statement by itself is a docstring.
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in silent:
            continue
        if " " in node.value.strip():
            yield f"{place}:{node.lineno}", node.value


def breaches(text: str) -> list[str]:
    """The phrases of a text that are not to be read anywhere."""
    return [
        phrase for phrase in avoided() if re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text, re.IGNORECASE)
    ]


def test_what_people_read_is_in_the_words_of_the_glossary() -> None:
    found = {place: f"{phrase} → {avoided()[phrase]}" for place, text in texts() for phrase in breaches(text)}

    assert found == {}


def test_the_list_and_what_it_is_held_against_are_found() -> None:
    assert len(avoided()) > 20
    assert all(avoided().values())
    read = dict(texts())
    assert len(read) > 300
    assert any(text == "Optional. Shown in the history." for text in read.values())


@pytest.mark.parametrize(
    ("text", "phrase"),
    [("It leads to ghcr.io", "leads to"), ("Switched off by hand", "switched off"), ("the proof is missing", "proof")],
)
def test_a_phrase_is_found_wherever_it_stands(text: str, phrase: str) -> None:
    assert breaches(text) == [phrase]


@pytest.mark.parametrize("text", ["registry-facade-proof=abc", "proof_token is set", "misleads to nothing"])
def test_a_part_of_another_word_is_no_phrase(text: str) -> None:
    assert breaches(text) == []


def test_docstrings_and_names_are_for_developers() -> None:
    source = '"""A proof."""\nname = "proof"\ndef verb():\n    """Proves it."""\n    return "The proof is there"\n'

    assert [text for _, text in said_in(source, "here")] == ["The proof is there"]

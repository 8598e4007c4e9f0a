"""Markdown as the tests of the docs read it: headings, links and fenced blocks of a page."""

from __future__ import annotations

import re
import shlex
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: A fence, of any indentation, and what stands behind its backticks.
_FENCE = re.compile(r"^\s*```(.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block. `attributes` are what its first line says behind the language, such as `not-run="reason"`."""

    page: Path
    line: int
    language: str
    attributes: dict[str, str]
    text: str

    @property
    def place(self) -> str:
        """Where it stands, for a message."""
        return f"{self.page}:{self.line}"


@cache
def pages() -> tuple[Path, ...]:
    """Every page of the tree that is tracked, or would be."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return tuple(ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file())


def blocks(page: Path, text: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a page, or of a text in its place."""
    begun: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate((page.read_text() if text is None else text).splitlines(), 1):
        fence = _FENCE.match(line)
        if begun is None and fence:
            begun, inside = (number, fence[1].strip()), []
        elif begun is not None and fence and not fence[1]:
            language, *words = shlex.split(begun[1]) or [""]
            attributes = {name: value for name, _, value in (word.partition("=") for word in words)}
            yield Block(page, begun[0], language, attributes, "\n".join(inside) + "\n")
            begun = None
        elif begun is not None:
            inside.append(line)


def prose(text: str) -> str:
    """A page's text, with empty lines where fenced blocks are."""
    lines, in_block = [], False
    for line in text.splitlines():
        fence = bool(_FENCE.match(line))
        lines.append("" if in_block or fence else line)
        in_block ^= fence
    return "\n".join(lines)


def links(text: str) -> list[str]:
    """The targets of a page's links and pictures that lie in the tree, with their anchors."""
    without_code = re.sub(r"`[^`\n]*`", "", prose(text))
    found = re.findall(r"\]\(([^)\s]+)\)", without_code)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings on which GitHub and the site agree."""
    headings = [re.sub(r"\]\([^)]*\)|[`\[\]]", "", title) for title in re.findall(r"^#+ (.*)$", prose(text), re.M)]
    return {slug for title in headings if (slug := _slug_of_github(title)) == _slug_of_the_site(title)}


def _slug_of_github(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def _slug_of_the_site(title: str) -> str:
    """As Python-Markdown's toc extension makes it."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())

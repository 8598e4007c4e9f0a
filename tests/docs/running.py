"""Commands of guides, and what runs them: a server of their own, with sample data, for each page.

A block of commands is ```` ```sh ````. Behind the language it may say

- `not-run="reason"`: it isn't run, and why;
- `in="state"`: it is run in the state folder, as the page says;
- `fails="reason"`: its last command ends with another status than 0.

A block of language `output` after one tells lines that it prints, in their order; `…` stands for anything. Such a block
is asked again until it says so, for workers follow a change within a moment. So it has commands that only look.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import DOCS, ROOT, Block, blocks
from tests.e2e.facade import Facade
from tests.e2e.lab import process

GUIDES = (ROOT / "README.md", *sorted((DOCS / "tutorials").glob("*.md")), *sorted((DOCS / "how-to").glob("*.md")))
_ATTRIBUTES = {"not-run", "in", "fails"}
_SECONDS = 120


def is_run(block: Block) -> bool:
    """Whether the test runs it."""
    return block.language == "sh" and "not-run" not in block.attributes


def problems_of(block: Block, shown: set[str]) -> list[str]:
    """What is wrong with what a block says of itself. `shown` are the languages of what is no command."""
    found = []
    if not block.language:
        found.append("has no language")
    elif block.language != "sh" and block.language not in shown:
        found.append(f"{block.language} is not among the languages; commands are sh")
    if block.language != "sh" and block.attributes:
        found.append("is not run anyway")
    found += [f"{name} is no attribute" for name in block.attributes.keys() - _ATTRIBUTES]
    found += [f"{name} says no reason" for name in ("not-run", "fails") if block.attributes.get(name) == ""]
    return [f"{block.place} {problem}" for problem in found]


def steps(page: Path) -> Iterator[tuple[Block, str]]:
    """The blocks of a page that are run, each with what it is to print."""
    before: Block | None = None
    for block in blocks(page):
        if block.language == "output" and before is not None:
            yield before, block.text
            before = None
            continue
        if before is not None:
            yield before, ""
        before = block if is_run(block) else None
    if before is not None:
        yield before, ""


class Reader:
    """Somebody who types what a page says, in a shell on the machine of a facade."""

    def __init__(self, facade: Facade, folder: Path) -> None:
        self._facade = facade
        self._folder = folder
        self._variables = folder / "variables"
        (folder / "bin").mkdir()
        for name, words in (("manage.py", ""), ("facade", " facade")):
            program = folder / "bin" / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/manage.py"{words} "$@"\n')
            program.chmod(0o755)

    @property
    def path(self) -> str:
        """Where a shell finds commands: first `facade` and `manage.py`."""
        return f"{self._folder / 'bin'}:{Path(sys.executable).parent}:{self._facade.env['PATH']}"

    def type(self, block: Block, expected: str) -> None:
        """Run a block. Raises AssertionError where it fails, or doesn't print what the page says."""
        if not expected:
            self._run(block)
            return
        wanted = re.compile(".*\n".join(map(_pattern, expected.splitlines())), re.DOTALL)
        said = ""

        def printed() -> bool:
            nonlocal said
            said = self._run(block)
            return wanted.search(said) is not None

        try:
            process.wait_until(printed, f"{block.place} prints what the page says")
        except process.LabError as error:
            raise AssertionError(f"{error}; it printed:\n{said}") from error

    def _run(self, block: Block) -> str:
        script = (
            f'[ ! -f "{self._variables}" ] || . "{self._variables}"\n'
            f"trap 'export -p >\"{self._variables}\"' EXIT\n{self._here(block.text)}"
        )
        folder = self._facade.directory / "state" if block.attributes.get("in") == "state" else ROOT
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=folder,
            env=self._facade.env | {"PATH": self.path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        failed = done.returncode != 0
        assert failed == ("fails" in block.attributes), f"{block.place}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _here(self, text: str) -> str:
        """The commands, for a server that has another port than the pages say, and no name in the DNS."""
        here = f"localhost:{self._facade.port}"
        return text.replace("localhost:8000", here).replace("https://facade.acme.com", f"http://{here}")


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("…")))

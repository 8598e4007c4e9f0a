"""Reads what `mutmut run` found: every change of the core that no test noticed must be explained.

    python -m tests.mutants

tests/core/surviving_mutants.txt has the explained ones. A change is known by its function and by its lines, so that it
stays known when other changes come and go.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
EXPLAINED = ROOT / "tests" / "core" / "surviving_mutants.txt"
#: Statuses of mutmut for a change that no test has noticed.
UNNOTICED = ("survived", "no tests", "suspicious")
_RESULT = re.compile(r"^\s*(?P<name>\S+__mutmut_\d+): (?P<status>.+)$")


class Mutant(NamedTuple):
    """A change of one function: the lines that it takes away, and those that it puts in their place."""

    function: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.function, *self.lines])


def read_explained(text: str) -> dict[Mutant, str]:
    """The explained changes, each with its reason. Raises ValueError for one without a reason, or that comes twice."""
    found: dict[Mutant, str] = {}
    for block in re.split(r"\n\s*\n", text):
        function, *rest = [line for line in block.strip().splitlines() if not line.startswith("#")] or [""]
        if not function:
            continue
        mutant = Mutant(function, tuple(line for line in rest if line[:2] in ("- ", "+ ")))
        reason = " ".join(line.strip() for line in rest if line[:2] not in ("- ", "+ "))
        if not reason or mutant in found:
            raise ValueError(f"no reason, or the second time:\n{mutant}")
        found[mutant] = reason
    return found


def read_results(text: str) -> Iterator[tuple[str, str]]:
    """Name and status of each change that `mutmut results` lists: those that were noticed are not among them."""
    for line in text.splitlines():
        if match := _RESULT.match(line):
            yield match["name"], match["status"]


def read_diff(name: str, diff: str) -> Mutant:
    """The change that `mutmut show` shows."""
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    function = re.sub(r"\.x_|\.xǁ", ".", name).replace("ǁ", ".").rpartition("__mutmut_")[0]
    return Mutant(function, tuple(f"{line[0]} {line[1:].strip()}" for line in lines))


def main() -> int:
    results = list(read_results(_mutmut("results")))
    unchecked = [name for name, status in results if status == "not checked"]
    survivors = {read_diff(name, _mutmut("show", name)) for name, status in results if status in UNNOTICED}
    explained = read_explained(EXPLAINED.read_text())
    for mutant in sorted(survivors - explained.keys()):
        print(f"No test notices this change:\n{mutant}\n")
    for mutant in sorted(explained.keys() - survivors):
        print(f"Explained, but it is noticed now, or there is no such change:\n{mutant}\n")
    print(f"{len(survivors)} changes survived, {len(explained.keys() & survivors)} of them explained.")
    if unchecked:
        print(f"{len(unchecked)} were not tried.")
    return 1 if unchecked or survivors != explained.keys() else 0


def _mutmut(*arguments: str) -> str:
    argv = [str(Path(sys.executable).parent / "mutmut"), *arguments]
    return subprocess.run(argv, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    sys.exit(main())

"""Prints what the clients got, as tables below the test run, and writes them into clients.md when asked to."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.clients.debians import version_of
from tests.clients.tables import CLIENTS, ROWS, ClientRow

#: The property under which a pull's test records [registry, naming, client, outcome].
PULL = "pull"
#: The property under which another test records [what, registry, naming, client, outcome].
VERB = "verb"
_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"
_BEGIN, _END = "<!-- Written by make test-clients: begin -->", "<!-- Written by make test-clients: end -->"

Found = dict[tuple[str, ...], dict[str, str]]


def print_tables(reports: Iterable[pytest.TestReport], terminal: pytest.TerminalReporter) -> None:
    """Print the tables, where any cell was tried."""
    for line in _lines(list(reports)):
        terminal.line(line)


def write_document(reports: Iterable[pytest.TestReport]) -> None:
    """Put the tables between the marks in docs/reference/clients.md."""
    text = _DOCUMENT.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    assert after, f"{_DOCUMENT} has no marks to write between"
    _DOCUMENT.write_text("\n".join([f"{before}{_BEGIN}", "", *_lines(list(reports)), "", f"{_END}{after}"]))


def _lines(reports: list[pytest.TestReport]) -> list[str]:
    pulls, verbs = _found(reports, PULL), _found(reports, VERB)
    lines = []
    if pulls:
        order = {tuple(row): number for number, row in enumerate(ROWS)}
        lines += _table(["registry", "name"], dict(sorted(pulls.items(), key=lambda item: order[item[0]])))
    if verbs:
        lines += ["", *_list(["what", "registry", "name"], verbs)]
    return lines


def _found(reports: list[pytest.TestReport], kind: str) -> Found:
    found: Found = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == kind and isinstance(value, list | tuple):
                *row, client, outcome = map(str, value)
                found.setdefault(tuple(row), {})[client] = outcome if report.passed else f"**{outcome}**"
    return found


def _titled(client: ClientRow) -> str:
    """The client's name with the version that it really has."""
    return re.sub(r"\d+(\.\d+)*", version_of(client.suite, client.package), client.name, count=1)


def _list(titles: list[str], found: Found) -> list[str]:
    """A row for each case, with the clients by what they got."""
    rows = []
    for row, outcomes in sorted(found.items()):
        by_outcome: dict[str, list[str]] = {}
        for client in CLIENTS:
            if client.name in outcomes:
                by_outcome.setdefault(outcomes[client.name], []).append(_titled(client))
        told = "; ".join(f"{outcome}: {', '.join(names)}" for outcome, names in by_outcome.items())
        rows.append([*row, told])
    return _lay_out([*titles, "what came of it"], rows)


def _lay_out(titles: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in [titles, ["---"] * len(titles), *rows]]


def _table(titles: list[str], found: Found) -> list[str]:
    """A row for each case, a column for the clients that got the same everywhere."""
    columns: dict[tuple[str, ...], list[str]] = {}
    for client in CLIENTS:
        cells = tuple(row.get(client.name, "") for row in found.values())
        if any(cells):
            columns.setdefault(cells, []).append(_titled(client))
    heads = ["; ".join(names) for names in columns.values()]
    rows = [[*row, *(cells[number] for cells in columns)] for number, row in enumerate(found)]
    return _lay_out([*titles, *heads], rows)

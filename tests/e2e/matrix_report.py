"""Prints what the cells of the matrix came to, as a table below the test run."""

from collections.abc import Iterable

import pytest

#: The property under which a cell's test records [auth, delivery, naming, access, client, outcome].
PROPERTY = "matrix"

_LEGEND = """\
Number: bytes of manifests that the facade relayed in one pull (0: all was redirected; or docker had them still, from
a pull under another name). Layer bytes through the facade: 0 everywhere.
refused: can't work without passing layers through (a registry that asks for credentials and serves layers itself) or
without credentials (a Basic registry); the message that the user sees was asserted."""


def print_matrix(reports: Iterable[pytest.TestReport], terminal: pytest.TerminalReporter) -> None:
    """Print the table, where any cell was tried."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, list | tuple):
                *kind, client, outcome = map(str, value)
                rows.setdefault(tuple(kind), {})[client] = outcome if report.passed else "FAILED"
    if not rows:
        return
    clients = sorted({client for row in rows.values() for client in row})
    terminal.section("every client, every registry")
    heading = ["registry", "blobs", "name", "image", *clients]
    lines = [[*kind, *(row.get(client, "") for client in clients)] for kind, row in sorted(rows.items())]
    widths = [max(len(line[column]) for line in [heading, *lines]) for column in range(len(heading))]
    for line in [heading, *lines]:
        terminal.line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    terminal.line(_LEGEND)

"""Reads `expected.md`, the one place where it stands what each client must get."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_TEXT = Path(__file__).with_name("expected.md").read_text()


class ClientRow(NamedTuple):
    """A client: the Debian and the package that it comes from, and the column of the tables that holds for it."""

    name: str
    suite: str
    package: str
    kind: str
    shows: str


class Row(NamedTuple):
    """A registry, and how the image is called at the facade."""

    registry: str
    naming: str


def _tables(heading: str) -> list[dict[str, str]]:
    """The rows of the table below ``## heading``, each by the words above its columns."""
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", _TEXT, re.MULTILINE | re.DOTALL)
    assert section is not None, f"expected.md has no section “{heading}”"
    lines = [line.strip("|").split("|") for line in section[1].splitlines() if line.startswith("|")]
    titles, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(titles, row, strict=True)) for row in rows]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


CLIENTS = [ClientRow(*row.values()) for row in _tables("Clients")]
_KINDS = {client.name: client.kind for client in CLIENTS}

#: (registry, naming) → kind of client → outcome of a pull.
PULLS: dict[Row, dict[str, str]] = {Row(row.pop("registry"), row.pop("name")): row for row in _tables("Pulling")}
ROWS = list(PULLS)


#: The clients that pull images.
PULLERS = [client for client in CLIENTS if client.kind in PULLS[ROWS[0]]]


def shown_of_a_refusal(client: str) -> str:
    """What the client shows its user of a refusal: `message`, `status` or `nothing`."""
    return next(known.shows for known in CLIENTS if known.name == client)


def outcome_of_pull(client: str, row: Row) -> str:
    return PULLS[row][_KINDS[client]]


def verbs() -> Iterator[tuple[str, str, Row]]:
    """What, client, and row."""
    for row in _tables("Tags, referrers, signatures"):
        for client in _split(row["clients"]):
            yield row["what"], client, Row(row["registry"], row["name"])


def logins() -> Iterator[tuple[str, str]]:
    """Client and registry."""
    for row in _tables("Logging in"):
        for client in _split(row["clients"]):
            yield client, row["registry"]


def pushes() -> Iterator[tuple[str, str, str]]:
    """Client, registry and outcome."""
    for row in _tables("Pushing"):
        registry = row.pop("registry")
        for client, outcome in row.items():
            yield client, registry, outcome

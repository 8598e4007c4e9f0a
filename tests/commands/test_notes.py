"""facade mapping, hostname, registry and tenant note."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.models import Note
from tests.commands.facade import facade

pytestmark = pytest.mark.django_db
ROWS = [
    ("mapping", "note", "docker.acme.com", "app"),
    ("hostname", "note", "docker.acme.com"),
    ("registry", "note", "ghcr.io"),
    ("tenant", "note", "default"),
]


@pytest.fixture(autouse=True)
def _a_mapping(settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = False
    facade("mapping", "add", "docker.acme.com", "app", "ghcr.io/app")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_notes_are_written_listed_and_removed(row: tuple[str, ...]) -> None:
    assert facade(*row).out.startswith("No notes about ")

    written = facade(*row, "Moves in March:\nsee CHG-7", "--json").json
    number = written["note"]["id"]

    assert (written["changed"], written["note"]["text"]) == (True, "Moves in March:\nsee CHG-7")
    listed = facade(*row).out.splitlines()
    assert listed[0].startswith(f"{number}  ")
    assert listed[1:] == ["    Moves in March:", "    see CHG-7"]
    assert [note["id"] for note in facade(*row, "--json").json["notes"]] == [number]
    assert facade(*row, "--remove", str(number)).out.startswith(f"Removed note {number} about ")
    assert not Note.objects.exists()


def test_a_dry_run_writes_nothing() -> None:
    assert "Dry run" in facade(*ROWS[0], "x", "--dry-run").out
    assert not Note.objects.exists()


def test_what_can_t_be_is_refused() -> None:
    number = str(facade(*ROWS[0], "x", "--json").json["note"]["id"])

    assert "one at a time" in facade(*ROWS[0], "x", "--remove", number).err
    assert "there is no note" in facade(*ROWS[1], "--remove", number).err
    assert "Write something" in facade(*ROWS[0], " ").err
    assert Note.objects.count() == 1

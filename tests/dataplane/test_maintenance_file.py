"""What the workers tell of the regular work, from the file that its process leaves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from routing.dataplane.live.maintenance_file import (
    LastRound,
    maintenance_path,
    maintenance_word,
    read_rounds,
    read_told,
    write_rounds,
)
from routing.jobs.rounds import note_round
from routing.management.maintenance import Schedule, tell_workers
from routing.models import Round


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.STATE_DIR = tmp_path


def test_before_the_first_round_nothing_is_known() -> None:
    assert (read_rounds(), maintenance_word()) == ({}, "unknown")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"proofs": 1}', '{"proofs": ["x", 1]}', "\x00"])
def test_a_damaged_file_tells_nothing(text: str) -> None:
    maintenance_path().write_text(text)

    assert (read_rounds(), maintenance_word()) == ({}, "unknown")


def test_what_is_late_is_named() -> None:
    now = time.time()
    write_rounds({"proofs": LastRound(now - 60, 30), "probes": LastRound(now - 300, 30), "history": LastRound(now, 9)})

    assert maintenance_word() == "late: probes"
    assert set(read_rounds()) == {"proofs", "probes", "history"}


def test_numbers_are_kept_and_a_file_of_the_release_before_has_none() -> None:
    write_rounds({"proofs": LastRound(time.time(), 30)}, numbers={"mappings_drifted": 3})
    assert read_told().numbers == {"mappings_drifted": 3}

    maintenance_path().write_text('{"rounds": {"proofs": [1.0, 30]}, "waits": false}')
    assert (read_told().numbers, set(read_rounds())) == ({}, {"proofs"})


@pytest.mark.django_db
def test_readiness_and_metrics_tell_it(client: Client) -> None:
    note_round("proofs", Schedule().holder)
    note_round("proofs", "another server")
    tell_workers()

    ready = client.get("/readyz", headers={"host": "localhost"}).json()
    page = client.get("/metrics", headers={"host": "localhost"}).content.decode()

    assert ready["maintenance"] == "ok"
    line = next(line for line in page.splitlines() if line.startswith("facade_maintenance_timestamp_seconds{"))
    assert line.startswith('facade_maintenance_timestamp_seconds{task="proofs"} ')
    assert abs(float(line.split()[-1]) - time.time()) < 60
    assert [round.server for round in Round.objects.all()] == ["another server"]

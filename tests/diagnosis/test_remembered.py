"""What the doctor says of the store of manifests."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.diagnosis import deployment
from routing.diagnosis.deployment import take_deployment_steps
from routing.diagnosis.report import Report, Step
from routing.manifest_store.pruning import prune
from routing.manifest_store.store import manifest_store
from tests.manifest_store.test_store import APP, fill

pytestmark = pytest.mark.django_db
MIB = 1024**2


@pytest.fixture(autouse=True)
def _store(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR, settings.FACADE_MANIFEST_STORE_BYTES = tmp_path, 16 * MIB


def step() -> Step:
    report = Report()
    take_deployment_steps(report)
    (found,) = [each for each in report.steps if each.name == "remembered manifests"]
    return found


def test_it_says_what_is_taken() -> None:
    assert (step().mark, step().came) == ("good", "0 of 16 MiB are taken")

    store = manifest_store()
    assert store is not None
    fill(store, APP, "1", 30)
    prune(store._folder, 16 * MIB, time.time())

    assert (step().mark, step().came) == ("good", "3 of 16 MiB are taken")


def test_a_folder_that_cannot_be_written_and_what_then(tmp_path: Path, settings: Settings) -> None:
    settings.STATE_DIR = tmp_path / "not-there"

    assert step().mark == "warning"
    assert step().came.startswith("they can't be written: No such file or directory. Each manifest is asked for")
    assert "FACADE_MANIFEST_STORE_BYTES=0" in step().advice


def test_a_disk_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "room_on_disk", lambda _: -1)

    assert (step().mark, step().came) == ("warning", "none are kept: the disk has less than 256 MiB to spare")


def test_none_by_choice(settings: Settings) -> None:
    settings.FACADE_MANIFEST_STORE_BYTES = 0

    assert (step().mark, step().came) == ("good", "none: FACADE_MANIFEST_STORE_BYTES is 0")

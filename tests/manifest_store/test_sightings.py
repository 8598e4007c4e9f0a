"""What workers saw of registries: told to other processes of the machine, while it holds, and within a bound."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.manifest_store import sightings as module
from routing.manifest_store.sightings import Sightings

HUB, OTHER = "https://registry-1.docker.io", "https://quay.io"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.STATE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its one element."""
    told = [1_000_000.0]
    monkeypatch.setattr("routing.manifest_store.sightings.time.time", lambda: told[0])
    return told


def test_another_process_is_told_the_last_that_a_registry_said(now: list[float]) -> None:
    worker, page = Sightings(), Sightings()
    worker.see_limit(HUB, 77, 100, 21_600)
    now[0] += 1
    worker.see_limit(HUB, 76, 100, 21_600)
    worker.see_limit(OTHER, 5, 0, 0)
    assert page.limit(HUB) is None

    worker.write()

    assert page.limit(HUB) == (HUB, 76, 100, 21_600, now[0])
    assert [limit.left for limit in page.limits()] == [5, 76]


def test_who_asks_the_worker_itself_is_told_at_once() -> None:
    seen = Sightings()
    for left in (9, 8):
        seen.see_limit(HUB, left, 0, 0)
        limit = seen.limit(HUB)
        assert limit is not None
        assert limit.left == left


@pytest.mark.parametrize(("seconds", "holds_for"), [(21_600.0, 21_600), (0.0, 3600)])
def test_what_it_said_holds_for_its_time(now: list[float], seconds: float, holds_for: float) -> None:
    seen = Sightings()
    seen.see_limit(HUB, 3, 0, seconds)
    now[0] += holds_for - 1
    assert seen.limit(HUB) is not None

    now[0] += 1
    assert seen.limit(HUB) is None
    assert seen.limits() == []


def test_one_worker_writes_of_one_thing_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("routing.manifest_store.sightings.time.monotonic", lambda: clock[0])
    worker, page = Sightings(), Sightings()
    for left in (9, 8):
        worker.see_limit(HUB, left, 0, 0)
        worker.write()
    limit = page.limit(HUB)
    assert limit is not None
    assert limit.left == 9

    clock[0] += 3
    worker.write()
    limit = page.limit(HUB)
    assert limit is not None
    assert limit.left == 8


def test_a_mapping_was_answered_from_memory_in_an_outage(now: list[float]) -> None:
    worker, page = Sightings(), Sightings()
    worker.see_stale("docker.acme.com", "team")
    worker.write()

    assert page.stale_at("docker.acme.com", "team") == now[0]
    assert page.stale_at("docker.acme.com", "") is None
    assert page.limits() == []


def test_so_many_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(module, "_MOST", 5)
    seen = Sightings()
    for number in range(30):
        seen.see_limit(f"https://{number}.example", number, 0, 0)
        if number % 2:
            seen.write(at_once=True)

    assert len(list((folder / "sightings" / "limits").iterdir())) == 5
    last = seen.limit("https://29.example")
    assert last is not None
    for number in range(30):
        seen.see_limit(f"https://{number}.example", number, 0, 0)
    assert len(seen._fresh) == 5


def test_where_it_cannot_be_written_that_is_said_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "sightings").write_text("in the way")
    seen = Sightings()
    with caplog.at_level(logging.WARNING):
        for left in (2, 1):
            seen.see_limit(HUB, left, 0, 0)
            assert seen.limit(HUB) is None
            assert seen.limits() == []

    assert len(caplog.records) == 1
    assert "can't be written for the pages" in caplog.text

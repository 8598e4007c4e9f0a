"""A look at the database ends in time, or goes on for as long as something comes."""

from __future__ import annotations

import threading

from routing.database.deadline import _after

LONG_SECONDS, SHORT_SECONDS = 600.0, 0.05


def test_what_takes_longer_is_broken_off() -> None:
    broken = threading.Event()

    with _after(SHORT_SECONDS, broken.set):
        assert broken.wait(30)


def test_what_ends_in_time_is_not() -> None:
    broken = threading.Event()
    before = threading.active_count()

    with _after(LONG_SECONDS, broken.set):
        watching = [thread for thread in threading.enumerate() if thread.name == "deadline"]
    for thread in watching:
        thread.join(30)

    assert threading.active_count() <= before
    assert not broken.is_set()


def test_what_shows_signs_of_life_goes_on_and_is_broken_off_when_they_end() -> None:
    broken = threading.Event()

    with _after(SHORT_SECONDS, broken.set) as extend:
        extend(LONG_SECONDS)
        assert not broken.wait(5 * SHORT_SECONDS)

    with _after(LONG_SECONDS, broken.set) as extend:
        extend(SHORT_SECONDS)
        assert broken.wait(30)

"""The database's clock was ahead, and is right again: what was written meanwhile holds nobody up.

Whether it was ahead by a day, or by the second by which clocks are set right.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from routing.database.clock import database_now
from routing.jobs import lease, queue
from routing.jobs.lease import hold
from routing.jobs.runner import Runner
from routing.models import Rate
from routing.services.base import rates
from routing.services.base.errors import TooManyRequests
from routing.services.base.rates import Limit, spend
from tests.jobs.conftest import Recorder

pytestmark = pytest.mark.django_db


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A day, until it is undone."""

    def later() -> datetime:
        return database_now() + timedelta(days=1)

    for module in (lease, queue, rates):
        monkeypatch.setattr(module, "database_now", later)
    return monkeypatch


def test_a_lease_of_the_future_is_free(ahead: pytest.MonkeyPatch) -> None:
    assert hold("work", "a process that has ended", 90)
    assert not hold("work", "another", 90)
    ahead.undo()

    assert hold("work", "another", 90)
    assert not hold("work", "a third", 90)


def test_jobs_of_the_future_are_begun(looks: Recorder, ahead: pytest.MonkeyPatch) -> None:
    looks.put("waits", "is leased")
    assert looks.take() is not None
    ahead.undo()

    assert sorted(looks.take_keys(2)) == ["is leased", "waits"]
    assert not queue.held_places(looks.lane, database_now())


@pytest.mark.parametrize("seconds", [0.001, 1.0, 300.0])
def test_a_job_that_is_wanted_at_once_is_begun_though_the_clock_is_set_back(
    looks: Recorder, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    runner = Runner([looks.kind])
    looks.put("waits", "is wanted once more")
    again = looks.take()
    looks.put("waits", "is wanted once more")
    assert again is not None

    monkeypatch.setattr(queue, "database_now", lambda: database_now() - timedelta(seconds=seconds))
    assert queue.finish(again)

    assert runner.run_until_idle(30.0)
    runner.close()
    assert sorted(looks.settled) == ["is wanted once more", "waits"]


def test_one_that_is_put_off_waits_all_the_same(looks: Recorder) -> None:
    assert queue.enqueue(looks.kind, "later", "acme", after_seconds=0.2)
    assert looks.take() is None


def test_a_rate_of_the_future_is_counted_anew(ahead: pytest.MonkeyPatch) -> None:
    limit = Limit(1, 60, "checks")
    spend("x", limit)
    with pytest.raises(TooManyRequests):
        spend("x", limit)
    ahead.undo()

    spend("x", limit)
    with pytest.raises(TooManyRequests):
        spend("x", limit)
    assert Rate.objects.get().began_at <= database_now()

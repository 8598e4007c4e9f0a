"""Jobs are begun and settled in one thread; others wait for other machines, without the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections

from routing.jobs.kinds import TryLater
from routing.jobs.runner import Runner
from routing.models import Job
from tests.jobs.conftest import Recorder
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db


@contextmanager
def runner_of(*recorders: Recorder) -> Iterator[Runner]:
    runner = Runner([recorder.kind for recorder in recorders])
    try:
        yield runner
    finally:
        runner.close()


def test_all_that_waits_is_done(looks: Recorder, names: Recorder) -> None:
    looks.put(*map(str, range(40)))
    names.put("x")

    with runner_of(looks, names) as runner:
        assert runner.run_until_idle(PATIENCE_SECONDS)

    assert sorted(map(int, looks.settled)) == list(range(40))
    assert names.settled == ["x"]
    assert not Job.objects.exists()


def test_whoever_waits_for_another_machine_has_no_connection(looks: Recorder) -> None:
    looks.ask = lambda key: (threading.current_thread().name, connections.all(initialized_only=True))
    looks.put("1")

    with runner_of(looks) as runner:
        runner.run_until_idle(PATIENCE_SECONDS)

    ((thread, open_connections),) = looks.settled
    assert thread.startswith("job-registries")
    assert open_connections == []


def test_a_lane_whose_machines_are_silent_holds_up_no_other(looks: Recorder, names: Recorder) -> None:
    silence = threading.Event()
    looks.ask = lambda key: silence.wait(PATIENCE_SECONDS)
    looks.put(*map(str, range(100)))
    names.put("x")

    with runner_of(looks, names) as runner:
        assert not runner.run_until_idle(0.5)
        assert names.settled == ["x"]
        assert (len(looks.begun), looks.settled) == (2, []), "one share has its places, and no more"
        silence.set()


def test_a_silent_share_holds_up_no_other_share_of_its_lane(looks: Recorder) -> None:
    silence = threading.Event()
    looks.ask = lambda key: key if key == "fine" else silence.wait(PATIENCE_SECONDS)
    looks.put(*map(str, range(100)))
    looks.put("fine", share="globex")

    with runner_of(looks) as runner:
        runner.run_until_idle(0.5)
        assert looks.settled == ["fine"]
        silence.set()


@pytest.mark.parametrize("fault", [TryLater("it is away"), ValueError("a fault")])
def test_one_that_fails_is_kept_for_later_and_the_others_go_on(looks: Recorder, fault: Exception) -> None:
    def ask(key: str) -> str:
        if key == "bad":
            raise fault
        return key

    looks.ask = ask
    looks.put("bad", "good")

    with runner_of(looks) as runner:
        assert runner.run_until_idle(PATIENCE_SECONDS)

    assert looks.settled == ["good"]
    assert [(job.key, job.attempts, job.lease) for job in Job.objects.all()] == [("bad", 1, "")]


@pytest.mark.django_db(transaction=True)
def test_it_waits_without_a_connection(looks: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's would stay with a file that was replaced, and PostgreSQL's be one less for others."""
    looks.put("1")
    stop, held = threading.Event(), []

    with runner_of(looks) as runner:
        settle = runner._settle_next

        def settle_next(seconds: float) -> None:
            held.append(connections["default"].connection)
            settle(seconds)
            if looks.settled:
                stop.set()

        monkeypatch.setattr(runner, "_settle_next", settle_next)
        runner.run(stop)

    assert looks.settled == ["1"]
    assert set(held) == {None}

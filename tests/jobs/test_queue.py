"""The queue: one job for one thing, shares, turns, and leases that outlive nobody."""

from __future__ import annotations

import pytest

from routing.database.clock import database_now
from routing.jobs import queue
from routing.jobs.kinds import Places
from routing.jobs.lease import hold, let_go
from routing.jobs.queue import enqueue, finish, lanes_with_work, retry_later, sweep
from routing.models import Job
from tests.jobs.conftest import Recorder, let_lease_end

pytestmark = pytest.mark.django_db


def test_a_thing_that_waits_already_is_not_put_in_once_more(looks: Recorder) -> None:
    for _ in range(3):
        looks.put("1")

    assert Job.objects.count() == 1


def test_one_that_is_under_way_is_done_again_if_it_is_wanted_meanwhile(looks: Recorder) -> None:
    looks.put("1")
    first = looks.take()
    assert first is not None

    looks.put("1")
    assert looks.take() is None
    assert finish(first)

    second = looks.take()
    assert second is not None
    assert finish(second)
    assert not Job.objects.exists()


def test_a_share_that_holds_all_of_its_places_waits_and_keeps_nobody_else_waiting(looks: Recorder) -> None:
    looks.put("1", "2", "3")
    looks.put("4", share="globex")
    places = Places(3, 2)

    taken = [looks.take(places) for _ in range(4)]

    assert [job.key if job else None for job in taken] == ["1", "4", "2", None]


def test_the_places_of_all_are_bounded_too(looks: Recorder) -> None:
    for share in ("acme", "globex", "initech"):
        looks.put(share, share=share)

    taken = [looks.take(Places(2, 2)) for _ in range(3)]

    assert [job is not None for job in taken] == [True, True, False]


def test_a_flood_of_one_share_delays_another_by_one_job_at_most(looks: Recorder) -> None:
    looks.put(*(f"flood {number}" for number in range(30)))
    assert looks.take_keys(10) == [f"flood {number}" for number in range(10)]

    looks.put("late 1", "late 2", share="globex")

    assert looks.take_keys(4) == ["flood 10", "late 1", "flood 11", "late 2"]


def test_a_share_has_no_more_waiting_than_it_may(looks: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_WAITING_PER_SHARE", 2)
    looks.put("1", "2")

    assert not enqueue(looks.kind, "3", "acme")
    assert enqueue(looks.kind, "2", "acme"), "it waits already"
    assert enqueue(looks.kind, "4", "globex")
    assert Job.objects.count() == 3


def test_what_a_killed_holder_had_begun_is_done_by_another(looks: Recorder) -> None:
    looks.put("1")
    killed = looks.take()
    assert killed is not None
    assert looks.take() is None
    let_lease_end(killed)

    other = looks.take()

    assert other is not None
    assert other.pk == killed.pk
    assert not finish(killed), "it was only thought to be dead, and has nothing to say any more"
    assert Job.objects.filter(lease=other.lease).exists()
    assert finish(other)


def test_places_of_the_killed_are_free_again(looks: Recorder) -> None:
    looks.put("1", "2")
    killed = looks.take(Places(1, 1))
    assert killed is not None
    assert looks.take(Places(1, 1)) is None
    let_lease_end(killed)

    assert looks.take(Places(1, 1)) is not None


def test_a_job_that_ends_each_of_its_holders_is_given_up(looks: Recorder) -> None:
    looks.put("deadly", "harmless")
    for _ in range(looks.kind.attempts):
        job = looks.take(Places(1, 1))
        assert job is not None
        assert job.key == "deadly"
        let_lease_end(job)

    job = looks.take(Places(1, 1))

    assert job is not None
    assert job.key == "harmless"
    assert not Job.objects.filter(key="deadly").exists()


def test_one_that_failed_is_tried_again_later_and_not_for_ever(looks: Recorder) -> None:
    looks.put("1")
    pauses = []
    for _ in range(looks.kind.attempts):
        job = looks.take()
        assert job is not None
        retry_later(job, looks.kind)
        assert looks.take() is None
        for waiting in Job.objects.all():
            pauses.append((waiting.run_at - database_now()).total_seconds())
            Job.objects.update(run_at=database_now())

    assert [round(pause, -1) for pause in pauses] == [10, 40]
    assert not Job.objects.exists()


def test_lanes_do_not_wait_for_each_other(looks: Recorder, names: Recorder) -> None:
    looks.put("1")
    names.put("2")
    assert lanes_with_work() == {"registries", "names"}
    assert looks.take(Places(1, 1)) is not None

    assert names.take(Places(1, 1)) is not None
    assert lanes_with_work() == set()


def test_jobs_of_another_release_are_left_to_it_and_swept_in_the_end(looks: Recorder) -> None:
    Recorder(name="of tomorrow").put("1")

    assert looks.take() is None
    sweep()
    assert Job.objects.exists()
    Job.objects.update(run_at=database_now() - (database_now() - database_now().replace(year=2020)))
    sweep()
    assert not Job.objects.exists()


class TestLease:
    def test_one_holds_it_until_it_ends(self) -> None:
        assert hold("work", "a", 60)
        assert hold("work", "a", 60), "it may be kept"
        assert not hold("work", "b", 60)
        assert hold("other work", "b", 60)

        assert hold("work", "a", -1)
        assert hold("work", "b", 60)
        assert not hold("work", "a", 60)

    def test_it_can_be_given_back(self) -> None:
        assert hold("work", "a", 60)
        let_go("work", "b")
        assert not hold("work", "b", 60)
        let_go("work", "a")
        assert hold("work", "b", 60)

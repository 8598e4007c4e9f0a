"""What is done while somebody waits for it takes a place like any other."""

from __future__ import annotations

import pytest

from routing.jobs.at_once import Busy, at_once
from routing.jobs.kinds import Places
from routing.jobs.queue import enqueue
from routing.models import Job
from tests.jobs.conftest import MANY, Recorder, let_lease_end

pytestmark = pytest.mark.django_db


def do_at_once(looks: Recorder, key: str, share: str = "acme", places: Places = MANY) -> None:
    with at_once(looks.kind, key, share, places, 0):
        pass


def test_the_same_is_not_done_twice_at_once(looks: Recorder) -> None:
    with at_once(looks.kind, "1", "acme", MANY, 0):
        with pytest.raises(Busy) as caught:
            do_at_once(looks, "1", "globex")
        assert caught.value.same
        do_at_once(looks, "2")

    do_at_once(looks, "1")
    assert not Job.objects.exists()


def test_what_waits_in_the_queue_about_it_is_done_by_this(looks: Recorder) -> None:
    looks.put("1")

    with at_once(looks.kind, "1", "acme", MANY, 0):
        assert looks.take() is None

    assert not Job.objects.exists()


def test_what_is_wanted_meanwhile_is_done_afterwards(looks: Recorder) -> None:
    with at_once(looks.kind, "1", "acme", MANY, 0):
        enqueue(looks.kind, "1", "acme")

    assert looks.take() is not None


@pytest.mark.parametrize(("places", "share"), [(Places(1, 1), "globex"), (Places(2, 1), "acme")])
def test_without_a_place_it_is_refused(looks: Recorder, places: Places, share: str) -> None:
    with at_once(looks.kind, "1", "acme", MANY, 0), pytest.raises(Busy) as caught:
        do_at_once(looks, "2", share, places)

    assert not caught.value.same
    assert not Job.objects.exists()


def test_the_place_is_given_back_whatever_happens(looks: Recorder) -> None:
    with pytest.raises(ValueError, match="a fault"), at_once(looks.kind, "1", "acme", MANY, 0):
        raise ValueError("a fault")

    do_at_once(looks, "1", places=Places(1, 1))


def test_one_whose_process_was_killed_is_done_in_the_background(looks: Recorder) -> None:
    killed = at_once(looks.kind, "1", "acme", MANY, 0)
    killed.__enter__()
    let_lease_end(Job.objects.get())

    assert looks.take() is not None

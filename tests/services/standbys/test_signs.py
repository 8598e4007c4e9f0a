"""Pulls that fail have their registry asked sooner, and count as no failure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from routing.core.pull_counts import PULL_SHAPE, Grain, Names
from routing.models import Mapping, RegistryHealth
from routing.models.pull_count import add_counts
from routing.services.base.actor import Actor
from routing.services.standbys import health
from routing.services.standbys.health import ask_due
from routing.services.standbys.signs import FailedPulls
from tests.jobs_done import do_jobs
from tests.services.standbys.standing_by import answer, ask, with_standby
from tests.verification.moves import APP, HOST, Move, a_move

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Move]:
    settings.FACADE_PROBE_ON_SAVE = False
    settings.FACADE_STANDBY_PROBE_SECONDS = 3600
    monkeypatch.setattr(health, "_failed_pulls", FailedPulls())
    with a_move(settings, platform) as made:
        with_standby(made)
        ask()
        RegistryHealth.objects.update(next_at=timezone.now() + timedelta(hours=1))
        yield made


def fail_pulls(number: int = 1, hostname: str = HOST, prefix: str = APP) -> None:
    """As workers write it."""
    tenant = Mapping.objects.get().hostname.tenant_id
    names = Names(str(tenant), hostname, (prefix, prefix, "docker", "28", "linux/amd64", "r.example"))
    numbers = (0, 0, 0, 0, 0, 0, 0, number)
    add_counts([(PULL_SHAPE, grain, datetime.now(UTC), {names: numbers}) for grain in Grain], 1000)


def asked(move: Move) -> tuple[int, int]:
    ask_due()
    do_jobs()
    return times_asked(move)


def times_asked(move: Move) -> tuple[int, int]:
    pings = [[each for each in side.server.requests if each.path == "/v2/"] for side in (move.old, move.new)]
    return len(pings[0]), len(pings[1])


def test_a_registry_is_asked_sooner_where_pulls_fail(move: Move) -> None:
    old, new = asked(move)
    fail_pulls()

    assert asked(move) == (old + 1, new)
    # Once for each time that more have failed.
    assert asked(move) == (old + 1, new)
    fail_pulls()
    assert asked(move) == (old + 2, new)


def test_what_had_failed_before_is_no_sign(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    before = times_asked(move)
    fail_pulls(100)
    # A process that has just begun.
    monkeypatch.setattr(health, "_failed_pulls", FailedPulls())

    assert asked(move) == before


def test_a_sign_is_no_failure(move: Move) -> None:
    asked(move)
    for _ in range(5):
        fail_pulls(1000)
        asked(move)

    row = RegistryHealth.objects.get(registry=Mapping.objects.get().registry)
    assert (row.failures, Mapping.objects.get().failed_over_at) == (0, None)


def test_after_the_first_failure_it_is_asked_as_often_as_ever(move: Move) -> None:
    asked(move)
    answer(move, old=False)
    for _ in range(5):
        fail_pulls()
        asked(move)

    row = RegistryHealth.objects.get(registry=Mapping.objects.get().registry)
    assert (row.failures, Mapping.objects.get().failed_over_at) == (1, None)


def test_pulls_of_other_mappings_are_no_sign(move: Move) -> None:
    old, new = asked(move)
    fail_pulls(prefix="other")
    fail_pulls(hostname="other.acme.com")

    assert asked(move) == (old, new)


def test_it_costs_one_query_where_none_fail(move: Move, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        assert FailedPulls().registries_with_more(timezone.now()) == set()

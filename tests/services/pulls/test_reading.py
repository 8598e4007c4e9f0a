"""What is told of pulls: to whoever may see the tenant, of one scope, by hour or by day."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from pytest_django import Settings

from routing.core.pull_counts import Grain
from routing.models import OrphanCount, PullCount
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.pulls import reading
from routing.services.pulls.reading import Asked, Scope, Share, Span
from routing.services.pulls.retention import forget_old_counts
from tests.conftest import Person
from tests.services.pulls.counts import ago, asked, asked_in_vain, counted

pytestmark = pytest.mark.django_db
PLATFORM = Actor.program("test")
ALL = Scope()


@pytest.fixture
def some(owner: Person, outsider: Person) -> None:
    host, other = owner.hostname.name, outsider.hostname.name
    counted(owner.tenant, host, "acme/app", 5, refused=2)
    counted(owner.tenant, host, "acme/app", 3, client=("podman", "5", ""), target="quay.io")
    counted(owner.tenant, host, "tools/cli", 4, mapping="tools", at=ago(days=3))
    counted(owner.tenant, host, "acme/app", 100, at=ago(days=60))
    counted(outsider.tenant, other, "g/app", 7)
    asked(owner.tenant, host, "acme/app", "1.0", 9)
    asked(owner.tenant, host, "acme/app", "sha256:ab", 2)
    asked_in_vain(owner.tenant, host, "acne/app", 6)
    asked_in_vain(None, "dockr.acme.com", "", 8)


def test_who_may_see_a_tenant_is_told_of_its_pulls_and_of_no_others(
    some: None, owner: Person, outsider: Person
) -> None:
    span = Span.from_(None)

    assert reading.totals(PLATFORM, ALL, span).pulls == 19
    assert reading.totals(owner.actor, ALL, span) == (12, 12, 0, 0, 2, 0)
    assert reading.totals(outsider.actor, ALL, span).pulls == 7
    assert reading.totals(outsider.actor, Scope(hostname=owner.hostname.name), span).pulls == 0
    assert reading.shares(outsider.actor, ALL, span, "repository", 9) == [Share("g/app", 7)]
    assert reading.references(outsider.actor, ALL, span, 9) == []
    assert reading.orphans(outsider.actor, ALL, span, 9) == []


def test_hosts_that_nobody_has_are_told_to_the_platform_alone(some: None, owner: Person) -> None:
    mine = Asked(owner.hostname.name, "acne/app", 6)

    assert reading.orphans(PLATFORM, ALL, Span.from_(None), 9) == [Asked("dockr.acme.com", "", 8), mine]
    assert reading.orphans(owner.actor, ALL, Span.from_(None), 9) == [mine]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("repository", [("acme/app", 8), ("tools/cli", 4)]),
        ("mapping", [("acme", 8), ("tools", 4)]),
        ("client", [("docker", 9), ("podman", 3)]),
        ("target", [("ghcr.io", 9), ("quay.io", 3)]),
        ("platform", [("linux/amd64", 9), ("", 3)]),
    ],
)
def test_pulls_are_told_by_each_name(some: None, owner: Person, by: str, expected: list[tuple[str, int]]) -> None:
    assert reading.shares(owner.actor, ALL, Span.from_(None), by, 9) == [Share(*each) for each in expected]


def test_clients_have_versions_and_references_are_as_people_write_them(some: None, owner: Person) -> None:
    span = Span.from_(None)

    assert reading.client_versions(owner.actor, ALL, span, 9) == [Share("docker 28", 9), Share("podman 5", 3)]
    assert [each.name for each in reading.references(owner.actor, ALL, span, 9)] == [
        "acme/app:1.0",
        "acme/app@sha256:ab",
    ]


@pytest.mark.parametrize(
    ("scope", "pulls", "references"),
    [
        (Scope(mapping="tools"), 4, 0),
        (Scope(mapping="acme"), 8, 2),
        (Scope(repository="acme/app"), 8, 2),
        (Scope(tenant="acme"), 12, 2),
        (Scope(tenant="globex"), 0, 0),
    ],
    ids=str,
)
def test_a_scope_leaves_the_others_out(some: None, owner: Person, scope: Scope, pulls: int, references: int) -> None:
    span = Span.from_(None)

    assert reading.totals(owner.actor, scope, span).pulls == pulls
    assert len(reading.references(owner.actor, scope, span, 9)) == references


def test_lately_is_told_by_hour_and_long_ago_by_day_without_gaps(some: None, owner: Person) -> None:
    hours = reading.over_time(owner.actor, ALL, Span.from_(ago(hours=24)))
    days = reading.over_time(owner.actor, ALL, Span.from_(ago(days=30)))

    assert (len(hours), hours[-1].pulls, hours[-1].missed) == (25, 8, 2)
    assert {later.at - earlier.at for earlier, later in pairwise(hours)} == {timedelta(hours=1)}
    assert (len(days), sum(point.pulls for point in days), days[-4].pulls) == (31, 12, 4)


def test_the_future_is_refused() -> None:
    with pytest.raises(ServiceError, match="future"):
        Span.from_(ago(hours=-1))


class TestRetention:
    def test_hours_are_kept_for_a_week_and_days_as_the_setting_says(self, some: None, settings: Settings) -> None:
        settings.FACADE_STATISTICS_DAYS = 30
        before = PullCount.objects.count()

        # The row of two months ago, by hour and by day.
        assert forget_old_counts() == 2
        assert PullCount.objects.count() == before - 2
        assert forget_old_counts() == 0

    def test_an_hour_of_more_than_a_week_ago_is_left_to_its_day(self, owner: Person) -> None:
        counted(owner.tenant, owner.hostname.name, "acme/app", 1, at=ago(days=8))

        forget_old_counts()

        assert PullCount.objects.get().grain == Grain.DAY

    def test_switched_off_nothing_is_kept(self, some: None, settings: Settings) -> None:
        settings.FACADE_STATISTICS_DAYS = 0

        forget_old_counts()

        assert not PullCount.objects.exists()
        assert not OrphanCount.objects.exists()

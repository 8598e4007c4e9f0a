"""`manage.py demo_data`: a month of a platform, once, and beside nothing that is real unless that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from pytest_django import DjangoDbBlocker

from routing.core.pull_counts import Grain
from routing.management.sample_data import HOSTNAMES, MEMBERS, TENANTS
from routing.models import Mapping, OrphanCount, PullCount, ReferenceCount, Tenant
from routing.services.base.actor import Actor
from routing.services.pulls import reading
from routing.services.pulls.reading import Scope, Span
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="class")
def made_month(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[str]]:
    """Added once for the tests of a class, since it takes longer than all of them; what the command said."""
    said = StringIO()
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("demo_data", stdout=said)
        yield said.getvalue().splitlines()
        transaction.set_rollback(True)


@pytest.fixture
def month(made_month: list[str], db: None) -> list[str]:
    """The same, for a test that is rolled back by itself."""
    return made_month


def counts() -> list[int]:
    """How many rows there are of each kind."""
    return [model._default_manager.count() for model in (PullCount, ReferenceCount, OrphanCount, Mapping, Tenant)]


class TestAMonth:
    def test_a_month_is_added_once(self, month: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        rows = counts()
        call_command("demo_data")

        assert [*month, *capsys.readouterr().out.splitlines()] == [
            "Added the demonstration.",
            "The demonstration is there already.",
        ]
        assert rows == counts()
        assert set(PullCount.objects.values_list("tenant__slug", flat=True)) == set(TENANTS)
        assert PullCount.objects.filter(hostname__in=HOSTNAMES).count() == PullCount.objects.count()

    def test_it_looks_like_a_month(self, month: list[str]) -> None:
        platform, span = Actor.program("test"), Span.from_(None)
        points = reading.over_time(platform, Scope(), span)

        assert all(point.pulls for point in points[:-1])
        weekdays = [point.pulls for point in points[:-1] if point.at.weekday() < 5]
        weekends = [point.pulls for point in points[:-1] if point.at.weekday() >= 5]
        assert min(weekdays) > max(weekends)
        assert {share.name for share in reading.shares(platform, Scope(), span, "client", 9)} >= {
            "docker",
            "podman",
            "",
        }
        assert all(mapping.target for mapping in Mapping.objects.all())
        assert PullCount.objects.filter(target="").count() == 0
        assert not PullCount.objects.filter(at__gt=datetime.now(UTC)).exists()
        assert PullCount.objects.filter(grain=Grain.HOUR).exists()

    def test_its_history_is_of_that_month(self, month: list[str]) -> None:
        days = {entry.history_date.date() for entry in Mapping.history.all()}

        assert len(days) > 5
        assert min(days) >= (datetime.now(UTC) - timedelta(days=31)).date()
        assert max(days) <= datetime.now(UTC).date()

    def test_nobody_can_sign_in_as_one_of_its_people(self, month: list[str]) -> None:
        users = get_user_model()._default_manager

        assert not any(users.get(username=name).has_usable_password() for name, _, _ in MEMBERS)
        assert not users.filter(is_superuser=True).exists()


def test_real_rows_are_left_alone_unless_that_is_asked_for(owner: Person) -> None:
    Tenant.objects.filter(pk=owner.tenant.pk).update(slug="real")
    owner.hostname.name = "docker.real.example"
    owner.hostname.save()

    with pytest.raises(CommandError, match="--among-others"):
        call_command("demo_data")
    assert not PullCount.objects.exists()

    call_command("demo_data", "--among-others")
    owner.hostname.refresh_from_db()
    assert owner.hostname.name == "docker.real.example"
    assert PullCount.objects.exists()

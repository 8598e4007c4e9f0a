"""The page of a change set that is applied in steps: begun, gone on with, stopped, and what it says meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model

from routing.models import ChangeSet, Mapping, Membership, Role
from routing.services.changes.drafts import draft
from routing.services.changes.wishes import Wish
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.targets import parse_target
from tests.admin.conftest import AdminClient, text_of
from tests.conftest import Person
from tests.jobs_done import do_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def drafted(owner: Person) -> ChangeSet:
    mapping = add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="app", target="docker.io/acme").mapping
    return draft(owner.actor, "to GitHub", wishes=[Wish(mapping.pk, parse_target("ghcr.io/acme"))])


@pytest.fixture
def page(owner: Person) -> AdminClient:
    return AdminClient(owner.user)


def press(admin: AdminClient, change_set: ChangeSet, deed: str, **fields: str) -> str:
    """What is said once a button was pressed."""
    data = {"deed": deed, "checksum": change_set.checksum, **fields}
    return text_of(admin.client.post(admin.url("changeset_change", change_set.pk), data, follow=True))


def shown(admin: AdminClient, change_set: ChangeSet) -> str:
    return text_of(admin.get("changeset_change", change_set.pk))


def test_it_is_begun_and_says_where_it_is(page: AdminClient, drafted: ChangeSet) -> None:
    said = press(page, drafted, "apply in steps", steps="5, 25, 100 %", pause="60")

    assert "Begun: 3 steps" in said
    assert "0 of 3 steps made" in said
    assert "5 %, 25 %, 100 % of the repositories" in said

    do_jobs()
    said = shown(page, drafted)
    assert "1 of 3 steps made" in said
    assert "5 % of them point to the new target" in said
    assert ChangeSet.objects.get(pk=drafted.pk).pause_seconds == 60


@pytest.mark.parametrize(
    ("steps", "pause", "said"),
    [
        ("25, 5, 100", "", "each step is more than the one before it"),
        ("", "", "is no list of shares"),
        ("five, 100", "", "is no list of shares"),
        ("nan, 100", "", "give shares between"),
        ("5, 100", "soon", "give the pause in seconds"),
        ("5, 100", "1", "the pause has 10 to 86400 seconds"),
    ],
)
def test_a_plan_that_is_none_is_refused_and_what_was_typed_stays(
    page: AdminClient, drafted: ChangeSet, steps: str, pause: str, said: str
) -> None:
    data = {"deed": "apply in steps", "checksum": drafted.checksum, "steps": steps, "pause": pause}
    answer = page.client.post(page.url("changeset_change", drafted.pk), data)

    assert said in text_of(answer).lower()
    assert f'value="{steps}"' in answer.content.decode()
    assert ChangeSet.objects.get(pk=drafted.pk).state == "draft"


def test_somebody_goes_on_and_stops_it(page: AdminClient, drafted: ChangeSet) -> None:
    press(page, drafted, "apply in steps", steps="5,25,100")
    do_jobs()
    # The look that made the first step is not one at the second.
    assert "has not looked within a minute" in press(page, drafted, "go on")

    said = press(page, drafted, "stop", why="wrong registry")

    assert "all that it had moved is led back" in said
    assert "alice stopped it at step 1 of 3 (5 %): wrong registry" in said
    assert not Mapping.objects.exclude(stepped_by=None).exists()


def test_a_time_and_steps_go_together(page: AdminClient, drafted: ChangeSet) -> None:
    press(page, drafted, "schedule", at="2099-01-01 12:00", steps="5,100")
    assert ChangeSet.objects.get(pk=drafted.pk).state == "draft"

    press(page, drafted, "schedule", at=f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d %H:%M}", steps="5,100")

    after = ChangeSet.objects.get(pk=drafted.pk)
    assert (after.state, after.shares) == ("scheduled", [500, 10_000])


def test_who_may_only_look_is_shown_no_button(owner: Person, page: AdminClient, drafted: ChangeSet) -> None:
    press(page, drafted, "apply in steps", steps="5,100")
    viewer = get_user_model()._default_manager.create_user(username="vera", email="vera@acme.com")
    Membership.objects.create(tenant=owner.tenant, user=viewer, role=Role.VIEWER)
    vera = AdminClient(viewer)

    answer = vera.get("changeset_change", drafted.pk)

    assert "0 of 2 steps made" in text_of(answer)
    assert 'value="stop"' not in answer.content.decode()
    data = {"deed": "stop", "checksum": drafted.checksum}
    assert vera.client.post(vera.url("changeset_change", drafted.pk), data).status_code == 403

"""People take their data along, and their account away."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from routing.models import Mapping, Membership, Role
from routing.services.mappings.mappings import add_mapping
from tests.conftest import Person

pytestmark = pytest.mark.django_db
PASSWORD = "a long password of bob"


@pytest.fixture
def bob(teammate: Person) -> User:
    teammate.user.set_password(PASSWORD)
    teammate.user.save()
    return teammate.user


def browser_of(user: User) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def browser(bob: User) -> Client:
    """Bob's, who has signed in a while ago."""
    return browser_of(bob)


@pytest.fixture
def confirmed(bob: User, browser: Client) -> Client:
    """The same, in which he has given his password once more just now."""
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return browser


def test_it_takes_the_password_once_more(bob: User, browser: Client) -> None:
    for answer in (
        browser.get(reverse("account_export")),
        browser.post(reverse("account_leave"), {"confirm": "bob"}),
    ):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert get_user_model().objects.filter(pk=bob.pk).exists()


def test_what_is_known_of_them_is_a_document_to_keep(bob: User, confirmed: Client) -> None:
    answer = confirmed.get(reverse("account_export"))

    assert answer["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert json.loads(answer.getvalue())["account"]["username"] == "bob"


def test_the_page_tells_in_numbers_and_the_account_goes_once_the_name_was_typed(
    bob: User, confirmed: Client, teammate: Person
) -> None:
    elsewhere = browser_of(bob)
    add_mapping(teammate.actor, "", hostname="docker.acme.com", prefix="app", target="ghcr.io/acme")
    page = confirmed.get(reverse("account_leave")).content.decode()
    assert "1 memberships" in page
    assert "2 sessions" in page

    refused = confirmed.post(reverse("account_leave"), {"confirm": "Bob"})
    assert refused.status_code == 422
    assert "Type your user name" in refused.content.decode()
    done = confirmed.post(reverse("account_leave"), {"confirm": "bob", "erase": "on"})

    assert "Your account is removed" in done.content.decode()
    assert not get_user_model().objects.filter(pk=bob.pk).exists()
    for client in (confirmed, elsewhere):
        assert client.get(reverse("account_leave")).status_code == 302
    assert not Session.objects.filter(session_key=elsewhere.cookies["sessionid"].value).exists()
    assert Mapping.history.first().actor == f"removed person {bob.pk}"


def test_the_last_owner_is_told_what_to_do(owner: Person) -> None:
    client = browser_of(owner.user)

    page = client.get(reverse("account_leave"))

    assert "Alice is the last owner of Acme: make somebody else an owner first" in page.content.decode()
    answer = client.post(reverse("account_leave"), {"confirm": "alice"})
    assert answer.status_code == 422
    assert Membership.objects.filter(user=owner.user, role=Role.OWNER).exists()


def test_a_sign_in_that_waits_for_the_second_factor_ends_with_the_account(bob: User, platform: object) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    from routing.services.base.actor import Actor
    from routing.services.leaving.person_removal import remove_person

    TOTP.activate(bob, generate_totp_secret())
    client = Client(headers={"host": "localhost"})
    begun = client.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    assert begun["Location"].startswith(reverse("mfa_authenticate"))
    # The session that waits counts as theirs, and goes.
    assert remove_person(Actor.command_line(), "", user_id=bob.pk)["sessions"] == 1

    answer = client.post(reverse("mfa_authenticate"), {"code": "123456"})

    assert answer.status_code in (302, 403)
    assert not get_user_model().objects.filter(username="bob").exists()
    assert "_auth_user_id" not in client.session

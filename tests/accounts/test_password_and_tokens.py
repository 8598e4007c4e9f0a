"""Whoever changes a password is offered to end the API tokens too."""

from __future__ import annotations

import pytest

from routing.models import ApiToken
from routing.services.people.api_tokens import create_api_token
from tests.accounts.signing_in import PASSWORD, Browser, page, sign_in, with_password
from tests.conftest import Person

PAGE = "/accounts/password/change/"
NEW = "another correct horse"
CHANGED = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}


@pytest.fixture
def browser(owner: Person) -> Browser:
    """Alice's."""
    with_password(owner.user)
    client = Browser()
    sign_in(client, "alice")
    return client


def test_it_is_offered_where_there_are_tokens(browser: Browser, owner: Person) -> None:
    assert "end_api_tokens" not in page(browser.get(PAGE))

    create_api_token(owner.actor, user=owner.user, name="one")
    assert "End my API token too" in page(browser.get(PAGE))
    create_api_token(owner.actor, user=owner.user, name="two")
    assert "End my 2 API tokens too" in page(browser.get(PAGE))


@pytest.mark.parametrize(("chosen", "left"), [({"end_api_tokens": "on"}, {"theirs"}), ({}, {"theirs", "ours"})])
def test_they_end_where_that_is_chosen(
    browser: Browser, owner: Person, outsider: Person, chosen: dict[str, str], left: set[str]
) -> None:
    create_api_token(owner.actor, user=owner.user, name="ours")
    create_api_token(outsider.actor, user=outsider.user, name="theirs")

    browser.post(PAGE, CHANGED | chosen)

    owner.user.refresh_from_db()
    assert owner.user.check_password(NEW)
    assert set(ApiToken.objects.values_list("name", flat=True)) == left


def test_a_password_that_is_refused_ends_nothing(browser: Browser, owner: Person) -> None:
    create_api_token(owner.actor, user=owner.user, name="ours")

    browser.post(PAGE, CHANGED | {"oldpassword": "wrong", "end_api_tokens": "on"})

    assert ApiToken.objects.count() == 1

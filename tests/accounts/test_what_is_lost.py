"""What a person has lost, their tokens, sessions and half-finished sign-ins have lost too."""

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from unittest.mock import patch

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from routing.models import ApiToken, Membership, Role
from routing.services.base.actor import Actor
from routing.services.people.api_tokens import create_api_token
from routing.services.people.members import change_role, remove_member
from routing.services.people.provider_grants import ProviderRole, follow_provider
from tests.accounts.authenticator_app import code
from tests.accounts.signing_in import LOGIN, PASSWORD, Browser, is_signed_in, page, sign_in, with_password
from tests.api.conftest import ApiClient
from tests.conftest import Person

Later = Callable[..., None]
OWNER = ProviderRole("acme", "owner")
PLATFORM = ProviderRole("", "platform")
SECOND_STEP = "/accounts/2fa/authenticate/"
NEW_PASSWORD = "another horse, another staple"


@pytest.fixture
def dora(owner: Person) -> User:
    """Somebody whom the identity provider knows; Alice owns the tenant acme."""
    return User.objects.create_user("dora", "dora@example.com")


def token_of(user: User, **limits: object) -> ApiClient:
    return ApiClient(create_api_token(Actor.command_line(), user=user, name="pipeline", **limits).secret)  # type: ignore[arg-type]


def tenants_of(api: ApiClient) -> list[str]:
    return [tenant["slug"] for tenant in api.get("tenants").json()["items"]]


# ---------------------------------------------------------------- API tokens and the provider's roles
def test_a_token_has_the_providers_roles_for_a_day(dora: User, later: Later) -> None:
    follow_provider(dora, [OWNER])
    api = token_of(dora)
    later(hours=23)
    assert tenants_of(api) == ["acme"]

    later(hours=2)

    assert tenants_of(api) == []
    assert api.send("post", "invitations", tenant="acme", email="x@example.com", role="viewer").status_code == 404


def test_a_new_sign_in_gives_them_back_to_it(dora: User, later: Later) -> None:
    follow_provider(dora, [OWNER])
    api = token_of(dora)
    later(hours=25)

    follow_provider(dora, [OWNER])

    assert tenants_of(api) == ["acme"]


@pytest.mark.parametrize("for_one_tenant", [False, True])
def test_so_does_a_token_of_the_platforms_operators(
    dora: User, owner: Person, outsider: Person, later: Later, for_one_tenant: bool
) -> None:
    follow_provider(dora, [PLATFORM])
    dora.refresh_from_db()
    api = token_of(dora, tenant_id=owner.tenant.pk if for_one_tenant else None)
    assert "acme" in tenants_of(api)

    later(hours=25)

    assert tenants_of(api) == []


def test_what_people_gave_does_not_lapse(dora: User, owner: Person, outsider: Person, later: Later) -> None:
    follow_provider(dora, [OWNER])
    Membership.objects.create(user=dora, tenant=outsider.tenant, role=Role.VIEWER)
    api = token_of(dora)

    later(days=400)

    assert tenants_of(api) == ["globex"]


def test_how_long_they_count_is_a_setting(dora: User, later: Later, settings: Settings) -> None:
    settings.FACADE_OIDC_ROLE_SECONDS = 30 * 86_400
    follow_provider(dora, [OWNER])
    api = token_of(dora)

    later(days=29)
    assert tenants_of(api) == ["acme"]
    later(days=2)
    assert tenants_of(api) == []


# ---------------------------------------------------------------- sign-ins that were begun earlier
def test_a_sign_in_that_was_begun_before_the_roles_were_taken_restores_none(dora: User) -> None:
    begun = timezone.now()
    follow_provider(dora, [OWNER])
    follow_provider(dora, [])

    follow_provider(dora, [OWNER], begun_at=begun)

    assert not Membership.objects.filter(user=dora).exists()


def test_nor_does_one_from_before_an_owner_removed_the_member(dora: User, owner: Person) -> None:
    follow_provider(dora, [OWNER])
    begun = timezone.now()
    remove_member(owner.actor, membership_id=Membership.objects.get(user=dora).pk)

    follow_provider(dora, [OWNER], begun_at=begun)

    assert not Membership.objects.filter(user=dora).exists()


def test_nor_does_one_from_before_the_role_was_lowered(dora: User, owner: Person) -> None:
    follow_provider(dora, [OWNER])
    begun = timezone.now()
    change_role(owner.actor, membership_id=Membership.objects.get(user=dora).pk, role=Role.VIEWER)

    follow_provider(dora, [OWNER], begun_at=begun)

    assert Membership.objects.get(user=dora).role == Role.VIEWER


def test_one_that_was_begun_later_counts(dora: User) -> None:
    follow_provider(dora, [])
    follow_provider(dora, [OWNER], begun_at=timezone.now())

    assert Membership.objects.get(user=dora).role == Role.OWNER


def half_signed_in(user: User) -> tuple[Browser, str]:
    """A browser that has given the password, and the code that it needs yet."""
    secret = str(generate_totp_secret())
    TOTP.activate(with_password(user), secret)
    browser = Browser()
    assert sign_in(browser, user.username).headers["Location"] == SECOND_STEP
    return browser, code(secret)


def test_a_password_that_was_changed_meanwhile_lets_nobody_in(dora: User) -> None:
    browser, shown = half_signed_in(dora)
    with_password(dora, NEW_PASSWORD)

    answer = browser.post(SECOND_STEP, {"code": shown}, follow=True)

    assert answer.redirect_chain[-1][0] == LOGIN
    assert "Sign in once more" in page(answer)
    assert not is_signed_in(browser)


def test_an_account_that_was_closed_meanwhile_lets_nobody_in(dora: User) -> None:
    browser, shown = half_signed_in(dora)
    User.objects.filter(pk=dora.pk).update(is_active=False)

    browser.post(SECOND_STEP, {"code": shown})
    User.objects.filter(pk=dora.pk).update(is_active=True)

    assert not is_signed_in(browser)


def test_and_otherwise_it_is_finished(dora: User) -> None:
    browser, shown = half_signed_in(dora)

    browser.post(SECOND_STEP, {"code": shown})

    assert is_signed_in(browser)


def test_a_new_password_is_all_that_a_new_password_writes(dora: User) -> None:
    # Its form was read before the role was taken, and is saved after.
    Membership.objects.filter(user=dora).delete()
    User.objects.filter(pk=dora.pk).update(is_superuser=True)
    browser = Browser()
    sign_in(browser, with_password(User.objects.get(pk=dora.pk)).username)
    taken = patch.object(User, "set_password", autospec=True, side_effect=_and_lose_the_platform(User.set_password))

    with taken:
        form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        assert browser.post("/accounts/password/change/", form).status_code == 302

    dora.refresh_from_db()
    assert dora.check_password(NEW_PASSWORD)
    assert not dora.is_superuser


def _and_lose_the_platform(set_password: Callable[[User, str], None]) -> Callable[[User, str], None]:
    def slowly(user: User, password: str) -> None:
        User.objects.filter(pk=user.pk).update(is_superuser=False)
        set_password(user, password)

    return slowly


# ---------------------------------------------------------------- sessions
def test_a_session_ends_a_day_after_the_sign_in_whatever_is_done_with_it(dora: User, later: Later) -> None:
    browser = Browser()
    sign_in(browser, with_password(dora).username)
    for _ in range(3):
        later(hours=7)
        # Whatever writes the session, as the beginning of a sign-in by the identity provider does.
        session = browser.session
        session["socialaccount_states"] = {}
        session.save()
        assert is_signed_in(browser)

    later(hours=4)

    assert not is_signed_in(browser)


def test_so_it_does_where_the_password_was_given_once_more(dora: User, later: Later) -> None:
    browser = Browser()
    sign_in(browser, with_password(dora).username)
    later(hours=23)
    answer = browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302
    # The cookie ends with it.
    assert browser.cookies["sessionid"]["max-age"] <= 3600

    later(hours=2)

    assert not is_signed_in(browser)


def test_a_new_sign_in_begins_a_new_day(dora: User, later: Later) -> None:
    browser = Browser()
    sign_in(browser, with_password(dora).username)
    later(hours=23)
    browser.post("/accounts/logout/")
    sign_in(browser, dora.username)

    later(hours=23)

    assert is_signed_in(browser)


def test_a_session_of_the_release_before_ends_when_it_is_written(dora: User) -> None:
    browser = Browser()
    sign_in(browser, with_password(dora).username)
    session = browser.session
    del session["signed_in_at"]

    session.save()

    assert Session.objects.get().expire_date <= timezone.now() - timedelta(days=1)
    assert not is_signed_in(browser)


# ---------------------------------------------------------------- passwords that are set anew
def reset_password(user: User, password: str) -> None:
    """By the mail that the page sends."""
    browser = Browser()
    browser.post("/accounts/password/reset/", {"email": user.email})
    link = re.search(r"https?://\S+?(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert link is not None
    form = browser.get(link[1]).headers["Location"]
    browser.post(form, {"password1": password, "password2": password})
    user.refresh_from_db()
    assert user.check_password(password)


def test_a_password_reset_ends_the_tokens(dora: User, owner: Person) -> None:
    Membership.objects.create(user=dora, tenant=owner.tenant, role=Role.OWNER)
    with_password(dora)
    api, other = token_of(dora), token_of(owner.user)
    assert api.get("tenants").status_code == 200

    reset_password(dora, NEW_PASSWORD)

    assert api.get("tenants").status_code == 401
    assert other.get("tenants").status_code == 200


def test_so_does_a_password_that_is_set_at_the_command_line(dora: User) -> None:
    with_password(dora)
    api, said = token_of(dora), StringIO()

    with patch("getpass.getpass", return_value=NEW_PASSWORD):
        call_command("changepassword", "dora", stdout=said)

    assert api.get("tenants").status_code == 401
    assert "API tokens that ended with the old one: 1" in said.getvalue()
    dora.refresh_from_db()
    assert dora.check_password(NEW_PASSWORD)


def test_a_token_of_an_account_that_is_closed_is_refused(dora: User) -> None:
    api = token_of(dora)
    User.objects.filter(pk=dora.pk).update(is_active=False)

    assert api.get("tenants").status_code == 401
    assert ApiToken.objects.filter(user=dora).exists()

"""An e-mail address says who somebody is once it is proved, and no user name looks like one."""

from __future__ import annotations

from importlib import import_module
from io import StringIO
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django import Settings

from routing.accounts.adapters import SocialAccountAdapter
from routing.accounts.invitations import deliver_invitation
from routing.models import Membership, Role
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.people.members import Invited, account_of, invite
from tests.accounts.signing_in import PASSWORD, Browser, page, sign_in, with_password
from tests.conftest import Person

CEO = "ceo@victim.example"
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
NEW_ACCOUNT = {"username": "dora", "password1": PASSWORD, "password2": PASSWORD}
ADDRESS_LIKE = (CEO, "ceo\uff20victim.example", "@", "ceo\ufe6bvictim.example")


def addresses(name: str) -> dict[str, tuple[bool, bool]]:
    """Those of a person: verified, primary."""
    return {row.email: (row.verified, row.primary) for row in EmailAddress.objects.filter(user__username=name)}


def invited_by(owner: Person, settings: Settings, *, by_mail: bool, email: str = "dora@example.com") -> Invited:
    """An invitation whose link was mailed, or shown to the inviter."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend" if by_mail else NO_MAIL
    invited = invite(owner.actor, tenant_id=owner.tenant.pk, email=email, role=Role.OPERATOR)
    deliver_invitation(invited)
    return invited


def opened(invited: Invited) -> Browser:
    """A browser in which the link was opened."""
    browser = Browser()
    browser.get(f"/accounts/invitation/{invited.token}/")
    return browser


class TestUserNames:
    @pytest.mark.parametrize("name", ADDRESS_LIKE)
    def test_a_new_account_takes_no_name_that_looks_like_an_address(
        self, owner: Person, settings: Settings, name: str
    ) -> None:
        browser = opened(invited_by(owner, settings, by_mail=True))

        answer = browser.post("/accounts/signup/", NEW_ACCOUNT | {"username": name})

        assert answer.status_code == 200
        assert not User.objects.filter(username=name).exists()

    def test_nor_does_a_command(self) -> None:
        with pytest.raises(CommandError, match="holds no @"):
            call_command("createsuperuser", username=CEO, email="x@example.com", interactive=False, stderr=StringIO())

    def test_what_the_provider_calls_somebody_is_cut_at_it(self) -> None:
        login = SocialLogin(user=User(), account=SocialAccount())

        user = SocialAccountAdapter().populate_user(HttpRequest(), login, {"username": CEO, "email": CEO})

        assert user.username == "ceo"

    def test_those_that_are_there_are_renamed(self, capsys: pytest.CaptureFixture[str]) -> None:
        for name in (CEO, "ceo.at.victim.example", "plain"):
            User.objects.create_user(name)
        migration = import_module("routing.migrations.0021_names_and_addresses_of_accounts")

        migration.rename(apps, None)

        names = set(User.objects.values_list("username", flat=True))
        assert names == {"ceo.at.victim.example", "ceo.at.victim.example.2", "plain"}
        assert f"The user name {CEO} is ceo.at.victim.example.2 now" in capsys.readouterr().out


class TestLookUps:
    def test_a_member_is_found_by_a_verified_address_only(self, platform: Actor) -> None:
        squatter = User.objects.create_user("squatter", CEO)
        User.objects.create_user(CEO)  # As one could be called before.
        EmailAddress.objects.create(user=squatter, email=CEO)
        with pytest.raises(ServiceError, match="No account has verified"):
            account_of(platform, CEO)

        ceo = User.objects.create_user("the-ceo")
        EmailAddress.objects.create(user=ceo, email=CEO, verified=True)

        assert account_of(platform, " CEO@victim.example") == ceo
        assert account_of(platform, "squatter") == squatter

    @pytest.mark.parametrize(("verified", "stopped"), [(False, False), (True, True)])
    def test_the_provider_is_stopped_by_a_verified_address_only(self, verified: bool, stopped: bool) -> None:
        EmailAddress.objects.create(user=User.objects.create_user("dora", CEO), email=CEO, verified=verified)
        login = SocialLogin(user=User(email=CEO), account=SocialAccount(provider="sso"))
        login.state = {}
        request = RequestFactory().get("/", HTTP_HOST="localhost")
        request.session, request.user = {}, SimpleNamespace(is_authenticated=False)  # type: ignore[assignment]

        if not stopped:
            SocialAccountAdapter().pre_social_login(request, login)
            return
        with pytest.raises(ImmediateHttpResponse):
            SocialAccountAdapter().pre_social_login(request, login)

    @pytest.mark.parametrize("said", ["false", "true", 1, None])
    def test_a_provider_verifies_by_true_alone(self, said: object) -> None:
        login = SocialLogin(user=User(email=CEO), account=SocialAccount(provider="sso"))
        login.state = {}
        login.email_addresses = [EmailAddress(email=CEO, verified=said)]

        SocialAccountAdapter().pre_social_login(RequestFactory().get("/"), login)

        assert login.email_addresses[0].verified is False


class TestInvitations:
    def test_a_mailed_one_verifies_the_address(self, owner: Person, settings: Settings) -> None:
        opened(invited_by(owner, settings, by_mail=True)).post("/accounts/signup/", NEW_ACCOUNT)

        assert addresses("dora") == {"dora@example.com": (True, True)}
        assert User.objects.get(username="dora").email == "dora@example.com"

    def test_a_shown_one_does_not(self, platform: Actor, owner: Person, settings: Settings) -> None:
        opened(invited_by(owner, settings, by_mail=False, email=CEO)).post("/accounts/signup/", NEW_ACCOUNT)

        assert addresses("dora") == {CEO: (False, False)}
        assert Membership.objects.filter(user__username="dora").exists()
        with pytest.raises(ServiceError, match="No account has verified"):
            account_of(platform, CEO)

    def test_nor_does_a_mail_verify_what_another_has_proved(self, owner: Person, settings: Settings) -> None:
        other = User.objects.create_user("other")
        EmailAddress.objects.create(user=other, email="dora@example.com", verified=True)

        opened(invited_by(owner, settings, by_mail=True)).post("/accounts/signup/", NEW_ACCOUNT)

        assert addresses("dora") == {}
        assert User.objects.get(username="dora").email == ""

    def test_an_unproved_one_of_another_keeps_nobody_from_it(self, owner: Person, settings: Settings) -> None:
        squatter = User.objects.create_user("squatter", "dora@example.com")
        EmailAddress.objects.create(user=squatter, email="dora@example.com")

        opened(invited_by(owner, settings, by_mail=True)).post("/accounts/signup/", NEW_ACCOUNT)

        assert addresses("dora") == {"dora@example.com": (True, True)}
        assert addresses("squatter") == {"dora@example.com": (False, False)}

    @pytest.mark.parametrize(("by_mail", "verified"), [(True, True), (False, False)])
    def test_who_has_an_account_proves_an_address_of_theirs(
        self, owner: Person, outsider: Person, settings: Settings, by_mail: bool, verified: bool
    ) -> None:
        with_password(outsider.user)
        browser = opened(invited_by(owner, settings, by_mail=by_mail, email=outsider.user.email.upper()))
        sign_in(browser, "charles")

        browser.post("/accounts/invitation/")

        assert Membership.objects.filter(user=outsider.user, tenant=owner.tenant).exists()
        assert addresses("charles").get(outsider.user.email, (False, False)) == (verified, verified)

    def test_and_no_address_that_is_not_theirs(self, owner: Person, outsider: Person, settings: Settings) -> None:
        """The mail was handed on."""
        with_password(outsider.user)
        browser = opened(invited_by(owner, settings, by_mail=True, email=CEO))
        sign_in(browser, "charles")

        browser.post("/accounts/invitation/")

        assert CEO not in addresses("charles")


class TestPrimary:
    def test_an_address_becomes_primary_when_it_is_verified(self, owner: Person) -> None:
        with_password(owner.user)
        browser = Browser()
        sign_in(browser, "alice")
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        browser.post("/accounts/email/", {"action_add": "", "email": "new@example.com"})
        assert addresses("alice")["new@example.com"] == (False, False)

        refused = browser.post("/accounts/email/", {"action_primary": "", "email": "new@example.com"}, follow=True)
        assert "becomes the primary one when it is verified" in page(refused)
        owner.user.refresh_from_db()
        assert owner.user.email == "alice@docker.acme.com"

        key = EmailConfirmationHMAC(EmailAddress.objects.get(email="new@example.com")).key
        browser.post(f"/accounts/confirm-email/{key}/")

        assert addresses("alice")["new@example.com"] == (True, True)
        owner.user.refresh_from_db()
        assert owner.user.email == "new@example.com"

    def test_one_that_was_primary_and_is_not_verified_is_so_no_more(self) -> None:
        dora = User.objects.create_user("dora")
        EmailAddress.objects.bulk_create([EmailAddress(user=dora, email=CEO, primary=True)])

        import_module("routing.migrations.0021_names_and_addresses_of_accounts").unmark(apps, None)

        assert addresses("dora") == {CEO: (False, False)}

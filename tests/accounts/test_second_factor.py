"""Second factors: who must have one, what is kept of one, and that one is asked for."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from cryptography.fernet import InvalidToken
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from routing.accounts import secrets
from routing.models import Membership, Role
from tests.accounts.authenticator_app import code
from tests.accounts.signing_in import PASSWORD, Browser, is_signed_in, page, sign_in, with_password
from tests.conftest import Person

SECOND_STEP = "/accounts/2fa/authenticate/"


@pytest.fixture
def admin() -> User:
    return User.objects.create_superuser("root", "root@platform.example", PASSWORD)


@pytest.fixture
def secret(admin: User) -> str:
    """The administrator's TOTP key."""
    fresh = generate_totp_secret()
    TOTP.activate(admin, fresh)
    return str(fresh)


# ---------------------------------------------------------------- asked for
def test_the_password_alone_lets_nobody_in(client: Browser, secret: str) -> None:
    answer = sign_in(client, "root")

    assert answer.headers["Location"] == SECOND_STEP
    assert not is_signed_in(client)
    assert client.get("/admin/").status_code == 302


def test_with_the_code_one_is_in(client: Browser, secret: str) -> None:
    sign_in(client, "root", next_url="/admin/routing/tenant/")

    answer = client.post(SECOND_STEP, {"code": code(secret)})

    assert answer.headers["Location"] == "/admin/routing/tenant/"
    assert is_signed_in(client)


def test_a_code_is_good_once(secret: str) -> None:
    first, second = Browser(), Browser()
    shown = code(secret)
    for browser in (first, second):
        sign_in(browser, "root")
        browser.post(SECOND_STEP, {"code": shown})

    assert is_signed_in(first)
    assert not is_signed_in(second)


def test_guessing_at_codes_is_stopped(client: Browser, secret: str) -> None:
    sign_in(client, "root")
    right = code(secret)
    wrong = [f"{number:06}" for number in range(20) if f"{number:06}" != right]
    for guess in wrong[:10]:
        client.post(SECOND_STEP, {"code": guess})

    client.post(SECOND_STEP, {"code": code(secret)})

    assert not is_signed_in(client)


def test_a_recovery_code_is_good_once(admin: User, secret: str) -> None:
    one = RecoveryCodes.activate(admin).get_unused_codes()[0]
    first, second = Browser(), Browser()
    for browser in (first, second):
        sign_in(browser, "root")
        browser.post(SECOND_STEP, {"code": one})

    assert is_signed_in(first)
    assert not is_signed_in(second)


# ---------------------------------------------------------------- kept
def test_nothing_that_is_kept_lets_anybody_in(admin: User, secret: str) -> None:
    codes = RecoveryCodes.activate(admin)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        kept = " ".join(str(row[0]) for row in cursor.fetchall())

    assert secret not in kept
    assert not [one for one in codes.get_unused_codes() if one in kept]
    assert secrets.decrypt(Authenticator.objects.get(type="totp").data["secret"]) == secret


def test_a_new_key_of_the_servers_reads_the_old_while_that_is_a_fallback(settings: Settings) -> None:
    kept = secrets.encrypt("hush")
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    with pytest.raises(InvalidToken):
        secrets.decrypt(kept)

    settings.SECRET_KEY_FALLBACKS = [old]

    assert secrets.decrypt(kept) == "hush"


# ---------------------------------------------------------------- required
def test_who_must_have_one_is_led_to_it_before_anything_else(client: Browser, admin: User, settings: Settings) -> None:
    settings.FACADE_MFA_REQUIRED_FOR = ["platform"]
    sign_in(client, "root")

    answer = client.get("/admin/routing/mapping/", follow=True)

    assert answer.redirect_chain == [("/accounts/2fa/", 302)]
    assert "needs two-factor authentication" in page(answer)
    assert client.post("/admin/routing/tenant/add/", {"slug": "evil", "name": "evil"}).status_code == 403


def test_and_gets_on_with_it(client: Browser, secret: str, settings: Settings) -> None:
    settings.FACADE_MFA_REQUIRED_FOR = ["platform"]
    sign_in(client, "root")
    client.post(SECOND_STEP, {"code": code(secret)})

    assert client.get("/admin/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(client: Browser, admin: User, settings: Settings) -> None:
    settings.FACADE_MFA_REQUIRED_FOR = ["platform"]
    Authenticator.objects.create(user=admin, type=Authenticator.Type.RECOVERY_CODES, data={})
    sign_in(client, "root")

    assert client.get("/admin/").headers["Location"] == "/accounts/2fa/"


@pytest.mark.parametrize(("role", "stopped"), [(Role.OWNER, True), (Role.OPERATOR, False), (Role.VIEWER, False)])
def test_only_of_the_roles_that_are_named(
    client: Browser, owner: Person, settings: Settings, role: str, stopped: bool
) -> None:
    settings.FACADE_MFA_REQUIRED_FOR = ["owner", "platform"]
    Membership.objects.update_or_create(user=owner.user, tenant=owner.tenant, defaults={"role": role})
    with_password(owner.user)
    sign_in(client, "alice")

    assert (client.get("/admin/").status_code == 302) == stopped


def test_taking_it_off_leads_back_to_setting_it_up(client: Browser, secret: str, settings: Settings) -> None:
    settings.FACADE_MFA_REQUIRED_FOR = ["platform"]
    sign_in(client, "root")
    client.post(SECOND_STEP, {"code": code(secret)})

    Authenticator.objects.all().delete()

    assert client.get("/admin/").headers["Location"] == "/accounts/2fa/"


def test_changing_a_second_factor_asks_for_the_password_again(client: Browser, admin: User) -> None:
    sign_in(client, "root")

    answer = client.get("/accounts/2fa/totp/activate/")

    assert re.match("/accounts/reauthenticate/", answer.headers["Location"])

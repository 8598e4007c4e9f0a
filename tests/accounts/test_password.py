"""Sign-in by password: who gets in, where to, how often one may guess, and what ends a session."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from pytest_django import Settings

from routing.models import Membership, Role
from tests.accounts.signing_in import LOGIN, PASSWORD, Browser, is_signed_in, page, sign_in, with_password
from tests.conftest import Person

pytestmark = pytest.mark.django_db

TOO_MANY = "Too many failed attempts to sign in"
# django-allauth's default: 5 failures in 5 minutes for one name, 10 a minute for one address.
FAILURES_PER_NAME = 5
FAILURES_PER_ADDRESS = 10


@pytest.fixture
def admin() -> User:
    return User.objects.create_superuser("root", "root@platform.example", PASSWORD)


def test_the_admin_leads_to_the_sign_in_page_and_back(client: Browser, admin: User) -> None:
    asked = client.get("/admin/routing/mapping/", follow=True)
    assert asked.redirect_chain[-1] == (f"{LOGIN}?next=/admin/routing/mapping/", 302)

    answer = sign_in(client, "root", next_url="/admin/routing/mapping/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/routing/mapping/")
    assert client.get("/admin/routing/mapping/").status_code == 200


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/login/?next=/admin/"])
def test_the_admin_has_no_sign_in_form_of_its_own(client: Browser, admin: User, path: str) -> None:
    answer = client.post(path, {"username": "root", "password": PASSWORD})

    assert answer.headers["Location"] == f"{LOGIN}?next=/admin/"
    assert not is_signed_in(client)


def test_by_e_mail_too(client: Browser, admin: User) -> None:
    assert sign_in(client, "root@platform.example").status_code == 302
    assert is_signed_in(client)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:0"])
def test_nobody_is_sent_elsewhere_after_signing_in(client: Browser, admin: User, elsewhere: str) -> None:
    assert sign_in(client, "root", next_url=elsewhere).headers["Location"] == "/admin/"


def test_the_cursor_is_in_the_first_field(client: Browser, admin: User) -> None:
    for answer in (client.get("/accounts/login/"), sign_in(client, "root", "wrong")):
        (field,) = re.findall(r'<input[^>]*name="login"[^>]*>', page(answer))
        assert "autofocus" in field


def test_a_wrong_password_and_an_unknown_name_are_told_alike(client: Browser, admin: User) -> None:
    wrong, unknown = sign_in(client, "root", "wrong"), sign_in(client, "nobody", "wrong")

    message = "The username and/or password you specified are not correct."
    assert message in page(wrong)
    assert message in page(unknown)
    assert not is_signed_in(client)


def test_who_is_inactive_gets_nowhere(client: Browser, admin: User) -> None:
    User.objects.update(is_active=False)

    sign_in(client, "root")

    assert not is_signed_in(client)


def test_who_has_no_role_is_told_so_and_not_sent_in_circles(client: Browser) -> None:
    User.objects.create_user("stranger", password=PASSWORD, is_staff=True)
    sign_in(client, "stranger")

    answer = client.get("/admin/", follow=True)

    assert answer.status_code == 403
    assert "signed in as stranger" in page(answer)


def test_every_member_may_enter_the_admin(client: Browser, owner: Person) -> None:
    with_password(owner.user)
    Membership.objects.filter(user=owner.user).delete()
    Membership.objects.create(user=owner.user, tenant=owner.tenant, role=Role.VIEWER)

    sign_in(client, "alice")

    assert client.get("/admin/").status_code == 200


def test_nobody_makes_an_account_without_an_invitation(client: Browser) -> None:
    form = {"username": "mallory", "password1": PASSWORD, "password2": PASSWORD, "email": "mallory@example.com"}

    for answer in (client.get("/accounts/signup/"), client.post("/accounts/signup/", form)):
        assert "by invitation" in page(answer)
    assert not User.objects.exists()


# ---------------------------------------------------------------- guessing
def test_guessing_at_one_name_is_stopped_from_wherever(admin: User) -> None:
    for guess in range(FAILURES_PER_NAME):
        assert TOO_MANY not in page(sign_in(Browser(), "root", f"wrong {guess}", REMOTE_ADDR=f"198.51.100.{guess}"))

    right = sign_in(Browser(), "root", REMOTE_ADDR="198.51.100.200")

    assert TOO_MANY in page(right)


@pytest.mark.parametrize("spelling", ["ROOT", " root", "root "])
def test_another_spelling_is_the_same_name(admin: User, spelling: str) -> None:
    for guess in range(FAILURES_PER_NAME):
        sign_in(Browser(), "root", f"wrong {guess}", REMOTE_ADDR=f"198.51.100.{guess}")

    assert TOO_MANY in page(sign_in(Browser(), spelling, REMOTE_ADDR="198.51.100.200"))


def test_another_port_in_the_host_is_the_same_name(admin: User) -> None:
    for guess in range(FAILURES_PER_NAME):
        sign_in(Browser(), "root", "wrong", REMOTE_ADDR=f"198.51.100.{guess}", HTTP_HOST=f"testserver:{8000 + guess}")

    assert TOO_MANY in page(sign_in(Browser(), "root", REMOTE_ADDR="198.51.100.200", HTTP_HOST="localhost:9"))


def test_guessing_at_many_names_is_stopped_by_address(admin: User) -> None:
    for guess in range(FAILURES_PER_ADDRESS):
        sign_in(Browser(), f"name{guess}", "wrong", REMOTE_ADDR="198.51.100.1")

    assert TOO_MANY in page(sign_in(Browser(), "root", REMOTE_ADDR="198.51.100.1"))
    assert sign_in(Browser(), "root", REMOTE_ADDR="198.51.100.2").status_code == 302


def test_addresses_told_by_strangers_do_not_count(admin: User) -> None:
    for guess in range(FAILURES_PER_ADDRESS):
        forged = f"203.0.113.{guess}"
        sign_in(Browser(), f"name{guess}", "wrong", REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR=forged)

    answer = sign_in(Browser(), "root", REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="203.0.113.99")

    assert TOO_MANY in page(answer)


def test_people_behind_a_trusted_proxy_are_counted_one_by_one(admin: User, settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.0/28"]
    for guess in range(FAILURES_PER_ADDRESS):
        # The client's own, forged part stands on the left; 10.0.0.2 is a second proxy of ours.
        chain = f"203.0.113.{guess}, 198.51.100.1, 10.0.0.2"
        sign_in(Browser(), f"name{guess}", "wrong", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=chain)

    guesser = sign_in(Browser(), "root", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1")
    other = sign_in(Browser(), "root", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.2")

    assert TOO_MANY in page(guesser)
    assert other.status_code == 302


def test_attempts_are_counted_where_every_worker_sees_them() -> None:
    assert type(cache._connections["default"]).__name__ == "DatabaseCache"  # type: ignore[attr-defined]


# ---------------------------------------------------------------- what ends a session
def test_a_new_password_ends_every_other_session(admin: User) -> None:
    here, elsewhere = Browser(), Browser()
    sign_in(here, "root")
    sign_in(elsewhere, "root")
    new = "another horse, another staple"

    answer = here.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})

    assert answer.status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert elsewhere.get("/admin/").status_code == 302
    assert sign_in(Browser(), "root").status_code == 200
    assert sign_in(Browser(), "root", new).status_code == 302


def test_a_password_set_at_the_command_line_ends_every_session(admin: User) -> None:
    client = Browser()
    sign_in(client, "root")

    with_password(admin, "set by somebody else")

    assert not is_signed_in(client)


@pytest.mark.parametrize("path", ["/accounts/logout/", "/admin/logout/"])
def test_signing_out(client: Browser, admin: User, path: str) -> None:
    sign_in(client, "root")

    client.post(path)

    assert not is_signed_in(client)


def test_a_weak_password_is_refused(client: Browser, admin: User) -> None:
    sign_in(client, "root")

    answer = client.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}
    )

    assert "at least 12 characters" in page(answer)


def test_the_admins_link_to_the_password_leads_to_the_account(client: Browser, admin: User) -> None:
    sign_in(client, "root")

    assert client.get("/admin/password_change/").headers["Location"] == "/accounts/password/change/"

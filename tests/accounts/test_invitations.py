"""Invitations: the link, a new account by it, an existing account with it, and every link that is no good."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from routing.accounts.invitations import deliver_invitation
from routing.models import Invitation, Membership, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.people.members import Invited, invite, withdraw_invitation
from tests.accounts.signing_in import PASSWORD, Browser, is_signed_in, page, sign_in, with_password
from tests.conftest import Person

PAGE = "/accounts/invitation/"
NEW_ACCOUNT = {"username": "dora", "password1": PASSWORD, "password2": PASSWORD}
NOT_VALID = "This invitation is no longer valid"
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


@pytest.fixture
def invited(owner: Person) -> Invited:
    return invite(Actor.command_line(), tenant_id=owner.tenant.pk, email="Dora@example.com", role=Role.OPERATOR)


def link(invited: Invited) -> str:
    return f"{PAGE}{invited.token}/"


def members(tenant: Tenant) -> dict[str, str]:
    return {str(row.user): row.role for row in Membership.objects.filter(tenant=tenant)}


def test_the_secret_is_in_the_address_of_one_request_only(client: Browser, invited: Invited) -> None:
    answer = client.get(link(invited))

    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    assert answer.headers["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    shown = page(client.get(PAGE))
    assert "Invitation to Acme" in shown
    assert "dora@example.com" in shown
    assert invited.token not in shown


def test_a_new_account_becomes_a_member(client: Browser, owner: Person, invited: Invited) -> None:
    client.get(link(invited))

    answer = client.post("/accounts/signup/", NEW_ACCOUNT)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert members(owner.tenant)["dora"] == Role.OPERATOR
    assert User.objects.get(username="dora").email == "dora@example.com"
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (Role.OWNER, "As an owner you invite members, claim hostnames, and change mappings and registries."),
        (Role.OPERATOR, "As an operator you change mappings and registries."),
        (Role.VIEWER, "As a viewer you see everything, and change nothing."),
    ],
)
def test_the_invited_read_what_they_may_do(client: Browser, owner: Person, role: Role, words: str) -> None:
    made = invite(Actor.command_line(), tenant_id=owner.tenant.pk, email="eve@example.com", role=role)

    client.get(link(made))
    deliver_invitation(made)

    assert words in page(client.get(PAGE))
    assert words in str(mail.outbox[-1].body)


def test_opening_a_link_accepts_nothing(client: Browser, owner: Person, invited: Invited) -> None:
    # Mail scanners open every link.
    client.get(link(invited), follow=True)

    assert "dora" not in members(owner.tenant)
    assert Invitation.objects.get().is_open


def test_who_has_an_account_signs_in_and_accepts(client: Browser, outsider: Person, invited: Invited) -> None:
    with_password(outsider.user)
    client.get(link(invited))
    assert sign_in(client, "charles", next_url=PAGE).headers["Location"] == PAGE
    assert "Accept as charles" in page(client.get(PAGE))

    client.post(PAGE)

    assert members(invited.invitation.tenant)["charles"] == Role.OPERATOR


def test_accepting_never_lowers_a_role(client: Browser, owner: Person, invited: Invited) -> None:
    Membership.objects.update_or_create(user=owner.user, tenant=owner.tenant, defaults={"role": Role.OWNER})
    client.force_login(owner.user)
    client.get(link(invited))

    client.post(PAGE)

    assert members(owner.tenant)["alice"] == Role.OWNER


def test_nobody_accepts_without_signing_in(client: Browser, invited: Invited) -> None:
    client.get(link(invited))

    client.post(PAGE)

    assert Invitation.objects.get().is_open


def test_a_used_link(client: Browser, invited: Invited) -> None:
    client.get(link(invited))
    client.post("/accounts/signup/", NEW_ACCOUNT)

    second = Browser().get(link(invited))

    assert second.status_code == 404
    assert NOT_VALID in page(second)


@pytest.mark.parametrize("token", ["forged", "a" * 43, "%00", "..", "' OR 1=1 --"])
def test_a_forged_link(client: Browser, invited: Invited, token: str) -> None:
    answer = client.get(f"{PAGE}{token}/")

    # What isn't even the form of an address is refused before Django sees it.
    assert answer.status_code in (400, 404)
    assert "by invitation" in page(client.get("/accounts/signup/"))


def test_the_hash_that_is_kept_is_no_link(client: Browser, invited: Invited) -> None:
    assert client.get(f"{PAGE}{invited.invitation.token_hash}/").status_code == 404


def test_an_old_link(client: Browser, invited: Invited) -> None:
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert NOT_VALID in page(client.get(link(invited)))


@pytest.mark.parametrize("how", ["expired", "withdrawn"])
def test_a_link_that_goes_bad_while_the_form_is_filled_in(
    client: Browser, owner: Person, invited: Invited, how: str
) -> None:
    client.get(link(invited))
    assert "Create an account" in page(client.get("/accounts/signup/"))
    if how == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        withdraw_invitation(Actor.command_line(), invitation_id=invited.invitation.pk)

    answer = client.post("/accounts/signup/", NEW_ACCOUNT)

    assert "by invitation" in page(answer)
    assert not User.objects.filter(username="dora").exists()
    assert not is_signed_in(client)


def test_two_who_share_a_link_are_not_both_let_in(owner: Person, invited: Invited) -> None:
    first, second = Browser(), Browser()
    first.get(link(invited))
    second.get(link(invited))
    first.post("/accounts/signup/", NEW_ACCOUNT)

    second.post("/accounts/signup/", NEW_ACCOUNT | {"username": "eve"})

    assert not User.objects.filter(username="eve").exists()
    assert "eve" not in members(owner.tenant)


def test_an_invitation_gives_no_more_than_it_says(client: Browser, owner: Person, invited: Invited) -> None:
    client.get(link(invited))
    more = {"is_superuser": "on", "is_staff": "on", "role": "owner", "tenant": "1", "email": "root@platform.example"}

    client.post("/accounts/signup/", NEW_ACCOUNT | more)

    dora = User.objects.get(username="dora")
    assert (dora.is_superuser, dora.is_staff) == (False, False)
    assert members(owner.tenant)["dora"] == Role.OPERATOR


def test_an_address_that_has_an_account_is_not_given_to_another(client: Browser, invited: Invited) -> None:
    User.objects.create_user("dora1", "DORA@example.com", PASSWORD)
    client.get(link(invited))

    client.post("/accounts/signup/", NEW_ACCOUNT)

    assert User.objects.get(username="dora").email == ""


# ---------------------------------------------------------------- the mail
def test_with_mail_the_link_goes_to_the_invited_alone(client: Browser, invited: Invited) -> None:
    assert deliver_invitation(invited) is None

    assert mail.outbox[0].to == ["dora@example.com"]
    assert f"http://testserver{link(invited)}" in mail.outbox[0].body
    assert "Acme" in mail.outbox[0].subject


def test_without_mail_the_inviter_hands_the_link_on(invited: Invited, settings: Settings) -> None:
    settings.EMAIL_BACKEND = NO_MAIL

    assert deliver_invitation(invited) == f"http://testserver{link(invited)}"


def test_a_tenants_name_adds_no_line_to_the_mails_head(invited: Invited) -> None:
    Tenant.objects.update(name="Acme\r\nBcc: everybody@example.com")
    invited.invitation.tenant.refresh_from_db()

    deliver_invitation(invited)

    assert "\n" not in mail.outbox[0].subject
    assert mail.outbox[0].recipients() == ["dora@example.com"]


def test_without_mail_nothing_is_promised(client: Browser, settings: Settings) -> None:
    settings.EMAIL_BACKEND = NO_MAIL

    assert "Forgot password?" in page(client.get("/accounts/login/"))
    answer = client.post("/accounts/password/reset/", {"email": "alice@docker.acme.com"})
    assert answer.status_code == 404
    assert "sends no e-mail" in page(answer)


def test_a_forgotten_password(client: Browser, owner: Person) -> None:
    with_password(owner.user)
    assert "Forgot password?" in page(client.get("/accounts/login/"))

    client.post("/accounts/password/reset/", {"email": owner.user.email})
    stranger = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})

    assert [message.to for message in mail.outbox] == [[owner.user.email]]
    assert stranger.status_code == 302

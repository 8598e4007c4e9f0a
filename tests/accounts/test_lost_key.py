"""SECRET_KEY was lost: what is good no more, what still is, and that nobody meets a page of ours that broke."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from pytest_django import Settings

from routing.models import Role
from routing.services.people.members import invite
from tests.accounts.authenticator_app import code
from tests.accounts.signing_in import Browser, is_signed_in, page, sign_in, with_password
from tests.api.conftest import api_client_for
from tests.conftest import Person

SECOND_STEP = "/accounts/2fa/authenticate/"


def lose_key(settings: Settings) -> None:
    """Nothing is left of the former one."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", []


def test_everybody_is_signed_out(client: Browser, owner: Person, settings: Settings) -> None:
    with_password(owner.user)
    sign_in(client, "alice")
    assert is_signed_in(client)

    lose_key(settings)

    assert not is_signed_in(client)
    sign_in(client, "alice")
    assert is_signed_in(client)


def test_a_link_for_a_new_password_is_good_no_more(client: Browser, owner: Person, settings: Settings) -> None:
    client.post("/accounts/password/reset/", {"email": owner.user.email})
    found = re.search(r"https?://\S+?(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert found is not None

    lose_key(settings)

    answer = client.get(found[1])
    assert answer.status_code == 200
    assert "This link is no longer good" in page(answer)


@pytest.mark.parametrize("kind", ["app", "recovery code"])
def test_second_factors_are_wrong_and_no_fault_of_ours(owner: Person, kind: str, settings: Settings) -> None:
    with_password(owner.user)
    secret = generate_totp_secret()
    TOTP.activate(owner.user, secret)
    given = code(secret) if kind == "app" else RecoveryCodes.activate(owner.user).get_unused_codes()[0]
    client = Browser()
    client.raise_request_exception = False

    lose_key(settings)
    sign_in(client, "alice")
    answer = client.post(SECOND_STEP, {"code": given})

    assert answer.status_code == 200
    assert "be checked any more" in page(answer)
    assert not is_signed_in(client)


def test_api_tokens_and_invitations_stay_good(client: Browser, owner: Person, settings: Settings) -> None:
    api = api_client_for(owner)
    invited = invite(owner.actor, tenant_id=owner.tenant.pk, email="dora@example.com", role=Role.VIEWER)

    lose_key(settings)

    assert api.get("whoami").status_code == 200
    assert "Invitation to Acme" in page(client.get(f"/accounts/invitation/{invited.token}/", follow=True))

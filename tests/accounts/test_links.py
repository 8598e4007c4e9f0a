"""Where the links in mails lead is configured. The `Host` of whoever asks for a mail has no part in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from pytest_django import Settings

from routing.accounts.links import base_url
from routing.core.table.routing_table import Table
from routing.dataplane.live.live_table import live_table
from tests.accounts.signing_in import PASSWORD, Browser, sign_in, with_password
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

HOSTS = ["localhost", "admin.acme.example", "other.acme.example"]
HERE = "https://admin.acme.example:8443"


@pytest.fixture(autouse=True)
def _configured(settings: Settings, table: Callable[[], Table]) -> None:
    settings.FACADE_CONTROL_HOSTS = settings.ALLOWED_HOSTS = HOSTS
    settings.FACADE_PUBLIC_PORT = 8443
    settings.FACADE_TLS = True
    # With these control hosts.
    live_table.table = None
    table()


@pytest.mark.parametrize(
    ("hosts", "tls", "port", "url"),
    [
        (HOSTS, True, 443, "https://admin.acme.example"),
        (HOSTS, True, 8443, HERE),
        (HOSTS, False, 443, "http://admin.acme.example"),
        (HOSTS, False, 8080, "http://admin.acme.example:8080"),
        (["localhost", "127.0.0.1", "[::1]"], True, 8443, "http://localhost:8000"),
    ],
)
def test_one_address(settings: Settings, hosts: list[str], tls: bool, port: int, url: str) -> None:
    settings.FACADE_CONTROL_HOSTS, settings.FACADE_TLS, settings.FACADE_PUBLIC_PORT = hosts, tls, port

    assert base_url() == url


def invited(api: ApiClient, host: str) -> Any:
    """The answer to an invitation that is asked for at that name."""
    return api.client.post(
        "/api/v1/invitations",
        {"tenant": "acme", "email": "dora@example.com", "role": "viewer"},
        content_type="application/json",
        headers={"host": host},
        secure=True,
    )


@pytest.mark.parametrize("host", ["other.acme.example", "admin.acme.example:31337", "localhost:1"])
class TestWhoeverAsks:
    def asked_from(self, host: str) -> Browser:
        return Browser(HTTP_HOST=host)

    def addresses_in_mails(self) -> set[str]:
        text = " ".join(f"{message.subject} {message.body}" for message in mail.outbox)
        assert not re.search(r"other\.acme|31337|localhost", text)
        return set(re.findall(r"https?://[^/\s]+", text))

    def test_a_new_password(self, owner: Person, host: str) -> None:
        with_password(owner.user)

        self.asked_from(host).post("/accounts/password/reset/", {"email": owner.user.email}, secure=True)

        assert len(mail.outbox) == 1
        assert self.addresses_in_mails() == {HERE}

    def test_an_address_to_prove(self, owner: Person, host: str) -> None:
        with_password(owner.user)
        browser = self.asked_from(host)
        sign_in(browser, "alice", secure=True)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD}, secure=True)
        mail.outbox.clear()

        browser.post("/accounts/email/", {"action_add": "", "email": "new@example.com"}, secure=True)

        assert EmailAddress.objects.filter(email="new@example.com").exists()
        assert HERE in self.addresses_in_mails()

    def test_an_invitation(self, owner: Person, api: ApiClient, host: str) -> None:
        answer = invited(api, host)

        assert (answer.status_code, answer.json()["link"]) == (201, None)
        assert self.addresses_in_mails() == {HERE}

    def test_an_invitation_whose_link_is_shown(
        self, owner: Person, api: ApiClient, settings: Settings, host: str
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

        answer = invited(api, host)

        assert answer.json()["link"].startswith(f"{HERE}/accounts/invitation/")


@pytest.fixture
def api(owner: Person) -> ApiClient:
    """Alice's program."""
    return api_client_for(owner)

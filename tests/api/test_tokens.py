"""API tokens: made by whom they act as, shown once, limited, and refused once they are over."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from routing.api.failures import FAILURES
from routing.models import ApiToken, Mapping, Membership, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.mappings.mappings import add_mapping
from routing.services.people.api_tokens import create_api_token
from tests.accounts.signing_in import PASSWORD, Browser, sign_in, with_password
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

PAGE = "/accounts/api-tokens/"


def refused(answer: Any) -> bool:
    """Whether the token wasn't taken, in the way that HTTP says."""
    return bool(answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer"))


@pytest.fixture
def browser(owner: Person) -> Browser:
    """Alice's, who has just given her password once more."""
    client = Browser()
    sign_in(client, with_password(owner.user).get_username())
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_the_page_makes_a_token_shows_it_once_and_revokes_it(browser: Browser, owner: Person) -> None:
    made = browser.post(PAGE, {"name": "deploy", "days": "9"}).content.decode()
    found = re.search(r'id="new-token">(facade_[\w-]{43,})<', made)
    assert found is not None
    secret = found[1]
    token = ApiToken.objects.get()

    assert secret not in browser.get(PAGE).content.decode()
    assert secret not in str(list(ApiToken.objects.values()))
    assert ApiClient(secret).get("whoami").json()["username"] == "alice"
    assert "Last used" in browser.get(PAGE).content.decode()
    assert ApiToken.objects.get().last_used_on == timezone.now().date()

    browser.post(f"{PAGE}{token.pk}/revoke/")
    assert refused(ApiClient(secret).get("whoami"))


def test_the_page_asks_for_the_password_again_where_that_was_long_ago(browser: Browser) -> None:
    session = browser.session
    session["account_authentication_methods"] = [{"method": "password", "at": 0}]
    session.save()

    answer: Any = browser.post(PAGE, {"name": "deploy"})

    assert (answer.status_code, answer.url.partition("?")[0]) == (302, "/accounts/reauthenticate/")
    assert not ApiToken.objects.exists()


def test_the_page_says_what_is_wrong(browser: Browser, outsider: Person) -> None:
    browser.post(PAGE, {"name": "deploy"})
    again = browser.post(PAGE, {"name": "deploy"})
    theirs = browser.post(PAGE, {"name": "other", "tenant": outsider.tenant.pk})

    assert again.status_code == theirs.status_code == 422
    assert "Globex" not in theirs.content.decode()
    assert ApiToken.objects.count() == 1


def test_a_second_factor_is_needed_where_a_role_needs_one(browser: Browser, owner: Person, settings: Settings) -> None:
    api = api_client_for(owner)
    settings.FACADE_MFA_REQUIRED_FOR = ["owner"]

    led: Any = browser.post(PAGE, {"name": "deploy"})
    assert led.url == "/accounts/2fa/"
    with pytest.raises(CommandError, match="two-factor"):
        call_command("create_api_token", "alice", "deploy")
    answer = api.get("whoami")
    assert (answer.status_code, "two-factor" in answer.json()["message"]) == (403, True)
    assert ApiToken.objects.count() == 1

    Authenticator.objects.create(user=owner.user, type=Authenticator.Type.TOTP, data={})
    assert api.get("whoami").status_code == 200


def test_the_command_prints_a_token(owner: Person) -> None:
    out = StringIO()
    call_command("create_api_token", "alice", "deploy", "--tenant", "acme", "--read-only", "--days", "3", stdout=out)

    token = ApiClient(out.getvalue().strip()).get("whoami").json()["token"]
    assert (token["tenant"], token["read_only"]) == ("acme", True)
    with pytest.raises(CommandError, match="No active user"):
        call_command("create_api_token", "nobody", "deploy")


def test_expired_unknown_and_missing_tokens_are_refused_in_the_same_way(owner: Person) -> None:
    api = api_client_for(owner, days=1)
    assert api.get("whoami").status_code == 200
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    expired, unknown = api.get("whoami"), ApiClient("facade_forged").get("whoami")

    assert refused(expired)
    assert refused(unknown)
    # But for the id of each request.
    assert expired.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert refused(ApiClient().get("whoami"))
    for header in ("Bearer", "Bearer  ", "Basic YWxpY2U6eA==", "x" * 5000, "Bearer \u00fc"):
        assert refused(ApiClient().client.get("/api/v1/whoami", headers={"authorization": header})), header


def test_a_deactivated_persons_token_is_refused(owner: Person, api: ApiClient) -> None:
    owner.user.is_active = False
    owner.user.save()

    assert refused(api.get("whoami"))


def test_a_token_loses_what_its_person_loses(owner: Person, api: ApiClient) -> None:
    Membership.objects.filter(user=owner.user).delete()

    assert api.get("whoami").json()["roles"] == []
    assert api.get("hostnames").json() == {"items": [], "count": 0}


def test_a_token_for_one_tenant_knows_no_other(owner: Person, outsider: Person) -> None:
    Membership.objects.create(tenant=outsider.tenant, user=owner.user, role="owner")
    api = api_client_for(owner, tenant_id=outsider.tenant.pk)

    assert [item["hostname"] for item in api.get("hostnames").json()["items"]] == ["docker.globex.com"]
    assert api.get(f"hostnames/{owner.hostname.pk}").status_code == 404
    added = api.send("post", "mappings", hostname="docker.acme.com", prefix="x", target="quay.io/x")
    assert added.status_code == 404


def test_an_operator_of_the_platform_by_a_token_for_one_tenant_is_its_owner_and_no_more(
    owner: Person, outsider: Person
) -> None:
    owner.user.is_superuser = True
    owner.user.save()
    api = api_client_for(
        Person(owner.user, Actor.person(owner.user), owner.tenant, owner.hostname), tenant_id=outsider.tenant.pk
    )

    assert api.get("whoami").json()["is_platform_operator"] is False
    assert api.get("tenants").json()["count"] == 1
    assert api.send("post", "tenants", slug="new", name="New").status_code == 403
    assert not Tenant.objects.filter(slug="new").exists()
    added = api.send("post", "mappings", hostname="docker.globex.com", prefix="x", target="quay.io/x")
    assert added.status_code == 201


def test_a_token_makes_and_ends_no_token(owner: Person) -> None:
    actor = Actor.token(owner.user, "t", None, False)

    with pytest.raises(PermissionDenied):
        create_api_token(actor, user=owner.user, name="more")


def test_tokens_are_bounded(owner: Person, outsider: Person) -> None:
    with pytest.raises(ServiceError, match="1 to 3650"):
        create_api_token(owner.actor, user=owner.user, name="x", days=0)
    with pytest.raises(NotFound):
        create_api_token(owner.actor, user=owner.user, name="x", tenant_id=outsider.tenant.pk)
    with pytest.raises(ServiceError):
        create_api_token(owner.actor, user=owner.user, name=" ")
    for number in range(100):
        create_api_token(owner.actor, user=owner.user, name=str(number))
    with pytest.raises(ServiceError, match="at most 100"):
        create_api_token(owner.actor, user=owner.user, name="x")


def test_wrong_tokens_are_counted_and_right_ones_never_held_up(api: ApiClient) -> None:
    answers = [ApiClient("facade_wrong").get("whoami") for _ in range(FAILURES + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert (answers[-1].status_code, answers[-1].headers["Retry-After"]) == (429, "60")
    assert api.get("whoami").status_code == 200


def test_no_token_is_logged(owner: Person, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.DEBUG = True
    caplog.set_level(logging.DEBUG)
    made = create_api_token(owner.actor, user=owner.user, name="t")

    for header in (f"Bearer {made.secret}", f"Bearer wrong{made.secret}", f"Token {made.secret}"):
        ApiClient().client.get("/api/v1/mappings/0", headers={"authorization": header})

    assert caplog.records
    assert made.secret not in caplog.text


def test_the_history_says_by_which_token(owner: Person, api: ApiClient) -> None:
    add_mapping(owner.actor, "", hostname="docker.acme.com", prefix="a", target="quay.io/a")
    mapping = api.get("mappings").json()["items"][0]

    api.send("patch", f"mappings/{mapping['id']}", target="quay.io/b", reason="moved")

    latest = Mapping.history.filter(id=mapping["id"]).latest()
    assert (latest.actor, latest.history_user, latest.history_change_reason) == (
        "alice (token tests)",
        owner.user,
        "moved",
    )

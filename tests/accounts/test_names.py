"""Names of users, tenants and API tokens, by every door by which they come in."""

import pytest
from django.contrib.auth.models import User

from routing.models import ApiToken, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.people.api_tokens import create_api_token
from routing.services.people.members import invite
from routing.services.people.tenants import add_tenant, update_tenant
from tests.accounts.signing_in import PASSWORD, Browser, page
from tests.conftest import Person

PLATFORM = Actor("olga", is_operator=True)
BAD = [
    "Acme\nBcc: everybody@example.com",
    "Acme\N{RIGHT-TO-LEFT OVERRIDE}",
    "\N{CYRILLIC CAPITAL LETTER A}cme",
    "Ac\N{ZERO WIDTH SPACE}me",
]


@pytest.mark.parametrize("name", BAD)
def test_a_tenants_name(owner: Person, name: str) -> None:
    with pytest.raises(ServiceError, match="no name"):
        add_tenant(PLATFORM, "", slug="new", name=name)
    with pytest.raises(ServiceError, match="no name"):
        update_tenant(PLATFORM, "", tenant_id=owner.tenant.pk, name=name)

    assert Tenant.objects.get().name == "Acme"


def test_is_normalised(owner: Person) -> None:
    made = add_tenant(PLATFORM, "", slug="new", name="  \N{FULLWIDTH LATIN CAPITAL LETTER G}lobex   Ltd ")

    assert Tenant.objects.get(pk=made.pk).name == "Globex Ltd"


@pytest.mark.parametrize("name", BAD)
def test_an_api_tokens_name_which_stands_in_everybodys_history(owner: Person, name: str) -> None:
    with pytest.raises(ServiceError, match="no name"):
        create_api_token(owner.actor, user=owner.user, name=name)

    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("name", ["d\N{CYRILLIC SMALL LETTER O}ra", "dora\N{RIGHT-TO-LEFT OVERRIDE}", "do\nra"])
def test_a_user_name(client: Browser, owner: Person, name: str) -> None:
    token = invite(owner.actor, tenant_id=owner.tenant.pk, email="dora@example.com", role="viewer").token
    client.get(f"/accounts/invitation/{token}/")

    answer = client.post("/accounts/signup/", {"username": name, "password1": PASSWORD, "password2": PASSWORD})

    assert answer.status_code == 200
    assert "errorlist" in page(answer) or "error" in page(answer)
    assert User.objects.count() == 1


def test_a_user_name_is_normalised_and_then_taken_or_not(client: Browser, owner: Person) -> None:
    token = invite(owner.actor, tenant_id=owner.tenant.pk, email="dora@example.com", role="viewer").token
    client.get(f"/accounts/invitation/{token}/")
    wide = "\N{FULLWIDTH LATIN SMALL LETTER A}lice"

    client.post("/accounts/signup/", {"username": wide, "password1": PASSWORD, "password2": PASSWORD})
    assert User.objects.count() == 1
    client.post("/accounts/signup/", {"username": f"{wide}2", "password1": PASSWORD, "password2": PASSWORD})

    assert User.objects.filter(username="alice2").exists()

"""Sign-in by a real OpenID Connect provider: claims give and take roles, and every lie of the provider's is refused."""

import json
import re
from collections.abc import Iterator
from html import unescape
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.e2e.facade import Facade
from tests.e2e.oidc_provider import OidcProvider

LOGIN = "/accounts/oidc/sso/login/"
CALLBACK = "/accounts/oidc/sso/login/callback/"
ROLES = "acme-admins=acme:owner,acme-devs=acme:operator,sre=*:platform,globex-all=globex:viewer"
NEW_PASSWORD = "one more battery, one more staple"


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        yield running


@pytest.fixture(scope="module")
def facade(provider: OidcProvider) -> Iterator[Facade]:
    settings = provider.settings(FACADE_OIDC_ROLES=ROLES, FACADE_PROBE_ON_SAVE="false")
    with Facade(workers=2, **settings) as running:
        save = "add_tenant(Actor.program('set-up'), '', slug=slug, name=slug.title()).pk"
        run(running, f"[{save} for slug in ('acme', 'globex')]")
        yield running
        # Whatever the provider said, nothing broke. (Django logs a refusal with its traceback, as a warning.)
        log = running.log()
        broken = log.find("Internal Server Error")
        assert broken < 0, log[broken - 500 :][:5000]


def run(facade: Facade, expression: str) -> Any:
    """The value of a Python expression beside the server, by way of JSON."""
    source = (
        "import json\n"
        "from django.contrib.auth.models import User\n"
        "from routing.models import *\n"
        "from routing.services.base.actor import Actor\n"
        "from routing.services.people.members import *\n"
        "from routing.services.people.tenants import add_tenant\n"
        f"print('=', json.dumps({expression}, default=str))\n"
    )
    return json.loads(facade.manage("shell", "--no-imports", "-c", source).rpartition("= ")[2])


def roles(facade: Facade, sub: str) -> dict[str, str]:
    """The roles of whoever the provider knows by this name; `*` is the platform."""
    given = f"{{m.tenant.slug: m.role for m in Membership.objects.filter(user__socialaccount__uid='{sub}')}}"
    platform = f"User.objects.filter(socialaccount__uid='{sub}', is_superuser=True).exists()"
    found: dict[str, str] = run(facade, f"{given} | ({{'*': 'platform'}} if {platform} else {{}})")
    return found


def session_end(facade: Facade, visitor: "Visitor") -> str:
    """When the visitor's session ends, as the database has it."""
    key = visitor.http.cookies["sessionid"]
    read = f"__import__('django.contrib.sessions.models').contrib.sessions.models.Session.objects.get(pk={key!r})"
    return str(run(facade, f"str({read}.expire_date)"))


# Each address has its share of sign-ins a minute, and these tests take more than one together.
_ADDRESSES = (f"127.1.{number // 250}.{number % 250 + 1}" for number in count())


class Visitor:
    """A browser without script, at an address of its own, which follows links by hand."""

    def __init__(self, facade: Facade) -> None:
        way = httpx2.HTTPTransport(local_address=next(_ADDRESSES))
        self.http = httpx2.Client(base_url=facade.url, timeout=30, transport=way)

    def form(self, path: str, **fields: str) -> httpx2.Response:
        """Fill in and send the form of a page."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.http.get(path).text)
        assert token is not None
        return self.http.post(path, data={"csrfmiddlewaretoken": token[1], **fields})

    def to_provider(self, path: str = LOGIN) -> str:
        """Press the button; where the page that answers goes on to."""
        leaving = self.form(path)
        onward = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', leaving.text)
        assert onward is not None, leaving.text
        return unescape(onward[1])

    def back(self, onward: str) -> str:
        """Where the provider sends the browser back to."""
        return str(httpx2.get(onward, timeout=30).headers["Location"])

    def sign_in(self, path: str = LOGIN) -> httpx2.Response:
        """All of it; the answer to the way back."""
        return self.http.get(self.back(self.to_provider(path)))

    @property
    def is_in(self) -> bool:
        return self.http.get("/accounts/2fa/").status_code == 200


@pytest.fixture
def visitor(facade: Facade) -> Iterator[Visitor]:
    visitor = Visitor(facade)
    yield visitor
    visitor.http.close()


@pytest.fixture
def person(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Somebody of this test's own."""
    name = re.sub(r"\W+", "-", request.node.name)[:60]
    return {"sub": name, "preferred_username": name, "email": f"{name}@example.com", "email_verified": True}


def test_a_claim_gives_a_role_and_its_loss_takes_it(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person | {"groups": ["acme-admins", "unrelated"]})
    assert visitor.sign_in().headers["Location"] == "/admin/"
    assert visitor.http.get("/admin/").status_code == 200
    assert roles(facade, person["sub"]) == {"acme": "owner"}

    provider.says(person | {"groups": ["acme-devs", "globex-all"]})
    Visitor(facade).sign_in()
    assert roles(facade, person["sub"]) == {"acme": "operator", "globex": "viewer"}

    provider.says(person | {"groups": []})
    Visitor(facade).sign_in()
    assert roles(facade, person["sub"]) == {}
    # At once, in the session that is open elsewhere as well.
    assert visitor.http.get("/admin/", follow_redirects=True).status_code == 403


def test_a_sign_in_that_was_begun_before_restores_nothing(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person | {"groups": ["acme-admins"]})
    visitor.sign_in()
    slow = Visitor(facade)
    way_back = slow.back(slow.to_provider())
    provider.says(person | {"groups": []})
    Visitor(facade).sign_in()

    slow.http.get(way_back)

    assert slow.is_in
    assert roles(facade, person["sub"]) == {}


def test_beginning_another_sign_in_does_not_make_the_session_last_longer(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person | {"groups": ["acme-admins"]})
    visitor.sign_in()
    end = session_end(facade, visitor)

    visitor.to_provider(f"{LOGIN}?process=connect")

    assert session_end(facade, visitor) == end


def test_operators_of_the_platform(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person | {"groups": ["sre"]})
    visitor.sign_in()
    assert roles(facade, person["sub"]) == {"*": "platform"}

    provider.says(person)
    visitor.sign_in()
    assert roles(facade, person["sub"]) == {}


def test_who_has_no_role_gets_no_account(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person | {"groups": ["unrelated"]})

    answer = visitor.sign_in()

    assert "by invitation" in answer.text
    assert not visitor.is_in
    assert run(facade, f"User.objects.filter(username='{person['sub']}').count()") == 0


def test_the_invited_get_one(facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]) -> None:
    tenant = "Tenant.objects.get(slug='globex').pk"
    invite = f"invite(Actor.command_line(), tenant_id={tenant}, email='x@example.com', role='operator').token"
    visitor.http.get(f"/accounts/invitation/{run(facade, invite)}/")
    provider.says(person)

    visitor.sign_in()

    assert roles(facade, person["sub"]) == {"globex": "operator"}
    # People gave it, so the provider, which says nothing about it, doesn't take it.
    Visitor(facade).sign_in()
    assert roles(facade, person["sub"]) == {"globex": "operator"}


def test_signing_in_by_password_does_not_keep_what_the_provider_took(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person | {"groups": ["acme-admins"]})
    visitor.sign_in()
    visitor.form("/accounts/password/set/", password1=NEW_PASSWORD, password2=NEW_PASSWORD)

    other = Visitor(facade)
    other.form("/accounts/login/", login=person["sub"], password=NEW_PASSWORD)

    assert other.is_in
    assert roles(facade, person["sub"]) == {}


def test_an_account_with_a_password_is_connected_by_its_owner_only(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    name = person["sub"]
    account = f"User.objects.create_user('{name}', '{person['email']}', '{NEW_PASSWORD}')"
    proved = f"EmailAddress.objects.create(user={account}, email='{person['email']}', verified=True).pk"
    run(facade, f"__import__('allauth.account.models').account.models.{proved}")
    provider.says(person | {"groups": ["acme-admins"]})
    answer = visitor.sign_in()
    assert "You already have an account" in answer.text
    assert not visitor.is_in

    visitor.form("/accounts/login/", login=name, password=NEW_PASSWORD)
    visitor.form("/accounts/reauthenticate/", password=NEW_PASSWORD)
    connected = visitor.sign_in(f"{LOGIN}?process=connect")

    assert connected.headers["Location"] == "/accounts/3rdparty/"
    after = Visitor(facade)
    after.sign_in()
    assert after.is_in
    assert roles(facade, name) == {"acme": "owner"}


FAULTS = [
    "another key",
    "unsigned",
    "signed with the client's secret",
    "other issuer",
    "other audience",
    "expired",
    "no id token",
    "other subject in user info",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lying_provider_lets_nobody_in(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any], fault: str
) -> None:
    provider.says(person | {"groups": ["sre"]}, fault)

    answer = visitor.sign_in()

    assert answer.status_code == 401
    assert "Sign-in failed" in answer.text
    assert not visitor.is_in


# What is not of the form that the specifications give it: a refusal with a page, and never a fault of the facade's.
ODD: dict[str, dict[str, Any]] = {
    "an empty subject": {"id token": {"sub": ""}, "user info": {"sub": ""}},
    "a subject of blanks": {"id token": {"sub": "  "}, "user info": {"sub": "  "}},
    "a long subject": {"id token": {"sub": "x" * 1000}, "user info": {"sub": "x" * 1000}},
    "a number as subject": {"id token": {"sub": 5}, "user info": {"sub": 5}},
    "no subject": {"id token": {"sub": None}},
    "null as subject of the user info": {"user info": {"sub": None}},
    "no expiry": {"id token": {"exp": None}},
    "a word as expiry": {"id token": {"exp": "tomorrow"}},
    "no time of issue": {"id token": {"iat": None}},
    "another party": {"id token": {"azp": "another client"}},
    "several audiences and no party": {"id token": {"aud": ["registry-facade", "another"]}},
    "a list as party": {"id token": {"azp": ["registry-facade"]}},
    "no nonce": {"id token": {"nonce": None}},
    "another nonce": {"id token": {"nonce": "of another sign-in"}},
    "a number as nonce": {"id token": {"nonce": 5}},
    "a word as lifetime": {"token": {"expires_in": "junk"}},
    "a list as lifetime": {"token": {"expires_in": [1]}},
    "an endless lifetime": {"token": {"expires_in": 10**30}},
    "a number as access token": {"token": {"access_token": 5}},
    "an object as ID token": {"token": {"id_token": {}}},
    "a word as ID token": {"token": {"id_token": "junk"}},
    "NUL in a name": {"user info": {"name": "\0"}},
    "half a character": {"user info": {"name": "\ud800"}},
    "no address of the user info": {"metadata": {"userinfo_endpoint": 5}},
    "a list as token endpoint": {"metadata": {"token_endpoint": ["http://127.0.0.1/"]}},
    "a script as authorization endpoint": {"metadata": {"authorization_endpoint": "javascript:alert(1)//"}},
    "a number as methods": {"metadata": {"token_endpoint_auth_methods_supported": 5}},
}
ANSWERS = ["null", "[]", "5", '"text"', "{", "<html>", "", "[" * 5000, '{"keys": 5}', '{"sub": NaN}']


def refused(answer: httpx2.Response, visitor: Visitor) -> None:
    assert (answer.status_code, "Sign-in failed" in answer.text) == (401, True)
    assert not visitor.is_in


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_provider_lets_nobody_in_and_is_no_fault_of_ours(
    provider: OidcProvider, visitor: Visitor, person: dict[str, Any], odd: str
) -> None:
    person |= {"groups": ["sre"]}
    if "metadata" in ODD[odd]:
        provider.says(person, instead=ODD[odd])
        refused(visitor.form(LOGIN), visitor)
    provider.says(person)
    way_back = visitor.back(visitor.to_provider())
    provider.says(person, instead=ODD[odd])

    refused(visitor.http.get(way_back), visitor)


@pytest.mark.parametrize("where", ["metadata", "keys", "token", "user info"])
def test_answers_that_are_none(facade: Facade, provider: OidcProvider, person: dict[str, Any], where: str) -> None:
    person |= {"groups": ["sre"]}
    for text in ANSWERS:
        visitor = Visitor(facade)
        provider.says(person)
        way_back = visitor.back(visitor.to_provider())
        provider.says(person, f"{where} {text}")

        refused(visitor.http.get(way_back), visitor)


def test_the_user_infos_empty_claim_is_its_word(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person | {"groups": ["acme-admins"]})
    visitor.sign_in()

    nothings: list[Any] = [[], "", None, {}]
    for nothing in nothings:
        provider.says(person | {"groups": ["acme-admins"]}, instead={"user info": {"groups": nothing}})
        Visitor(facade).sign_in()
        assert roles(facade, person["sub"]) == {}


def test_nothing_in_the_address_reaches_the_provider(
    provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    provider.says(person)
    more = f"{LOGIN}?scope=admin,all&auth_params=prompt%3Dnone%26redirect_uri%3Dhttps://evil.example&process=redirect"

    asked = parse_qs(urlsplit(visitor.to_provider(more)).query)

    assert "prompt" not in asked
    assert sorted(asked["scope"][0].split()) == ["email", "openid", "profile"]
    assert urlsplit(asked["redirect_uri"][0]).path == CALLBACK
    assert len(asked["nonce"][0]) >= 32


def test_a_subject_of_another_issuer_is_somebody_else(person: dict[str, Any]) -> None:
    with OidcProvider() as first, OidcProvider() as second:
        person |= {"groups": ["sre"], "email": ""}
        with Facade(workers=1, **first.settings(FACADE_OIDC_ROLES=ROLES)) as facade:
            first.says(person)
            Visitor(facade).sign_in()
            # As the release before kept it.
            run(
                facade,
                "__import__('allauth.socialaccount.models').socialaccount.models"
                ".SocialAccount.objects.update(provider='sso')",
            )
            own = Visitor(facade)
            own.sign_in()
            assert run(facade, "User.objects.filter(socialaccount__isnull=False).count()") == 1
            facade.kill()

            facade.env |= second.settings()
            facade.start()
            second.says(person | {"groups": ["globex-all", "sre"]})
            visitor = Visitor(facade)
            visitor.sign_in()

            assert visitor.is_in
            assert run(facade, "User.objects.filter(socialaccount__isnull=False).count()") == 2


def test_metadata_of_another_issuer(provider: OidcProvider, visitor: Visitor, person: dict[str, Any]) -> None:
    provider.says(person | {"groups": ["sre"]}, "other issuer in metadata")

    answer = visitor.form(LOGIN)

    assert answer.status_code == 401
    assert "Sign-in failed" in answer.text


def test_a_person_who_changes_their_mind(provider: OidcProvider, visitor: Visitor, person: dict[str, Any]) -> None:
    provider.says(person, "cancelled")

    assert visitor.sign_in().headers["Location"] == "/accounts/3rdparty/login/cancelled/"
    assert not visitor.is_in


def test_a_way_back_that_this_browser_did_not_begin(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    # Login CSRF: the attacker's own way back, opened in somebody else's browser.
    provider.says(person | {"groups": ["sre"]})
    attacker = Visitor(facade)
    back = attacker.back(attacker.to_provider())

    answer = visitor.http.get(back)

    assert answer.status_code == 401
    assert not visitor.is_in


def test_a_code_of_somebody_elses_way_is_refused(
    facade: Facade, provider: OidcProvider, visitor: Visitor, person: dict[str, Any]
) -> None:
    # PKCE: a stolen code is of no use with another's state.
    provider.says(person | {"groups": ["sre"]})
    victim = Visitor(facade)
    stolen = parse_qs(urlsplit(victim.back(victim.to_provider())).query)["code"][0]
    own = parse_qs(urlsplit(visitor.back(visitor.to_provider())).query)["state"][0]

    answer = visitor.http.get(CALLBACK, params={"code": stolen, "state": own})

    assert answer.status_code == 401
    assert not visitor.is_in


def test_signing_in_is_not_begun_by_a_link(visitor: Visitor) -> None:
    answer = visitor.http.get(LOGIN)

    assert answer.status_code == 200
    assert "refresh" not in answer.text


def test_an_unknown_provider(visitor: Visitor) -> None:
    assert visitor.http.get("/accounts/oidc/other/login/").status_code == 404


def test_a_provider_that_is_gone_is_no_error_of_ours() -> None:
    with OidcProvider() as provider:
        settings = provider.settings()
    with Facade(workers=1, **settings) as facade:
        answer = Visitor(facade).form(LOGIN)

        assert answer.status_code == 401
        assert "Sign-in failed" in answer.text
        assert Visitor(facade).http.get("/accounts/login/").status_code == 200
        assert "Traceback" not in facade.log()

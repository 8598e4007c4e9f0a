"""Security keys and passkeys: for whom they sign, where from, and that there is one of each."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from fido2.webauthn import AuthenticatorData
from pytest_django import Settings

from routing.accounts.webauthn import is_origin_of
from routing.core.table.routing_table import Table
from routing.dataplane.live.live_table import live_table
from tests.accounts.signing_in import PASSWORD, Browser, is_signed_in, page, sign_in
from tests.accounts.software_authenticator import SoftwareAuthenticator

HOST, ORIGIN = "facade.acme.com", "https://facade.acme.com"
ADD, SECOND_STEP, PASSKEY = (
    "/accounts/2fa/webauthn/add/",
    "/accounts/2fa/authenticate/",
    "/accounts/2fa/webauthn/login/",
)


@pytest.fixture(autouse=True)
def _is_the_control_host(settings: Settings, table: Callable[[], Table]) -> None:
    settings.FACADE_CONTROL_HOSTS = settings.ALLOWED_HOSTS = [HOST, "other.acme.com", "localhost"]
    live_table.table = None
    table()


@pytest.fixture
def dora() -> User:
    return User.objects.create_user("dora", "dora@example.com", PASSWORD)


@pytest.fixture
def key(dora: User) -> SoftwareAuthenticator:
    """Dora's security key."""
    key = SoftwareAuthenticator(HOST, ORIGIN)
    assert add(browser(), key)
    return key


def browser(host: str = HOST) -> Browser:
    return Browser(HTTP_HOST=host, **{"wsgi.url_scheme": "https"})


def options(text: str, name: str) -> dict[str, Any]:
    """What a page tells its script."""
    found = re.search(r"<script id=\"js_data\" type=\"application/json\">(.*?)</script>", text, re.DOTALL)
    assert found is not None, text
    told: dict[str, Any] = json.loads(unescape(found[1]))[name]
    return told


def add(client: Browser, key: SoftwareAuthenticator, **client_data: Any) -> bool:
    """Sign in as Dora and register the key; whether it was taken."""
    sign_in(client, "dora")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    asked = options(page(client.get(ADD)), "creation_options")
    client.post(ADD, {"name": "blue", "credential": json.dumps(key.register(asked, **client_data))})
    return bool(Authenticator.objects.filter(type="webauthn").exists())


def use(key: SoftwareAuthenticator, host: str = HOST, **client_data: Any) -> Browser:
    """A browser after password and key."""
    client = browser(host)
    sign_in(client, "dora")
    asked = options(page(client.get(SECOND_STEP)), "request_options")
    client.post(SECOND_STEP, {"credential": json.dumps(key.sign(asked, **client_data))})
    return client


def test_a_key_signs_its_person_in(key: SoftwareAuthenticator) -> None:
    key.count += 1

    assert is_signed_in(use(key))


# ---------------------------------------------------------------- where from
LIES: list[dict[str, Any]] = [
    {"origin": "https://docker.facade.acme.com"},
    {"origin": "https://acme.com"},
    {"origin": "https://other.acme.com"},
    {"origin": "http://facade.acme.com"},
    {"origin": "https://facade.acme.com:8443"},
    {"origin": "https://facade.acme.com/page"},
    {"origin": "https://somebody@facade.acme.com"},
    {"origin": "https://facade.acme.com:junk"},
    {"origin": ["https://facade.acme.com"]},
    {"cross_origin": True},
    {"cross_origin": "no"},
    {"topOrigin": "https://evil.example"},
]


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_a_signature_from_elsewhere_is_refused(key: SoftwareAuthenticator, lie: dict[str, Any]) -> None:
    key.count += 1

    assert not is_signed_in(use(key, **lie))


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_a_key_from_elsewhere_is_not_taken(dora: User, lie: dict[str, Any]) -> None:
    assert not add(browser(), SoftwareAuthenticator(HOST, ORIGIN), **lie)


def test_each_control_host_has_keys_of_its_own(dora: User, key: SoftwareAuthenticator) -> None:
    key.count += 1

    assert not is_signed_in(use(key, "other.acme.com"))
    key.origin = "https://other.acme.com"
    assert not is_signed_in(use(key, "other.acme.com"))


@pytest.mark.parametrize("host", ["FACADE.acme.com", "facade.acme.com:8443", "facade.acme.com."])
def test_the_relying_party_is_the_configured_name_however_it_is_asked_for(dora: User, host: str) -> None:
    client = browser(host)
    sign_in(client, "dora")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    asked = options(page(client.get(ADD)), "creation_options")

    assert asked["publicKey"]["rp"] == {"id": HOST, "name": "Registry Facade"}


@pytest.mark.parametrize(
    ("origin", "name", "port", "good"),
    [
        ("https://facade.acme.com", HOST, 443, True),
        ("https://facade.acme.com:443", HOST, 443, True),
        ("https://facade.acme.com:8443", HOST, 8443, True),
        ("https://facade.acme.com", HOST, 8443, False),
        ("http://localhost:8000", "localhost", 443, True),
        ("https://localhost", "localhost", 443, True),
        ("http://localhost.evil.example", "localhost", 443, False),
        ("ftp://localhost", "localhost", 443, False),
        ("https://", HOST, 443, False),
        ("", HOST, 443, False),
        ("null", HOST, 443, False),
        (None, HOST, 443, False),
    ],
)
def test_origins(settings: Settings, origin: object, name: str, port: int, good: bool) -> None:
    settings.FACADE_PUBLIC_PORT = port

    assert is_origin_of(origin, name) is good


# ---------------------------------------------------------------- copies
@pytest.mark.parametrize(
    ("counts", "taken"), [([2, 3], True), ([2, 2], False), ([5, 4], False), ([1], False), ([0], False)]
)
def test_a_count_that_does_not_go_on_is_a_copys(key: SoftwareAuthenticator, counts: list[int], taken: bool) -> None:
    for count in counts:
        key.count = count
        client = use(key)

    assert is_signed_in(client) is taken


def test_passkeys_that_do_not_count_are_taken(dora: User) -> None:
    key = SoftwareAuthenticator(HOST, ORIGIN)
    key.count = 0
    assert add(browser(), key)

    assert is_signed_in(use(key))
    assert is_signed_in(use(key))


# ---------------------------------------------------------------- in place of a password
def passkey_options(client: Browser) -> dict[str, Any]:
    asked: dict[str, Any] = client.get(PASSKEY, headers={"accept": "application/json"}).json()["request_options"]
    return asked


def test_a_passkey_signs_its_person_in(key: SoftwareAuthenticator) -> None:
    client = browser()
    key.count += 1

    client.post(PASSKEY, {"credential": json.dumps(key.sign(passkey_options(client)))})

    assert is_signed_in(client)


def test_a_touch_alone_is_not_enough_also_with_a_challenge_of_the_second_step(
    dora: User, key: SoftwareAuthenticator
) -> None:
    # The thief of Dora's key has an account of their own, whose second step asks for a touch only.
    thief = User.objects.create_user("thief", password=PASSWORD)
    own = Authenticator.objects.get(user=dora, type="webauthn")
    Authenticator.objects.create(user=thief, type="webauthn", data=own.data)
    client = browser()
    sign_in(client, "thief")
    asked = options(page(client.get(SECOND_STEP)), "request_options")
    key.flags, key.count = AuthenticatorData.FLAG.UP, 2

    client.post(PASSKEY, {"credential": json.dumps(key.sign(asked))})

    assert not is_signed_in(client)


# ---------------------------------------------------------------- junk
JUNK: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    {"response": None},
    {"response": {"userHandle": 5}},
    {"id": "x", "rawId": "!"},
]


@pytest.mark.parametrize("junk", [*map(json.dumps, JUNK), "[" * 5000, "{"], ids=lambda text: text[:20])
@pytest.mark.parametrize("where", [ADD, SECOND_STEP, PASSKEY, "/accounts/2fa/reauthenticate/webauthn/"])
def test_a_credential_that_is_none_is_a_refusal(dora: User, where: str, junk: str) -> None:
    client = browser()
    if where != PASSKEY:
        key = SoftwareAuthenticator(HOST, ORIGIN)
        assert add(client, key)
    if where == SECOND_STEP:
        client = browser()
        sign_in(client, "dora")
    client.get(where)

    assert client.post(where, {"credential": junk}).status_code < 500
    assert Authenticator.objects.filter(type="webauthn").count() == (where != PASSKEY)


@pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
@pytest.mark.parametrize("value", ["", "AAAA", "!", None, 5, {}])
def test_a_signature_with_junk_in_it_is_a_refusal(key: SoftwareAuthenticator, member: str, value: object) -> None:
    client = browser()
    credential = key.sign(passkey_options(client))
    credential["response"][member] = value

    assert client.post(PASSKEY, {"credential": json.dumps(credential)}).status_code < 500
    assert not is_signed_in(client)

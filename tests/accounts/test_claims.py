"""Which ID tokens count, and what is taken of a provider's claims."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pytest_django import Settings

from routing.accounts.claims import roles_given_by, taken_from, verify_id_token
from routing.accounts.plain_json import NotPlain, parse_object
from routing.accounts.provider import account_key
from routing.accounts.provider_http import ProviderError

ISSUER, CLIENT, NONCE = "https://login.acme.com", "facade", "n" * 43
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_JWK = RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "1", "use": "sig", "alg": "RS256"}
EC_JWK = ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": "2"}


def claims(**other: Any) -> dict[str, Any]:
    now = int(time.time())
    given = {"iss": ISSUER, "sub": "dora", "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": NONCE} | other
    return {name: value for name, value in given.items() if value is not None}


def verify(token: Any, keys: Any = None) -> Any:
    return verify_id_token(token, keys or {"keys": [RSA_JWK, EC_JWK]}, issuer=ISSUER, client_id=CLIENT, nonce=NONCE)


def signed(headers: dict[str, Any] | None = None, **other: Any) -> str:
    return jwt.encode(claims(**other), RSA_KEY, algorithm="RS256", headers=headers or {"kid": "1"})


@pytest.mark.parametrize(
    "other",
    [{}, {"aud": [CLIENT]}, {"azp": CLIENT}, {"aud": [CLIENT, "another"], "azp": CLIENT}, {"auth_time": 1}],
)
def test_a_good_one(other: dict[str, Any]) -> None:
    assert verify(signed(**other))["sub"] == "dora"


def test_by_another_kind_of_key() -> None:
    assert verify(jwt.encode(claims(), EC_KEY, algorithm="ES256", headers={"kid": "2"}))["sub"] == "dora"


def test_one_without_the_id_of_its_key_where_there_is_one_key_only() -> None:
    token = jwt.encode(claims(), RSA_KEY, algorithm="RS256")

    assert verify(token, {"keys": [RSA_JWK]})["sub"] == "dora"
    with pytest.raises(ProviderError):
        verify(token)


@pytest.mark.parametrize(
    "other",
    [
        {"exp": None},
        {"exp": 1},
        {"iat": None},
        {"iss": None},
        {"iss": "https://another.example"},
        {"aud": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": {}},
        {"aud": [CLIENT, "another"]},
        {"azp": "another"},
        {"azp": 5},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": "another"},
        {"nonce": [NONCE]},
        {"nbf": time.time() + 3600},
    ],
)
def test_bad_ones(other: dict[str, Any]) -> None:
    with pytest.raises((ProviderError, jwt.PyJWTError)):
        verify(signed(**other))


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": ["1"]}, {"keys": [RSA_JWK | {"use": "enc"}]}])
def test_keys_that_are_none(keys: dict[str, Any]) -> None:
    with pytest.raises(ProviderError):
        verify(signed(), keys or {"keys": []})


def test_the_key_of_one_algorithm_is_not_taken_for_another() -> None:
    with pytest.raises(jwt.PyJWTError):
        verify(jwt.encode(claims(), EC_KEY, algorithm="ES256", headers={"kid": "1"}))


# ---------------------------------------------------------------- what is taken
def test_only_what_is_needed_is_kept() -> None:
    said = {"sub": "dora", "email": "d@x.example", "phone_number": "1", "groups": ["a"], "address": {"country": "x"}}

    assert taken_from(said) == {"sub": "dora", "email": "d@x.example", "email_verified": False, "groups": ["a"]}


@pytest.mark.parametrize(
    "moment", [10**4000, -1, 1e300, True, "1", [1]], ids=["huge", "-1", "1e300", "true", "text", "list"]
)
def test_a_moment_that_is_none(moment: object) -> None:
    with pytest.raises(ProviderError):
        taken_from({"sub": "dora", "auth_time": moment})


@pytest.mark.parametrize(
    ("said", "verified"),
    [(True, True), ("true", True), ("false", False), (1, False), ("yes", False), ([], False), (None, False)],
)
def test_when_an_address_is_verified(said: object, verified: bool) -> None:
    assert taken_from({"sub": "dora", "email_verified": said})["email_verified"] is verified


@pytest.mark.parametrize("name", ["email", "preferred_username", "name", "given_name", "family_name"])
@pytest.mark.parametrize("value", [5, None, [], ["x"], {"x": 1}, True])
def test_what_is_no_text_is_left_out(name: str, value: object) -> None:
    assert name not in taken_from({"sub": "dora", name: value})


@pytest.mark.parametrize("sub", [None, "", " ", 5, ["dora"], "a\nb", "x" * 192, True])
def test_subjects_that_are_none(sub: object) -> None:
    with pytest.raises(ProviderError):
        taken_from({"sub": sub})


@pytest.mark.parametrize(
    ("claim", "info", "token", "given"),
    [
        ("groups", {"groups": ["a"]}, {"groups": ["b"]}, "a"),
        ("groups", {}, {"groups": ["b"]}, "b"),
        ("groups", {"groups": []}, {"groups": ["b"]}, ""),
        ("groups", {"groups": None}, {"groups": ["b"]}, ""),
        ("groups", {"groups": ""}, {"groups": ["b"]}, ""),
        ("groups", {"groups": "a"}, {}, "a"),
        ("groups", {"groups": [5, None, ["a"], "b"]}, {}, "b"),
        ("realm.roles", {"realm": {"roles": ["a"]}}, {"realm": {"roles": ["b"]}}, "a"),
        ("realm.roles", {"realm": {"roles": []}}, {"realm": {"roles": ["b"]}}, ""),
        ("realm.roles", {"realm": {}}, {"realm": {"roles": ["b"]}}, ""),
        ("realm.roles", {"realm": []}, {"realm": {"roles": ["b"]}}, ""),
        ("realm.roles", {"other": {}}, {"realm": {"roles": ["b"]}}, "b"),
        ("https://acme.com/roles", {"https://acme.com/roles": ["a"]}, {}, "a"),
    ],
)
def test_which_word_on_the_roles_counts(
    settings: Settings, claim: str, info: dict[str, Any], token: dict[str, Any], given: str
) -> None:
    settings.FACADE_OIDC_CLAIM = claim
    settings.FACADE_OIDC_ROLES = ["a=a:viewer", "b=b:viewer"]
    said = {"userinfo": taken_from({"sub": "dora"} | info), "id_token": taken_from({"sub": "dora"} | token)}

    assert [role.tenant for role in roles_given_by(said)] == ([given] if given else [])


# ---------------------------------------------------------------- answers
DEEP = b'{"a":' * 9000 + b"1" + b"}" * 9000
NO_OBJECTS = [b"", b"null", b"[]", b"1", b"{", b"\xff{}", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\u0000"}', DEEP]


@pytest.mark.parametrize("content", [*NO_OBJECTS, b'{"a":"\\ud800"}'], ids=lambda content: repr(content[:20]))
def test_answers_that_are_no_object_that_a_database_takes(content: bytes) -> None:
    with pytest.raises(NotPlain) as refusal:
        parse_object(content)
    assert len(str(refusal.value)) < 100


def test_accounts_are_kept_apart_by_issuer() -> None:
    assert account_key("sso", "https://a.example/") == account_key("sso", "https://a.example")
    assert account_key("sso", "https://a.example") != account_key("sso", "https://b.example")

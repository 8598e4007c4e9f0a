"""Everything that is encrypted is read under the former key and written under the new one, and can be broken off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import Settings

from routing import crypto
from routing.accounts import secrets
from routing.accounts.mail import LETTER
from routing.crypto import LETTERS, key_id, key_id_of, keys_for
from routing.jobs.queue import enqueue
from routing.models import Job
from routing.moving import sealed_values
from routing.moving.sealed_values import PLACES
from tests.commands.facade import facade
from tests.conftest import Person

FORMER, PRESENT = "the key of last year, which somebody has seen", "the key of this year, which nobody has seen"
NO_ACCOUNTS = "0 webhooks, 0 registry accounts, 0 mapping accounts"
LETTER_TEXT = json.dumps({"to": ["alice@example.com"]})


@pytest.fixture
def factors(owner: Person, settings: Settings) -> dict[str, Any]:
    """Alice's second factors and a mail that waits, all from before the key was changed."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = FORMER, []
    secret = generate_totp_secret()
    TOTP.activate(owner.user, secret)
    codes = RecoveryCodes.activate(owner.user).get_unused_codes()
    enqueue(LETTER, "a", "", {"sealed": keys_for(LETTERS).encrypt(LETTER_TEXT.encode()).decode()})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = PRESENT, [FORMER]
    return {"secret": secret, "codes": codes}


def stored() -> list[Any]:
    data = Authenticator.objects.order_by("pk").values_list("data", flat=True)
    return [*data, *Job.objects.values_list("arguments", flat=True)]


def test_what_was_under_the_former_key_needs_it_no_more(
    factors: dict[str, Any], owner: Person, settings: Settings
) -> None:
    done = facade("rotate-keys")

    assert done.status == 0
    assert done.out.splitlines() == [
        f"Encrypted 3 rows under key {key_id(PRESENT)}",
        f"key {key_id(PRESENT)} (SECRET_KEY): 2 second factors, {NO_ACCOUNTS}, 1 mails that wait",
        f"key {key_id(FORMER)} (SECRET_KEY_FALLBACKS): 0 second factors, {NO_ACCOUNTS}, 0 mails that wait",
    ]
    settings.SECRET_KEY_FALLBACKS = []
    totp = Authenticator.objects.get(user=owner.user, type="totp")
    assert secrets.decrypt(totp.data["secret"]) == factors["secret"]
    assert RecoveryCodes.activate(owner.user).get_unused_codes() == factors["codes"]
    assert keys_for(LETTERS).decrypt(Job.objects.get().arguments["sealed"].encode()).decode() == LETTER_TEXT


def test_a_code_that_was_used_stays_used(factors: dict[str, Any], owner: Person) -> None:
    assert RecoveryCodes.activate(owner.user).validate_code(factors["codes"][3])

    call_command("rotate_keys")

    assert not RecoveryCodes.activate(owner.user).validate_code(factors["codes"][3])
    assert RecoveryCodes.activate(owner.user).validate_code(factors["codes"][4])


def test_codes_that_another_program_made_are_taken_along(owner: Person, settings: Settings) -> None:
    settings.SECRET_KEY = FORMER
    data = {"migrated_codes": [secrets.encrypt("111"), secrets.encrypt("222")]}
    Authenticator.objects.create(user=owner.user, type="recovery_codes", data=data)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = PRESENT, [FORMER]

    facade("rotate-keys")

    settings.SECRET_KEY_FALLBACKS = []
    assert RecoveryCodes.activate(owner.user).get_unused_codes() == ["111", "222"]


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(factors: dict[str, Any]) -> None:
    before = stored()

    told = facade("rotate-keys", "--dry-run", "--json").json

    assert (told["changed"], told["dry_run"], told["rows"]) == (True, True, 3)
    assert told["keys"][1] == {
        "key_id": key_id(FORMER),
        "rows": {
            "second factors": 2,
            "webhooks": 0,
            "registry accounts": 0,
            "mapping accounts": 0,
            "mails that wait": 1,
        },
    }
    assert stored() == before


def test_it_goes_on_where_it_was_broken_off(factors: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_values, "_BATCH_ROWS", 1)
    real, calls = crypto.resealed, 0

    def breaks_off(*arguments: Any) -> str:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(sealed_values, "resealed", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        facade("rotate-keys")
    monkeypatch.setattr(sealed_values, "resealed", real)

    assert facade("rotate-keys", "--json").json["rows"] == 2


def test_once_more_changes_nothing(factors: dict[str, Any]) -> None:
    facade("rotate-keys")
    before = stored()

    done = facade("rotate-keys", "--json")

    assert (done.status, done.json["changed"]) == (0, False)
    assert stored() == before


def test_what_no_key_opens_is_told_and_stays(factors: dict[str, Any], settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = []
    before = stored()

    done = facade("rotate-keys")

    assert done.status == 3
    assert f"No key of this server opens 2 second factors, {NO_ACCOUNTS}, 1 mails that wait." in done.err
    assert stored() == before


def test_a_key_is_named_and_never_told(factors: dict[str, Any]) -> None:
    done = facade("rotate-keys", "--json")

    assert len(key_id(PRESENT)) == 8
    assert key_id(PRESENT) != key_id(FORMER)
    assert PRESENT not in done.out
    assert FORMER not in done.out


def test_a_text_tells_under_which_key_it_is(settings: Settings) -> None:
    settings.SECRET_KEY = FORMER
    sealed = secrets.encrypt("text")
    settings.SECRET_KEY = PRESENT

    assert key_id_of(crypto.SECOND_FACTORS, sealed) is None
    assert key_id_of(crypto.SECOND_FACTORS, sealed, [FORMER]) == key_id(FORMER)
    assert key_id_of(crypto.LETTERS, sealed, [FORMER]) is None
    assert key_id_of(crypto.SECOND_FACTORS, "no such text") is None


def test_security_keys_hold_no_secret_and_stay(owner: Person, factors: dict[str, Any]) -> None:
    data = {"name": "secret", "credential": {"secret": "of another kind"}}
    key = Authenticator.objects.create(user=owner.user, type="webauthn", data=data)

    assert facade("rotate-keys").status == 0

    key.refresh_from_db()
    assert key.data == data


def test_every_use_of_the_key_has_its_place() -> None:
    """A new one is either kept in a row, where it has to be found, or in none."""
    constants = {name: value for name, value in vars(crypto).items() if isinstance(value, str) and name.isupper()}
    uses = {value for name, value in constants.items() if not name.startswith("_")}

    unkept = {crypto.SEALED_TOKENS, crypto.API_TOKENS, crypto.ECHO_QUESTIONS, crypto.ECHO_ANSWERS}
    unkept |= {crypto.SHARED_REPORTS}
    assert uses == {place.use for place in PLACES} | unkept


def test_many_rows_are_told_of_meanwhile(
    django_user_model: type[User], settings: Settings, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    settings.SECRET_KEY = FORMER
    people = [django_user_model(username=f"person{number}") for number in range(7)]
    for user in django_user_model.objects.bulk_create(people):
        Authenticator.objects.create(user=user, type="totp", data={"secret": secrets.encrypt("x")})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = PRESENT, [FORMER]
    monkeypatch.setattr(sealed_values, "_BATCH_ROWS", 3)
    monkeypatch.setattr(sealed_values, "_TELL_SECONDS", 0)

    done = facade("rotate-keys")

    assert done.err.splitlines()[:2] == ["second factors: 3 of 7 rows", "second factors: 6 of 7 rows"]

"""What wrong API tokens cost: after the limit, nothing in the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from routing.api import failures
from routing.api.failures import FAILURE_SECONDS, FAILURES
from routing.services.people.api_tokens import create_api_token, is_of_our_making, revoke_api_token
from tests.api.conftest import ApiClient
from tests.conftest import Person

ELSEWHERE = "203.0.113.7"


@pytest.fixture(autouse=True)
def _nobody_is_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_blocks", failures._Blocks())


def ask(secret: str, address: str = ELSEWHERE) -> Any:
    return ApiClient(secret).client.get("/api/v1/whoami", REMOTE_ADDR=address)


def go_over_the_limit(address: str = ELSEWHERE) -> None:
    answers = [ask(f"facade_wrong{number}", address).status_code for number in range(FAILURES + 1)]
    assert answers == [401] * FAILURES + [429]


def test_after_the_limit_they_ask_the_database_nothing(django_assert_num_queries: Any) -> None:
    go_over_the_limit()

    with django_assert_num_queries(0):
        answers = [ask(secret) for secret in ("facade_wrong", "x", "facade_" + 51 * "a", "\u00e4")]
    assert [(each.status_code, each.headers["Retry-After"]) for each in answers] == [(429, "60")] * 4
    assert ask("facade_wrong", "203.0.113.8").status_code == 401


def test_the_addresses_of_one_subscriber_count_together(django_assert_num_queries: Any) -> None:
    for number in range(FAILURES + 1):
        ask("facade_wrong", f"2001:db8:0:1::{number:x}")

    with django_assert_num_queries(0):
        assert ask("facade_wrong", "2001:db8:0:1:ffff::1").status_code == 429
    assert ask("facade_wrong", "2001:db8:0:2::1").status_code == 401


def test_a_right_one_is_not_held_up_and_ends_it(api: ApiClient, owner: Person) -> None:
    go_over_the_limit()
    made = create_api_token(owner.actor, user=owner.user, name="another")

    assert ask(made.secret).status_code == 200
    # Once more over the limit at once: the count of the minute stands.
    assert ask("facade_wrong").status_code == 429


def test_one_that_was_revoked_is_looked_up_once(owner: Person, django_assert_num_queries: Any) -> None:
    made = create_api_token(owner.actor, user=owner.user, name="gone")
    revoke_api_token(owner.actor, token_id=made.token.pk)
    go_over_the_limit()

    assert ask(made.secret).status_code == 429
    with django_assert_num_queries(0):
        assert ask(made.secret).status_code == 429


def test_it_ends_with_its_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    go_over_the_limit()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + FAILURE_SECONDS + 1)
    cache.clear()

    assert ask("facade_wrong").status_code == 401


def test_what_is_kept_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_MAX_ADDRESSES", 3)
    blocks = failures._Blocks()

    for number in range(10):
        blocks.add(f"203.0.113.{number}")

    assert [blocks.refused_at(f"203.0.113.{number}") is not None for number in (0, 6, 7, 9)] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    "change", [lambda secret: secret[:-1] + "!", lambda secret: secret.replace("facade_", "facade-"), lambda _: ""]
)
def test_nobody_makes_up_a_token_of_our_form(owner: Person, change: Callable[[str], str]) -> None:
    secret = create_api_token(owner.actor, user=owner.user, name="ours").secret

    assert is_of_our_making(secret)
    assert not is_of_our_making(change(secret))

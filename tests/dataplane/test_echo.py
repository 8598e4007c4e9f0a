"""The doctor's question (R18): answered to whoever holds the key, and to nobody else, alike by every way in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import AsyncClient, Client
from pytest_django import Settings

from routing.core.decide import Request
from routing.core.grammar.echo import ECHO_PATH, ECHO_SECONDS, EchoQuestion
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, Table, TenantEntry
from routing.crypto import ECHO_ANSWERS, ECHO_QUESTIONS, is_signature, signature
from routing.dataplane.live.live_table import live_table
from tests.dataplane.wire import send, send_async, send_before_django

HOST = "docker.acme.com"
NONCE = "0f" * 16
LENGTH = 43


@pytest.fixture(autouse=True)
def _table(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    live_table.table = Table.build(Policy(), 1, [("acme", TenantEntry("Acme"))], [], [(HOST, HostEntry("acme"))], [])


def question(*, at: float | None = None, padding: int = 0, signed: str = ECHO_QUESTIONS) -> str:
    """The path of one that is signed, just now unless said otherwise."""
    asked = EchoQuestion(int(time.time() if at is None else at), padding, NONCE)
    return asked._replace(signature=signature(signed, asked.signed_text, LENGTH)).path


def ask(path: str, **headers: str) -> Any:
    return Client().get(path, headers={"host": HOST, **headers})


def seen(answer: Any) -> dict[str, Any]:
    """What it says, where its signature is of this very question."""
    told = json.loads(answer.content)
    assert is_signature(ECHO_ANSWERS, NONCE + told["seen"], told["proof"])
    assert len(told["proof"]) == LENGTH
    facts: dict[str, Any] = json.loads(told["seen"])
    return facts


def test_r18_2_it_says_how_the_request_came(settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["127.0.0.1"]
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.9, 198.51.100.4", "x-forwarded-host": HOST}

    facts = seen(ask(question(), authorization="Bearer 12345", **forwarded))

    assert abs(facts.pop("clock") - time.time()) < 60
    assert facts == {
        "scheme": "https",
        "host": HOST,
        "peer": "127.0.0.1",
        "is_peer_trusted": True,
        "client": "198.51.100.4",
        "forwarded": ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"],
        "authorization_length": 12,
        "http_version": "1.1",
    }


def test_r18_2_what_an_untrusted_proxy_says_counts_for_nothing_and_is_told() -> None:
    facts = seen(ask(question(), **{"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.9"}))

    assert (facts["scheme"], facts["client"], facts["is_peer_trusted"]) == ("http", "127.0.0.1", False)
    assert facts["forwarded"] == ["x-forwarded-for", "x-forwarded-proto"]


@pytest.mark.parametrize("host", ["elsewhere.example", "10.0.0.7:8000", "docker_acme.com", "localhost"])
def test_r18_2_it_is_answered_at_any_host_which_it_tells(host: str) -> None:
    facts = seen(ask(question(), host=host))

    assert facts["host"] == ("" if "_" in host else host)


def test_r18_2_with_as_long_a_header_field_as_was_asked_for() -> None:
    assert "x-padding" not in ask(question()).headers
    assert ask(question(padding=8192)).headers["x-padding"] == "p" * 8192


FORGED: dict[str, Callable[[], str]] = {
    "no question": lambda: f"{ECHO_PATH}x",
    "nothing": lambda: ECHO_PATH,
    "no signature": lambda: f"{ECHO_PATH}{int(time.time())}.0.{NONCE}.{'s' * LENGTH}",
    "signed for another use": lambda: question(signed=ECHO_ANSWERS),
    "another nonce": lambda: question().replace(NONCE, "1e" * 16),
    "more bytes than were signed": lambda: question().replace(".0.", ".1.", 1),
    "long ago": lambda: question(at=0),
}


@pytest.mark.parametrize("forged", FORGED)
def test_r18_3_strangers_are_told_nothing(forged: str) -> None:
    answer = ask(FORGED[forged]())

    assert answer.status_code == 404
    (error,) = json.loads(answer.content)["errors"]
    assert error["code"] == "UNSUPPORTED"
    assert "127.0.0.1" not in answer.content.decode()


def test_r18_3_a_question_is_good_for_a_minute() -> None:
    now = time.time()

    for off in (-ECHO_SECONDS - 5, ECHO_SECONDS + 5):
        assert ask(question(at=now + off)).status_code == 404
    for off in (5 - ECHO_SECONDS, ECHO_SECONDS - 5):
        assert ask(question(at=now + off)).status_code == 200


def test_r18_3_a_facade_with_another_key_answers_no_question_of_this_one(settings: Settings) -> None:
    path = question()
    settings.SECRET_KEY = "another key than that"

    assert ask(path).status_code == 404

    settings.SECRET_KEY_FALLBACKS = ["a key from before", "no-secret-at-all"]
    assert ask(path).status_code == 404


async def test_by_every_way_in_the_answer_is_the_same() -> None:
    for path in (f"{ECHO_PATH}x", question(at=0)):
        request = Request("GET", HOST, path)
        wire = send(Client(), request)

        assert wire == await send_async(AsyncClient(), request) == await send_before_django(request)
    assert (await send_before_django(Request("GET", HOST, question(padding=9)))).headers["x-padding"] == "p" * 9
    head = await send_before_django(Request("HEAD", HOST, question()))
    assert (head.status, head.body) == (200, b"")

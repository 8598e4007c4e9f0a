"""What no database takes is refused before any is asked: PostgreSQL has no NUL in a text."""

import pytest
from django.conf import settings

from routing.accounts.sessions import SessionStore
from tests.accounts.signing_in import LOGIN, Browser, page


@pytest.mark.parametrize("query", ["next=%00", "%00=1", "a=b&prefix=x%00y"])
def test_a_query_with_a_nul(query: str) -> None:
    answer = Browser().get(f"{LOGIN}?{query}")

    assert answer.status_code == 400
    assert "NUL" in page(answer)


@pytest.mark.parametrize("path", ["/admin/", LOGIN])
def test_a_form_with_a_nul(path: str) -> None:
    assert Browser().post(path, {"login": "alice", "reason": "because\0"}).status_code == 400
    assert Browser().post(path, {"login": "alice", "rea\0son": "because"}).status_code == 400


def test_words_of_the_same_letters_pass() -> None:
    assert Browser().get(f"{LOGIN}?next=%2500").status_code == 200


@pytest.mark.parametrize("key", ["\0" * 32, "a" * 31 + "\0", "\xe4" * 32, "a-b" * 11])
def test_a_cookie_with_what_is_no_key_opens_no_session(key: str) -> None:
    assert SessionStore(key).session_key is None
    browser = Browser()
    # As browsers never write it, and servers read it: in quotes, by octal numbers (RFC 2109's heirs in http.cookies).
    quoted = "".join(f"\\{ord(letter):03o}" for letter in key)
    assert browser.get(LOGIN, HTTP_COOKIE=f'{settings.SESSION_COOKIE_NAME}="{quoted}"').status_code == 200


def test_a_key_of_ours_is_one() -> None:
    session = SessionStore()
    session["a"] = "b"
    session.save()

    assert SessionStore(session.session_key)["a"] == "b"

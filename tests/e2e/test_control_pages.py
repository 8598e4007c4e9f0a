"""The account pages of the real server, with several workers: counted attempts, headers, cookies, trusted proxies."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.e2e.facade import PASSWORD, USERNAME, Facade
from tests.e2e.lab.process import wait_until

SIGN_IN = "/accounts/login/"
PUBLIC = "facade.acme.test"
FAILURES_PER_NAME = 5


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    settings: dict[str, Any] = {"FACADE_CONTROL_HOSTS": f"localhost,{PUBLIC}", "FACADE_TRUSTED_PROXIES": "127.0.0.1"}
    with Facade(workers=3, GUNICORN_CMD_ARGS="--access-logfile -", **settings) as running:
        yield running


def attempt(facade: Facade, password: str, address: str) -> httpx2.Response:
    """One try of somebody at this address, on connections of its own, so that any worker may get it."""
    headers = {"X-Forwarded-For": address, "Connection": "close"}
    with httpx2.Client(base_url=facade.url, headers=headers, timeout=30) as http:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', http.get(SIGN_IN).text)
        assert token is not None
        return http.post(SIGN_IN, data={"csrfmiddlewaretoken": token[1], "login": USERNAME, "password": password})


def test_the_workers_count_attempts_together(facade: Facade) -> None:
    for guess in range(FAILURES_PER_NAME):
        assert attempt(facade, f"wrong {guess}", f"198.51.100.{guess}").status_code == 200

    assert "Too many failed attempts to sign in" in attempt(facade, PASSWORD, "198.51.100.99").text


@pytest.mark.parametrize("path", ["invitation/", "password/reset/key/1-", "confirm-email/"])
def test_the_access_log_tells_no_secret(facade: Facade, path: str) -> None:
    token = secrets.token_urlsafe(32)
    link = f"/accounts/{path}{token}/"

    for method in ("GET", "HEAD", "PUT", "POST"):
        facade.request(method, link, headers={"Referer": facade.url + link}, body=b"")
    facade.request("GET", f"{SIGN_IN}?next={link}&code={token}")

    wait_until(lambda: facade.log().count("[hidden]") >= 5, "all of it is in the log")
    assert token not in facade.log()


def test_behind_a_trusted_proxy(facade: Facade) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": PUBLIC}

    answer = facade.request("GET", SIGN_IN, host="inner.example", headers=headers)

    assert answer.status == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["set-cookie"].startswith("__Host-csrftoken=")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_in_the_clear(facade: Facade) -> None:
    here = facade.request("GET", SIGN_IN)
    assert here.status == 200
    assert "Secure" not in here.headers["set-cookie"]
    assert "strict-transport-security" not in here.headers

    elsewhere = facade.request("GET", SIGN_IN, host=PUBLIC)
    assert (elsewhere.status, elsewhere.headers["location"]) == (301, f"https://{PUBLIC}{SIGN_IN}")


def test_from_a_stranger_nothing_is_believed() -> None:
    with Facade(workers=1, FACADE_CONTROL_HOSTS=f"localhost,{PUBLIC}") as facade:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost"}

        assert "strict-transport-security" not in facade.request("GET", SIGN_IN, headers=headers).headers
        assert facade.request("GET", SIGN_IN, host="unknown.example", headers=headers).status == 404
        refused = facade.request("GET", SIGN_IN, host=PUBLIC, headers=headers)
        assert refused.status == 403
        assert b"FACADE_TRUSTED_PROXIES" in refused.body

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


def test_an_ordinary_refusal_is_one_line_of_the_log(facade: Facade) -> None:
    """403 for whoever is signed in without a role, 404 for anybody: neither is a fault of the program."""
    made = f"from django.contrib.auth.models import User; User.objects.create_user('visitor', password='{PASSWORD}')"
    facade.manage("shell", "-v0", "-c", made)
    with httpx2.Client(
        base_url=facade.url, headers={"X-Forwarded-For": "198.51.100.200"}, timeout=30, follow_redirects=True
    ) as http:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', http.get(SIGN_IN).text)
        assert token is not None
        http.post(SIGN_IN, data={"csrfmiddlewaretoken": token[1], "login": "visitor", "password": PASSWORD})
        paths = {"/admin/": 403, "/admin/routing/mapping/": 403, "/nothing/here/": 404}
        assert {path: http.get(path).status_code for path in paths} == paths

    wait_until(lambda: facade.log().count("Forbidden") >= 2, "both are in the log")
    assert "Not Found: /nothing/here/" in facade.log()
    assert "Traceback" not in facade.log()


def test_no_page_warns_of_how_it_is_sent(facade: Facade) -> None:
    page = facade.request("GET", SIGN_IN).body.decode()
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)

    assert {facade.request("GET", file).status for file in files} == {200}
    assert facade.request("HEAD", files[0]).status == 200
    assert facade.request("GET", files[0], headers={"Range": "bytes=0-9"}).status == 206
    assert len(facade.request("GET", files[0], headers={"Range": "bytes=0-9"}).body) == 10
    assert "StreamingHttpResponse" not in facade.log()


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

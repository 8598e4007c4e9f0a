"""Scheme, host and client as trusted proxies tell them; nothing in the clear but on this machine; cookies' flags."""

import os
import subprocess
import sys
from collections.abc import Callable
from http.cookies import Morsel
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from routing.accounts.transport import TransportMiddleware, client_address
from routing.core.grammar.hosts import is_loopback
from routing.core.table.routing_table import Table
from routing.dataplane.live.live_table import live_table
from tests.accounts.signing_in import PASSWORD, Browser, page, sign_in

PROXY = "10.0.0.1"
STRANGER = "198.51.100.7"
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _as_deployed(settings: Settings, table: Callable[[], Table]) -> None:
    settings.FACADE_TLS = True
    settings.FACADE_CONTROL_HOSTS = settings.ALLOWED_HOSTS = ["facade.acme.test", "localhost", "127.0.0.1", "[::1]"]
    settings.FACADE_TRUSTED_PROXIES = [PROXY]
    # The control hosts are part of the table.
    live_table.table = None
    table()


def seen(**variables: Any) -> tuple[str, str]:
    """The scheme and host that a view sees of a request with these WSGI variables."""
    found: list[tuple[str, str]] = []

    def view(request: HttpRequest) -> HttpResponse:
        found.append((request.scheme or "", request.get_host()))
        return HttpResponse()

    TransportMiddleware(view)(RequestFactory().get("/", **{"HTTP_HOST": "localhost", **variables}))
    return found[0]


# ---------------------------------------------------------------- whom we believe
def test_a_trusted_proxy_says_that_it_was_https() -> None:
    assert seen(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO="https") == ("https", "localhost")


def test_nobody_else_does() -> None:
    assert seen(REMOTE_ADDR=STRANGER, HTTP_X_FORWARDED_PROTO="https") == ("http", "localhost")
    assert seen(REMOTE_ADDR="", HTTP_X_FORWARDED_PROTO="https") == ("http", "localhost")


def test_a_trusted_proxy_says_which_host_was_asked_for() -> None:
    variables = {"HTTP_X_FORWARDED_HOST": "facade.acme.test", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_HOST": "inner"}

    assert seen(REMOTE_ADDR=PROXY, **variables) == ("https", "facade.acme.test")


def test_a_strangers_forwarded_host_is_not_read() -> None:
    assert seen(REMOTE_ADDR=STRANGER, HTTP_X_FORWARDED_HOST="evil.example") == ("http", "localhost")


@pytest.mark.parametrize("scheme", ["", "ftp", ",https", "javascript", "http\x00s"])
def test_a_scheme_that_makes_no_sense_is_not_taken(scheme: str) -> None:
    assert seen(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO=scheme)[0] == "http"


def test_of_several_schemes_the_outermost_proxys_is_taken() -> None:
    assert seen(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO="https, http")[0] == "https"
    assert seen(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO="http, https")[0] == "http"


def test_a_proxy_that_says_http_takes_https_away() -> None:
    assert seen(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO="http", **{"wsgi.url_scheme": "https"})[0] == "http"


async def test_likewise_where_the_server_is_asynchronous() -> None:
    found: list[str] = []

    async def view(request: HttpRequest) -> HttpResponse:
        found.append(request.scheme or "")
        return HttpResponse()

    headers = [(b"host", b"localhost"), (b"x-forwarded-proto", b"https")]
    for peer in (PROXY, STRANGER):
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "scheme": "http",
            "client": (peer, 1),
            "headers": headers,
        }
        answer: Any = TransportMiddleware(view)(ASGIRequest(scope, BytesIO()))
        await answer

    assert found == ["https", "http"]


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        (STRANGER, "203.0.113.1", STRANGER),
        (PROXY, "203.0.113.1", "203.0.113.1"),
        (PROXY, "203.0.113.9, 203.0.113.1", "203.0.113.1"),
        (PROXY, f"203.0.113.1, {PROXY}", "203.0.113.1"),
        (PROXY, "203.0.113.1, nonsense", PROXY),
        (PROXY, "", PROXY),
        (PROXY, PROXY, PROXY),
        (PROXY, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_who_the_client_is(peer: str, chain: str, client: str) -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=chain)) == client


# ---------------------------------------------------------------- nothing in the clear
def test_plain_http_is_sent_on_to_https(client: Browser) -> None:
    answer = client.get(f"{LOGIN}?next=/admin/", HTTP_HOST="facade.acme.test:80")

    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://facade.acme.test{LOGIN}?next=/admin/")
    assert not answer.cookies


def test_it_is_sent_on_to_the_port_where_tls_ends(client: Browser, settings: Settings) -> None:
    settings.FACADE_PUBLIC_PORT = 8443

    answer = client.get(f"{LOGIN}?next=/admin/", HTTP_HOST="facade.acme.test:8080")

    assert answer.headers["Location"] == f"https://facade.acme.test:8443{LOGIN}?next=/admin/"


@pytest.mark.parametrize(
    ("port", "origin"), [(443, "https://facade.acme.test"), (8443, "https://facade.acme.test:8443")]
)
def test_forms_are_taken_from_pages_of_the_public_port(port: int, origin: str, tmp_path: Path) -> None:
    """A proxy that hands on the name without the port leaves Django nothing else to compare `Origin` with."""
    environment = {"FACADE_PUBLIC_PORT": str(port), "FACADE_CONTROL_HOSTS": "facade.acme.test"}
    program = "import facade_site.settings as s; print(*s.CSRF_TRUSTED_ORIGINS)"

    read = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment | {"FACADE_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert read.stdout.split() == [origin]


def test_a_password_in_the_clear_is_refused_rather_than_redirected(client: Browser) -> None:
    assert sign_in(client, "root", HTTP_HOST="facade.acme.test").status_code == 403


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_and_prometheus_are_answered_in_the_clear(client: Browser, path: str) -> None:
    assert client.get(path, HTTP_HOST="facade.acme.test").status_code == 200


def test_a_proxy_that_is_not_trusted_is_named_rather_than_sent_in_circles(client: Browser) -> None:
    answer = client.get(LOGIN, HTTP_HOST="facade.acme.test", REMOTE_ADDR="10.9.9.9", HTTP_X_FORWARDED_PROTO="https")

    assert answer.status_code == 403
    assert "10.9.9.9" in page(answer)
    assert "FACADE_TRUSTED_PROXIES" in page(answer)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_on_this_machine_plain_http_is_answered(client: Browser, host: str) -> None:
    assert client.get(LOGIN, HTTP_HOST=host).status_code == 200


def test_where_the_operator_says_so_it_is_answered_everywhere(client: Browser, settings: Settings) -> None:
    settings.FACADE_TLS = False

    assert client.get(LOGIN, HTTP_HOST="facade.acme.test").status_code == 200


@pytest.mark.parametrize(
    ("authority", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.:8000", True),
        ("facade.localhost", True),
        ("127.8.9.10:1", True),
        ("[::1]:1", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1", False),
        ("[::]", False),
        ("", False),
    ],
)
def test_which_names_are_this_machine(authority: str, loopback: bool) -> None:
    assert is_loopback(authority) == loopback


# ---------------------------------------------------------------- HSTS and cookies
def over_tls(client: Browser, path: str = LOGIN) -> Any:
    return client.get(path, HTTP_HOST="facade.acme.test", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO="https")


def test_hsts_behind_tls_and_there_only(client: Browser) -> None:
    assert over_tls(client).headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in client.get(LOGIN).headers
    assert "Strict-Transport-Security" not in client.get(LOGIN, HTTP_X_FORWARDED_PROTO="https").headers


def flags(cookie: Morsel[str]) -> tuple[bool, str]:
    return bool(cookie["secure"]), cookie["samesite"]


def test_cookies_behind_tls(client: Browser) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    assert flags(over_tls(client).cookies["__Host-csrftoken"]) == (True, "Lax")

    variables = {"HTTP_HOST": "facade.acme.test", "REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_PROTO": "https"}
    session = sign_in(client, "root", **variables).cookies["__Host-sessionid"]

    assert flags(session) == (True, "Lax")
    assert session["httponly"]
    assert session["max-age"] == 86_400
    assert (session["domain"], session["path"]) == ("", "/")


def test_a_cookie_that_a_sibling_host_set_counts_for_nothing_by_tls(client: Browser) -> None:
    """A tenant's hostname below the same domain tosses its own session at the control host (kind: cookie tossing)."""
    User.objects.create_superuser("root", password=PASSWORD)
    variables = {"HTTP_HOST": "facade.acme.test", "REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_PROTO": "https"}
    session = sign_in(client, "root", **variables).cookies["__Host-sessionid"].value

    def is_signed_in_with(cookie: str) -> bool:
        meta: dict[str, Any] = {**variables, "HTTP_COOKIE": cookie}
        return Browser().get("/accounts/password/change/", **meta).status_code == 200

    assert is_signed_in_with(f"__Host-sessionid={session}")
    assert is_signed_in_with(f"a=b; __Host-sessionid={session}; c")
    # The last of these names begin with what Python takes for blanks, and browsers for a part of the name.
    for name in (
        "sessionid",
        "__host-sessionid",
        "__Secure-sessionid",
        "\u0085__Host-sessionid",
        "\xa0__Host-sessionid",
    ):
        assert not is_signed_in_with(f"{name}={session}"), name
        assert is_signed_in_with(f"__Host-sessionid={session}; {name}=x"), name


def test_every_cookie_by_tls_belongs_to_its_host_alone() -> None:
    """Whoever sets it, wherever, and when it is taken back."""

    def view(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(",".join(request.COOKIES))
        response.set_cookie("messages", 'a "b"; c', domain="acme.test", path="/admin/", httponly=True)
        response.delete_cookie("sessionid")
        return response

    request = RequestFactory().get("/", secure=True, HTTP_COOKIE="messages=x; __Host-csrftoken=y")
    answer: Any = TransportMiddleware(view)(request)

    assert answer.content == b"csrftoken"
    messages, session = answer.cookies["__Host-messages"], answer.cookies["__Host-sessionid"]
    assert set(answer.cookies) == {"__Host-messages", "__Host-sessionid"}
    assert messages.value == 'a "b"; c'
    assert messages["httponly"]
    assert session["max-age"] == 0
    for cookie in (messages, session):
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


def test_cookies_on_this_machine_reach_every_browser(client: Browser) -> None:
    # Safari takes no Secure cookie from http://localhost.
    assert flags(client.get(LOGIN).cookies["csrftoken"]) == (False, "Lax")


def test_a_stranger_cannot_have_cookies_marked_otherwise(client: Browser) -> None:
    assert flags(client.get(LOGIN, HTTP_X_FORWARDED_PROTO="https").cookies["csrftoken"]) == (False, "Lax")

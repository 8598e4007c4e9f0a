"""The pages for people at hostnames (R17.4): what they hold and allow, alike by every way in."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from django.test import AsyncClient, Client
from pytest_django import Settings

from routing.core.decide import Request
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, Table, TenantEntry
from routing.dataplane.live.live_table import live_table
from tests.dataplane.wire import Wire, send, send_async, send_before_django

EVIL = "<script>alert(1)</script>"
HOST, STOPPED, OFF = "docker.acme.com", "stopped.acme.com", "off.acme.com"
CONTACT = "abuse@platform.example"
HTML_PATHS = ("/", "/abuse", "/acme/app", "/admin/", "/livez")


@pytest.fixture(autouse=True)
def _table(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.FACADE_ABUSE_CONTACT = CONTACT
    hosts = {HOST: HostEntry("acme"), STOPPED: HostEntry("acme", refusal=EVIL), OFF: HostEntry("acme", enabled=False)}
    live_table.table = Table.build(Policy(), 1, [("acme", TenantEntry("Acme & Sons"))], [], hosts.items(), [])


def ask(path: str, host: str = HOST, method: str = "GET") -> Wire:
    return send(Client(), Request(method, host, path))


@pytest.mark.parametrize("host", [HOST, STOPPED, OFF, "nobody.example"])
@pytest.mark.parametrize("path", HTML_PATHS)
def test_r17_4_a_page_allows_its_own_style_and_nothing_else(host: str, path: str) -> None:
    """Without a database: this test has none."""
    answer = ask(path, host)

    page = answer.body.decode()
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script" not in policy
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert "<script" not in page
    assert page.startswith("<!doctype html>")


def test_r17_4_it_tells_whose_it_is_and_how_to_pull() -> None:
    page = ask("/", f"{HOST}:8443").body.decode()

    assert "Acme &amp; Sons" in page
    assert f"docker pull {HOST}:8443/NAME" in page


@pytest.mark.parametrize("path", ["/", "/acme/app", "/abuse"])
def test_who_was_harmed_finds_the_contact_where_nothing_is_served(path: str) -> None:
    page = ask(path, STOPPED).body.decode()

    assert f'href="mailto:{CONTACT}"' in page
    assert EVIL not in page
    assert ask(path, STOPPED).status == (200 if path == "/abuse" else 403)


def test_without_a_contact_none_is_promised(settings: Settings) -> None:
    settings.FACADE_ABUSE_CONTACT = ""

    assert "No contact for abuse is configured" in ask("/abuse").body.decode()
    assert "mailto" not in ask("/", STOPPED).body.decode()


def test_what_browsers_and_robots_ask_for_by_themselves() -> None:
    icon, robots = ask("/favicon.ico"), ask("/robots.txt")

    assert (icon.status, icon.headers["content-type"], icon.body[:4]) == (200, "image/svg+xml", b"<svg")
    assert (robots.status, robots.body) == (200, b"User-agent: *\nDisallow: /\n")
    for answer in (icon, robots):
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("accept", ["text/html", "application/json", "application/vnd.oci.image.index.v1+json", "*/*"])
@pytest.mark.parametrize("path", ["/", "/v2/", "/v1/search", "/v2/acme/app/manifests/1"])
def test_r17_1_accept_decides_nothing(path: str, accept: str) -> None:
    """The path alone does: what programs and people get are never mixed up by a field that both may send."""
    with_it = Client().get(path, headers={"host": HOST, "accept": accept})
    without = Client().get(path, headers={"host": HOST})

    assert (with_it.status_code, with_it.content) == (without.status_code, without.content)
    assert with_it["Content-Type"].startswith("text/html" if path == "/" else "application/json")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("host", [HOST, STOPPED, OFF, "nobody.example"])
@pytest.mark.parametrize("path", [*HTML_PATHS, "/favicon.ico", "/robots.txt"])
async def test_every_way_in_says_the_same(path: str, host: str, method: str) -> None:
    request = Request(method, host, path)

    assert await send_async(AsyncClient(), request) == send(Client(), request) == await send_before_django(request)

"""What people find at a hostname whose tenant wrote something for them (R17.5, R17.6): text, and nothing but text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from django.test import AsyncClient, Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from routing.core.decide import Request
from routing.core.grammar.front_door import FrontDoor, ListedRepository
from routing.core.table.front_door import pack_front_door
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, Table, TenantEntry
from routing.dataplane.live.live_table import live_table
from tests.dataplane.wire import Wire, send, send_async, send_before_django

HOST = "docker.acme.com"
FRONT = FrontDoor(
    title="Images of Acme",
    text="What we run.\n\nAsk us.",
    link="https://acme.example/docs",
    colour="#ffe08a",
    repositories=(
        ListedRepository("acme/app", "https://acme.example/app", "The app itself"),
        ListedRepository("acme/b"),
    ),
)
# The elements that these pages consist of.
ELEMENTS = {
    *("html", "head", "meta", "title", "link", "style", "body", "header", "main", "footer", "h1", "p", "br", "a"),
    *("code", "dl", "dt", "dd"),
}
ATTRIBUTES = {"lang", "charset", "name", "content", "rel", "href", "type", "class"}


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    serve(FRONT)


def serve(front: FrontDoor, tenant: str = "Acme & Sons") -> None:
    hosts = [(HOST, HostEntry("acme", front=pack_front_door(front)))]
    live_table.table = Table.build(Policy(), 1, [("acme", TenantEntry(tenant))], [], hosts, [])


def ask(path: str, query: str = "") -> Wire:
    return send(Client(), Request("GET", HOST, path, query))


class Seen(HTMLParser):
    """The elements, attributes, links and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_r17_5_the_page_is_in_the_tenants_words() -> None:
    page = Seen(ask("/").body.decode())

    assert "Images of Acme" in page.text
    assert "Acme & Sons" in page.text
    assert "docker pull docker.acme.com/acme/app" in page.text
    assert {"https://acme.example/docs", "/acme/app", "/acme/b"} <= set(page.links)


@pytest.mark.parametrize("path", ["/acme/app", "/acme/app:1.0"])
def test_r17_5_a_listed_repository_has_a_page_with_commands(path: str) -> None:
    page = Seen(ask(path).body.decode())

    for command in ("docker pull ", "podman pull ", "image: "):
        assert f"{command}{HOST}/acme/app" in page.text
    assert "The app itself" in page.text
    assert "https://acme.example/app" in page.links


def test_the_colour_is_a_part_of_the_one_style_that_is_allowed() -> None:
    answer = ask("/")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)

    assert "--bar: #ffe08a; --ink: #000000;" in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "--ink: #000000" not in ask("/abuse").body.decode()


_HOSTILE = st.one_of(
    st.text(alphabet="<>&\"'`{}%/=;:-!?ascript onlad\u00e9\u202e", max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</style><img src=x onerror=alert(1)>",
            "{{ style|safe }}{% include 'admin/base.html' %}",
            "\"><a href='javascript:alert(1)'>",
            "&lt;b&gt; &amp;#60;",
            "<!--",
        ]
    ),
)


@given(title=_HOSTILE, text=_HOSTILE, words=_HOSTILE, tenant=_HOSTILE)
def test_whatever_a_tenant_writes_is_text(title: str, text: str, words: str, tenant: str) -> None:
    """Also where it got past the verbs: the page escapes it all the same."""
    serve(FrontDoor(title, text, FRONT.link, False, "", (ListedRepository("acme/app", "", words),)), tenant)

    for path in ("/", "/acme/app", "/nothing"):
        answer = ask(path)
        page = Seen(answer.body.decode())
        assert page.elements <= ELEMENTS
        assert page.attributes <= ATTRIBUTES
        assert set(page.links) <= {"/favicon.ico", "/abuse", "/", "/acme/app", FRONT.link}
        assert "script" not in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers
    assert " ".join(words.split()) in " ".join(Seen(ask("/acme/app").body.decode()).text.split())


@pytest.mark.parametrize("query", ["", "next=https://evil.example", "url=//evil.example", "https://evil.example"])
def test_r17_6_nothing_of_a_request_decides_where_a_visitor_is_sent(query: str) -> None:
    serve(FRONT._replace(leads_on=True))

    for path, location in (("/", "https://acme.example/docs"), ("/acme/app", "https://acme.example/app")):
        answer = ask(path, query)
        assert (answer.status, answer.headers["location"], answer.body) == (307, location, b"")
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
    assert ask("/acme/b", query).status == 200
    assert "location" not in ask("/evil.example", query).headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("leads_on", [False, True])
@pytest.mark.parametrize("path", ["/", "/acme/app", "/acme/b", "/nothing"])
async def test_every_way_in_says_the_same(path: str, leads_on: bool, method: str) -> None:
    serve(FRONT._replace(leads_on=leads_on))
    request = Request(method, HOST, path)

    assert await send_async(AsyncClient(), request) == send(Client(), request) == await send_before_django(request)

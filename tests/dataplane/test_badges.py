"""Badges (R17.7, R17.8): what they say, to whom, and that they cost no query and tell nothing that isn't public."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from routing.core.decide import Request
from routing.core.grammar.badges import Badge, BadgeKind, parse_badge_path
from routing.core.grammar.front_door import FrontDoor, ListedRepository
from routing.core.grammar.names import is_name
from routing.core.table.front_door import pack_front_door
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, Table, TenantEntry
from routing.dataplane.live.badges_file import HostBadges, Numbers, badges_file, badges_path, write_badges
from routing.dataplane.live.live_table import live_table
from routing.dataplane.request.badges import BadgeText, badge_response, text_width
from routing.dataplane.views.badges import badge_text
from tests.dataplane.wire import Wire, send, send_async, send_before_django

HOST = "docker.acme.com"
LISTED = FrontDoor(repositories=(ListedRepository("acme/app"), ListedRepository("acme/new")))
SVG = "{http://www.w3.org/2000/svg}"
#: shields.io/badges/endpoint-badge: those that are required, and those that there are.
REQUIRED = {"schemaVersion", "label", "message"}
KNOWN = REQUIRED | {
    *("color", "labelColor", "isError", "namedLogo", "logoSvg", "logoColor", "logoSize", "style", "cacheSeconds"),
}


@pytest.fixture(autouse=True)
def _badges(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.STATE_DIR = tmp_path
    settings.ALLOWED_HOSTS = ["*"]
    settings.FACADE_BADGE_LEAST_PULLS = 10
    serve("rt")
    tell(HostBadges(True, {"acme/app": Numbers(12345, 9, "v1.10.0"), "acme/secret": Numbers(77, 77, "9.9")}))
    yield
    badges_file.forget()


def serve(badges: str) -> None:
    hosts = [(HOST, HostEntry("acme", front=pack_front_door(LISTED), badges=badges))]
    live_table.table = Table.build(Policy(), 1, [("acme", TenantEntry("Acme"))], [], hosts, [])


def tell(said: HostBadges) -> None:
    write_badges({HOST: said})
    badges_file.forget()


def ask(path: str, **headers: str) -> Wire:
    return send(Client(headers=headers), Request("GET", HOST, f"/-/badges/{path}"))


def message(path: str) -> str:
    return str(json.loads(ask(f"{path}.json").body)["message"])


# ---------------------------------------------------------------- what they say
@pytest.mark.parametrize(
    ("path", "label", "said"),
    [
        ("pulls/acme/app", "pulls", "12k"),
        ("pulls-30d/acme/app", "pulls", "fewer than 10 in 30 days"),
        ("version/acme/app", "version", "v1.10.0"),
        ("pulls/acme/new", "pulls", "unknown"),
        ("version/acme/new", "version", "unknown"),
        ("self-test", "self-test", "passing"),
    ],
)
def test_r17_7_both_forms_say_the_same(path: str, label: str, said: str) -> None:
    picture, told = ask(f"{path}.svg"), json.loads(ask(f"{path}.json").body)

    assert (told["label"], told["message"]) == (label, said)
    root = ElementTree.fromstring(picture.body)
    assert [each.text for each in root.iter(f"{SVG}text")] == [label, said]
    assert root.findtext(f"{SVG}title") == root.get("aria-label") == f"{label}: {said}"
    assert root.get("role") == "img"


@pytest.mark.parametrize(("passed", "said"), [(True, "passing"), (False, "failing"), (None, "unknown")])
def test_r17_7_the_last_self_test(passed: bool | None, said: str) -> None:
    tell(HostBadges(passed))

    assert message("self-test") == said


@pytest.mark.parametrize("path", ["pulls/acme/app", "version/acme/app", "self-test"])
def test_the_json_has_what_shields_endpoint_asks_for_and_nothing_else(path: str) -> None:
    told = json.loads(ask(f"{path}.json").body)

    assert told.keys() >= REQUIRED
    assert told.keys() <= KNOWN
    assert told["schemaVersion"] == 1
    assert isinstance(told["label"], str)
    assert isinstance(told["message"], str)
    assert told["message"]
    assert told["color"] in {"brightgreen", "green", "yellowgreen", "yellow", "orange", "red", "lightgrey", "blue"}


@pytest.mark.parametrize(("pulls", "said"), [(0, "fewer than 10"), (9, "fewer than 10"), (10, "10"), (999, "999")])
def test_numbers_under_the_threshold_are_not_told(pulls: int, said: str) -> None:
    tell(HostBadges(None, {"acme/app": Numbers(pulls, pulls)}))

    assert message("pulls/acme/app") == said
    assert message("pulls-30d/acme/app") == f"{said} in 30 days"
    assert ask("pulls/acme/app.svg").body.decode().count(said) == 3


def test_the_threshold_is_a_setting(settings: Settings) -> None:
    settings.FACADE_BADGE_LEAST_PULLS = 20_000

    assert message("pulls/acme/app") == "fewer than 20k"


def test_a_file_that_is_gone_or_damaged_leaves_what_was_known_and_harms_nobody() -> None:
    assert message("pulls/acme/app") == "12k"
    for text in ("", "{", '{"docker.acme.com": 1}', '{"docker.acme.com": [1, {"acme/app": ["x", 1, ""]}]}', "[]"):
        badges_path().write_text(text)
        badges_file._looked_at = float("-inf")
        assert message("pulls/acme/app") == "12k"

    badges_file.forget()
    badges_path().unlink()
    assert message("pulls/acme/app") == "unknown"


# ---------------------------------------------------------------- what is public
@pytest.mark.parametrize("form", ["svg", "json"])
@pytest.mark.parametrize("kind", ["pulls", "pulls-30d", "version"])
def test_r17_8_what_is_not_public_is_as_what_does_not_exist(kind: str, form: str) -> None:
    """acme/secret has numbers in the file, and is not listed."""
    secret, nothing = ask(f"{kind}/acme/secret.{form}"), ask(f"{kind}/acme/nothing.{form}")

    assert secret == nothing == send(Client(), Request("GET", HOST, "/no/such/page"))
    assert secret.status == 404


@pytest.mark.parametrize("badges", ["", "t"])
def test_r17_8_without_the_switch_listed_repositories_have_none(badges: str) -> None:
    with_badges = ask("pulls/acme/app.svg")
    serve(badges)

    assert ask("pulls/acme/app.svg") == ask("pulls/acme/nothing.svg") != with_badges
    assert ask("self-test.svg").status == (200 if badges else 404)


# ---------------------------------------------------------------- how they come
def test_r17_7_they_may_be_kept_and_are_asked_for_again_by_their_tag() -> None:
    first = ask("pulls/acme/app.svg")
    headers = first.headers
    assert headers["cache-control"] == "public, max-age=300"
    assert "set-cookie" not in headers
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"

    for given_tag in (headers["etag"], f'"x", W/{headers["etag"]}', "*"):
        again = ask("pulls/acme/app.svg", **{"if-none-match": given_tag})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == headers["etag"]
    assert ask("pulls/acme/app.svg", **{"if-none-match": '"other"'}).status == 200

    tell(HostBadges(True, {"acme/app": Numbers(99_999, 9)}))
    assert ask("pulls/acme/app.svg", **{"if-none-match": headers["etag"]}).status == 200


@pytest.mark.django_db
def test_a_flood_of_names_costs_no_query_and_no_row_and_no_memory() -> None:
    ask("pulls/acme/app.svg")
    known = dict(badges_file._badges)

    with CaptureQueriesContext(connection) as queries:
        for number in range(300):
            assert ask(f"pulls/acme/random-{number}.svg").status == 404
            assert ask("pulls/acme/app.svg").status == 200

    assert len(queries) == 0
    assert badges_file._badges == known


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["pulls/acme/app.svg", "pulls/acme/app.json", "pulls/acme/secret.svg"])
async def test_every_way_in_answers_the_same(path: str, method: str) -> None:
    request = Request(method, HOST, f"/-/badges/{path}")

    assert await send_async(AsyncClient(), request) == send(Client(), request) == await send_before_django(request)


# ---------------------------------------------------------------- grammar and markup
@given(st.from_regex(r"[a-z0-9]+((\.|_|__|-+|/)[a-z0-9]+)*", fullmatch=True), st.sampled_from(BadgeKind), st.booleans())
def test_a_badge_is_found_again_under_its_path(name: str, kind: BadgeKind, as_json: bool) -> None:
    badge = Badge(kind, "" if kind is BadgeKind.SELF_TEST else name, as_json)

    assert parse_badge_path(badge.path) == badge


@given(st.text())
def test_no_other_path_is_one_and_no_repository_is_there(text: str) -> None:
    badge = parse_badge_path(f"/-/badges/{text}")

    assert badge is None or badge.path == f"/-/badges/{text}"
    assert not is_name(f"-/badges/{text}")


@given(st.text(), st.text())
def test_whatever_it_says_is_text_and_well_formed(label: str, said: str) -> None:
    answer = badge_response(BadgeText(label, said, "blue"), as_json=False)

    root = ElementTree.fromstring(answer.body)
    assert [each.tag for each in root.iter()] == [
        f"{SVG}{name}" for name in ("svg", "title", "rect", "rect", "g", "text", "text")
    ]
    json.loads(badge_response(BadgeText(label, said, "blue"), as_json=True).body)


def test_markup_in_a_tag_is_escaped() -> None:
    answer = badge_response(BadgeText("version", '"/><script>alert(1)</script>&', "blue"), as_json=False)

    root = ElementTree.fromstring(answer.body)
    assert [each.text for each in root.iter(f"{SVG}text")][1] == '"/><script>alert(1)</script>&'


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=100))
def test_longer_texts_are_wider_and_none_is_squeezed_beyond_reading(text: str) -> None:
    assert 4 * len(text) <= text_width(text) <= 10 * len(text) + 1
    assert text_width(text) <= text_width(text + "m")


def test_what_is_told_of_nothing_known() -> None:
    for kind in BadgeKind:
        assert badge_text(HostBadges(), Badge(kind, "acme/app"), 10).message == "unknown"

"""Entity tags: every row tells its own, and a change that was made of an older one is refused with 412."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from routing.api.api import api as ninja_api
from routing.models import Tenant
from routing.services.people.api_tokens import create_api_token
from routing.services.people.tenants import update_tenant
from tests.api.conftest import ApiClient
from tests.permissions.routes import BODIES
from tests.permissions.world import World, made_once

pytestmark = pytest.mark.django_db
SUBJECTS = {
    "mapping_id": "mapping",
    "hostname_id": "hostname",
    "claim_id": "claim",
    "registry_id": "registry",
    "tenant": "tenant",
    "member_id": "member",
    "invitation_id": "invitation",
    "change_set_id": "change set",
    "filter_id": "shared filter",
    "subscription_id": "subscription",
}
# What is no row that people change: people, reports, and what is only told about a row.
_HAS_NO_VERSION = re.compile(
    r"/people/|/notes/|/verifications/|/self-tests|/deliveries(?:/|$)|^GET .*/hand-over$"
    r"|/(?:export|removal|doctor|try|contacts|contacts/feed|fallback|signatures|verify|health|notes)$"
)
LEAVE_IT = {"DELETE": 204}


def routes_of_single_rows() -> list[str]:
    """As the OpenAPI document has them."""
    paths = ninja_api.get_openapi_schema()["paths"]
    routes = [f"{method.upper()} {path[7:]}" for path, methods in paths.items() for method in methods if "{" in path]
    return [route for route in routes if not _HAS_NO_VERSION.search(route)]


@pytest.fixture(scope="module")
def made_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with made_once(django_db_blocker) as made:
        yield made


@pytest.fixture
def world(db: None, made_world: World) -> World:
    return made_world.fresh()


@pytest.fixture
def api(world: World) -> ApiClient:
    """The platform's."""
    return ApiClient(create_api_token(world.actor("platform"), user=world.people["platform"], name="tests").secret)


def sent(world: World, api: ApiClient, route: str, if_match: str | None) -> Any:
    method, path = route.split()
    place = path[path.index("{") + 1 : path.index("}")]
    subject = SUBJECTS[place]
    if route in ("POST /hostnames/{hostname_id}/check", "POST /hostnames/{hostname_id}/vouch"):
        subject = "proved hostname"
    if route.endswith("/undo"):
        subject = "applied change set"
    if route.endswith(("/go-on", "/stop")):
        subject = "change set in steps"
    if route.endswith("/roll-back"):
        subject = "moved mapping"
    if route.endswith(("/fail-back", "/standby")) and method != "PUT":
        subject = "standing mapping"
    if route.endswith("/hand-over"):
        subject = "idle hostname"
    path = path.replace(f"{{{place}}}", str(world[subject].pk))
    body = BODIES[route, subject](world) if (route, subject) in BODIES else {}
    headers = {} if if_match is None else {"if-match": if_match}
    if method in ("GET", "DELETE"):
        return getattr(api.client, method.lower())(f"/api/v1{path}", headers=headers)
    return api.send(method.lower(), path[1:], headers=headers, **body)


@pytest.mark.parametrize("route", routes_of_single_rows())
def test_every_route_of_a_single_row_takes_if_match(world: World, api: ApiClient, route: str) -> None:
    outdated = sent(world, api, route, '"0"')

    assert outdated.status_code == 412
    assert "changed meanwhile" in outdated.json()["message"]
    assert outdated.headers["ETag"] == '"1"'
    # Weak tags never match, nor does what is no tag of ours.
    for other in ('W/"1"', '"abc"', "1", ""):
        assert sent(world, api, route, other).status_code == 412, other


@pytest.mark.parametrize("route", routes_of_single_rows())
def test_and_does_what_is_asked_where_it_matches(world: World, api: ApiClient, route: str) -> None:
    answer = sent(world, api, route, '"7", "1"')

    if route in ("DELETE /registries/{registry_id}", "DELETE /tenants/{tenant}", "DELETE /hostnames/{hostname_id}"):
        assert answer.status_code == 422
        assert "still used" in answer.json()["message"]
    elif route.endswith("/probe") or route == "POST /claims/{claim_id}/check":
        assert answer.status_code == 200
    elif route.startswith("DELETE") and not route.endswith(
        ("/suspension", "/publication", "/account", "/standby", "/policy/request")
    ):
        assert answer.status_code == 204
    else:
        assert answer.status_code == (201 if route.endswith(("/undo", "/roll-back")) else 200)
        said = answer.json()
        row = said.get("mapping") or said.get("change_set") or said.get("subscription") or said
        assert answer.headers["ETag"] == f'"{row["version"]}"'


def test_any_is_any(world: World, api: ApiClient) -> None:
    assert sent(world, api, "PATCH /tenants/{tenant}", "*").status_code == 200


def test_what_is_added_tells_its_tag(world: World, api: ApiClient) -> None:
    for route in ("POST /mappings", "POST /claims", "POST /hostnames", "POST /registries", "POST /tenants"):
        answer = api.send("post", route.split("/")[1], **BODIES[route, "."](world))
        assert answer.headers["ETag"] == '"1"', (route, answer.json())
    member = api.send("post", "members", tenant="globex", account="oscar", role="viewer")
    invited = api.send("post", "invitations", tenant="globex", email="a@example.com", role="viewer")
    # To say that a link was mailed is a change.
    assert (member.headers["ETag"], invited.headers["ETag"]) == ('"1"', '"2"')


def test_the_tag_changes_with_every_change_and_with_no_other(world: World, api: ApiClient) -> None:
    path = f"tenants/{world['tenant'].pk}"
    first = api.get(path).headers["ETag"]

    same = api.send("patch", path, name=world["tenant"].name)
    other = api.send("patch", path, name="Another")

    assert same.headers["ETag"] == first
    assert other.headers["ETag"] == api.get(path).headers["ETag"] != first


def test_nothing_is_changed_where_it_does_not_match(world: World, api: ApiClient) -> None:
    tenant = world["tenant"]
    tag = api.get(f"tenants/{tenant.pk}").headers["ETag"]
    update_tenant(world.actor("platform"), "", tenant_id=tenant.pk, suspended=True)

    answer = api.send("patch", f"tenants/{tenant.pk}", headers={"if-match": tag}, name="Another")

    now = Tenant.objects.get(pk=tenant.pk)
    assert answer.status_code == 412
    assert (now.name, now.suspended) == ("Sesame", True)

"""What edges pull: compiled once a generation, and an error when in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_django import Settings

from routing.conf import alarm_path
from routing.edge.document import unpack
from routing.edge.envoy import ROUTES, judge
from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.routes import published
from routing.table.load import load_table
from tests.api.conftest import ApiClient, api_client_for
from tests.api.test_configuration import operator
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
AROUND = {"app": "127.0.0.1:8000", "folder": "/etc/envoy"}


@pytest.fixture(autouse=True)
def _own_state(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path


@pytest.fixture
def api(owner: Person) -> ApiClient:
    """The platform's, which may only look."""
    facade("mapping", "add", owner.hostname.name, "team", "quay.io/team")
    person = operator()
    return api_client_for(replace(owner, user=person, actor=Actor.person(person)), read_only=True)


@pytest.fixture
def compiled() -> Iterator[Any]:
    with patch.object(published, "load_table", wraps=load_table) as spy:
        yield spy


def ask(api: ApiClient, etag: str = "", **more: str) -> Any:
    return api.client.get("/api/v1/routes/envoy", AROUND | more, headers={"If-None-Match": etag} if etag else {})


def test_an_edge_takes_what_is_published(api: ApiClient, owner: Person) -> None:
    document = unpack(ask(api).getvalue())

    routes = judge(document, None, 33)
    assert owner.hostname.name in routes.hostnames
    assert "quay.io" in dict(document.files)[ROUTES]


def test_it_is_compiled_once_a_generation(api: ApiClient, owner: Person, compiled: Any) -> None:
    first = ask(api)
    again = ask(api, first["ETag"])

    assert (again.status_code, again.getvalue(), again["ETag"]) == (304, b"", first["ETag"])
    document = first.getvalue()
    assert ask(api).getvalue() == document
    assert compiled.call_count == 1
    facade("mapping", "add", owner.hostname.name, "more", "quay.io/more")
    changed = ask(api, first["ETag"])
    assert (changed.status_code, compiled.call_count) == (200, 2)
    assert unpack(changed.getvalue()).generation > unpack(document).generation


def test_few_documents_are_kept(api: ApiClient, tmp_path: Path) -> None:
    for port in range(8000, 8000 + published.MOST_KEPT + 3):
        assert ask(api, app=f"127.0.0.1:{port}").status_code == 200

    assert len(list((tmp_path / "published").glob("envoy-*.json"))) == published.MOST_KEPT


def test_in_doubt_it_is_an_error(api: ApiClient) -> None:
    with published._alone():
        assert ask(api).status_code == 503
    alarm_path().write_text("{}")
    assert ask(api).status_code == 503
    alarm_path().unlink()
    assert ask(api).status_code == 200
    Mapping.objects.all().delete()
    Hostname.objects.all().delete()
    published_before = list(alarm_path().parent.glob("published/envoy-*.json"))
    for each in published_before:
        each.unlink()
    empty = ask(api)
    assert (empty.status_code, "no hostname" in empty.json()["message"]) == (503, True)


def test_who_may_not_is_told_nothing(owner: Person, api: ApiClient) -> None:
    assert ask(api_client_for(owner)).status_code == 403
    assert ask(ApiClient()).status_code == 401


def test_what_is_no_address_is_refused(api: ApiClient) -> None:
    assert ask(api, app="nowhere").status_code == 422
    assert ask(api, folder="/a b").status_code == 422

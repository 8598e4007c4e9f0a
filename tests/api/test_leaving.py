"""Who leaves, by the API: what would go, exports, removals, and hostnames that change hands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncRequestFactory

from routing.accounts import downloads
from routing.models import Hostname, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.leaving.exports import export_tenant
from routing.services.mappings.mappings import add_mapping
from routing.services.people.api_tokens import create_api_token
from tests.api.conftest import ApiClient
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def petra(db: None) -> Any:
    return get_user_model().objects.create_superuser(username="petra")


@pytest.fixture
def platform_api(petra: Any) -> ApiClient:
    """That of an operator of the platform."""
    return ApiClient(create_api_token(Actor.person(petra), user=petra, name="tests").secret)


@pytest.fixture
def mapped(owner: Person) -> Person:
    add_mapping(Actor.program("test set-up"), "", hostname="docker.acme.com", prefix="app", target="ghcr.io/acme")
    return owner


def test_a_tenant_with_something_left_goes_only_where_everything_is_asked_for(
    mapped: Person, platform_api: ApiClient
) -> None:
    path = f"tenants/{mapped.tenant.pk}"
    refused = platform_api.send("delete", path)
    told = platform_api.get(f"{path}/removal")

    assert refused.status_code == 422
    assert "still used by hostnames" in refused.json()["message"]
    assert told.json()["goes"]["mappings"] == 1
    assert told.json()["obstacles"] == []

    gone = platform_api.send("delete", f"{path}?everything=true&reason=unpaid")

    assert gone.status_code == 204
    assert not Tenant.objects.filter(slug="acme").exists()
    assert Hostname.history.first().history_change_reason == "unpaid"


def test_exports_are_documents_to_keep(mapped: Person, api: ApiClient, platform_api: ApiClient) -> None:
    for client in (api, platform_api):
        answer = client.get(f"tenants/{mapped.tenant.pk}/export")

        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("application/json")
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["Cache-Control"] == "no-store"
        assert json.loads(answer.getvalue())["tenant"]["slug"] == "acme"
    person = platform_api.get(f"people/{mapped.user.pk}/export")
    assert json.loads(person.getvalue())["account"]["username"] == "alice"


def test_by_asgi_an_export_is_sent_piece_by_piece(mapped: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_PIECES_AT_A_TIME", 3)
    request = AsyncRequestFactory().get("/api/v1/tenants/1/export")
    pieces = export_tenant(mapped.actor, tenant_id=mapped.tenant.pk)

    async def read() -> list[bytes]:
        response = downloads.download(request, pieces, "acme.json")
        assert response.is_async
        return [part async for part in response]

    parts = async_to_sync(read)()

    assert len(parts) > 5
    assert json.loads(b"".join(parts))["tenant"]["slug"] == "acme"


def test_people_are_found_by_name_told_of_and_removed(
    mapped: Person, teammate: Person, platform_api: ApiClient
) -> None:
    (bob,) = platform_api.get("people", username="bob").json()["items"]
    assert (bob["id"], bob["is_platform_operator"]) == (teammate.user.pk, False)
    told = platform_api.get(f"people/{bob['id']}/removal", erase="true").json()
    assert told["goes"]["memberships"] == 1
    assert told["pseudonym"] == f"removed person {teammate.user.pk}"

    assert platform_api.send("delete", f"people/{bob['id']}?erase=true&reason=left").status_code == 204

    assert not get_user_model().objects.filter(username="bob").exists()
    assert platform_api.send("delete", f"people/{bob['id']}").status_code == 404
    refused = platform_api.send("delete", f"people/{mapped.user.pk}")
    assert refused.status_code == 422
    assert "alice is the last owner of Acme" in refused.json()["message"]


def test_nobodys_own_account_goes_by_a_token(
    mapped: Person, petra: Any, api: ApiClient, platform_api: ApiClient
) -> None:
    get_user_model().objects.create_superuser(username="other")

    for client, user in ((api, mapped.user), (platform_api, petra)):
        for answer in (client.send("delete", f"people/{user.pk}"), client.get(f"people/{user.pk}/export")):
            assert answer.status_code == 403

    assert get_user_model().objects.filter(username="petra").exists()


def test_a_hostname_is_handed_over(mapped: Person, outsider: Person, platform_api: ApiClient) -> None:
    path = f"hostnames/{mapped.hostname.pk}"
    told = platform_api.get(f"{path}/hand-over", tenant="globex").json()
    assert told == {"mappings": 1, "registries": [], "beside": [], "obstacles": []}
    version = platform_api.get(path)["ETag"]

    done = platform_api.send("post", f"{path}/hand-over", tenant="globex", reason="r", headers={"If-Match": version})

    assert done.status_code == 200
    assert done.json()["tenant"] == "globex"
    late = platform_api.send("post", f"{path}/hand-over", tenant="acme", headers={"If-Match": version})
    assert late.status_code == 412


def test_what_is_in_its_way_is_a_conflict_that_says_what_to_do(
    mapped: Person, outsider: Person, platform_api: ApiClient
) -> None:
    Registry.objects.create(tenant=mapped.tenant, name="own", origin="https://r.acme.example")
    set_up = Actor.program("test set-up")
    add_mapping(set_up, "", hostname="docker.acme.com", prefix="own", target="r.acme.example/team")
    path = f"hostnames/{mapped.hostname.pk}/hand-over"

    refused = platform_api.send("post", path, tenant="globex")

    assert refused.status_code == 409
    assert "https://r.acme.example" in refused.json()["message"]
    assert platform_api.get(path, tenant="globex").json()["obstacles"] == [refused.json()["message"]]
    assert platform_api.send("post", path, tenant="globex", copy_registries=True).status_code == 200

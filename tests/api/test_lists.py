"""Lists in an order of the caller's choice, rows by their names, the history, and one's own tokens."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint
from routing.services.people.api_tokens import create_api_token
from routing.services.people.tenants import suspend_tenants
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

HOST = "docker.acme.com"


def add(person: Person, *prefixes: str) -> None:
    for prefix in prefixes:
        add_mapping(person.actor, "", hostname=HOST, prefix=prefix, target=f"quay.io/{prefix}")


def prefixes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["prefix"] for item in answer.json()["items"]]


class TestSort:
    def test_by_what_is_asked_for_in_both_directions(self, owner: Person, api: ApiClient) -> None:
        add(owner, "b", "c", "a")

        assert prefixes(api.get("mappings")) == ["a", "b", "c"]
        assert prefixes(api.get("mappings", sort="created_at")) == ["b", "c", "a"]
        assert prefixes(api.get("mappings", sort="-created_at")) == ["a", "c", "b"]
        assert prefixes(api.get("mappings", sort="-prefix")) == ["c", "b", "a"]

    def test_pages_of_equal_rows_have_each_once(self, owner: Person, api: ApiClient) -> None:
        add(owner, *"dbeac")

        for sort in ("hostname", "-hostname"):
            found = [prefixes(api.get("mappings", sort=sort, limit=2, offset=offset)) for offset in (0, 2, 4)]
            assert sorted(each for page in found for each in page) == list("abcde")

    def test_what_is_empty_comes_last(self, owner: Person, api: ApiClient) -> None:
        add(owner, "a", "b")
        Mapping.objects.filter(prefix="b").update(probed_at=timezone.now())

        assert prefixes(api.get("mappings", sort="probed_at")) == ["b", "a"]
        assert prefixes(api.get("mappings", sort="-probed_at")) == ["b", "a"]

    @pytest.mark.parametrize(
        "path", ["mappings", "hostnames", "claims", "registries", "tenants", "members", "invitations", "tokens"]
    )
    def test_every_list_takes_what_its_document_says_and_no_more(self, api: ApiClient, path: str) -> None:
        document = api.get("openapi.json").json()
        parameters = document["paths"][f"/api/v1/{path}"]["get"]["parameters"]
        sort = next(each for each in parameters if each["name"] == "sort")

        for value in sort["schema"]["anyOf"][0]["enum"]:
            assert api.get(path, sort=value).status_code == 200, value
        for value in ("password", "-", "", "tenant__slug", "?"):
            refused = api.get(path, sort=value)
            assert (refused.status_code, list(refused.json()["fields"])) == (422, ["sort"]), value


class TestByName:
    def test_a_mapping(self, owner: Person, outsider: Person, api: ApiClient) -> None:
        add(owner, "a", "a/b")

        found = api.get("mappings/by-name", hostname="Docker.Acme.COM", prefix="a")

        assert (found.json()["prefix"], found.headers["ETag"]) == ("a", '"1"')
        assert api.get("mappings/by-name", hostname=HOST).status_code == 404
        assert api.get("mappings/by-name", hostname=HOST, prefix="A").status_code == 422
        assert api_client_for(outsider).get("mappings/by-name", hostname=HOST, prefix="a").status_code == 404

    def test_a_hostname_a_registry_and_a_tenant(self, owner: Person, api: ApiClient) -> None:
        hostname = api.get("hostnames/by-name", hostname=HOST).json()

        assert (hostname["id"], hostname["hostname"]) == (owner.hostname.pk, HOST)
        assert api.get("tenants/acme").json()["id"] == owner.tenant.pk
        # Its id does as well.
        assert api.get(f"tenants/{owner.tenant.pk}").json()["slug"] == "acme"
        for name in ("Quay", "quay.io"):
            assert [item["origin"] for item in api.get("registries", name=name).json()["items"]] == ["https://quay.io"]
        assert api.get("registries", name="docker.io").json()["count"] == 1
        assert api.get("members", username="alice").json()["count"] == 1


class TestHistory:
    def entries(self, api: ApiClient, **query: str | int) -> list[dict[str, Any]]:
        answer = api.get("history", **query)
        assert answer.status_code == 200, answer.content
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def test_who_did_what_when_and_why(self, owner: Person, api: ApiClient) -> None:
        add(owner, "a")
        repoint(owner.actor, "CHG-1", hostname=HOST, prefix="a", target="ghcr.io/a")
        remove_mapping(owner.actor, "gone", hostname=HOST, prefix="a")

        found = self.entries(api, noun="mapping")

        assert [(each["action"], each["reason"]) for each in found] == [
            ("removed", "gone"),
            ("changed", "CHG-1"),
            ("added", ""),
        ]
        assert {(each["name"], each["tenant"], each["actor"]) for each in found} == {
            (f"{HOST}/a", "acme", owner.actor.label)
        }
        assert found[1]["changes"] == [{"field": "target", "before": "quay.io/a", "after": "ghcr.io/a"}]

    def test_filters(self, owner: Person, outsider: Person, api: ApiClient) -> None:
        add(owner, "a", "b")
        pk = Mapping.objects.get(prefix="b").pk
        first = Mapping.history.get(id=pk)

        assert [each["name"] for each in self.entries(api, noun="mapping", id=pk)] == [f"{HOST}/b"]
        assert self.entries(api, actor="nobody") == []
        assert self.entries(api, tenant="globex") == []
        assert len(self.entries(api, request_id=first.request_id)) == 1
        assert self.entries(api, since="2099-01-01T00:00:00Z") == []
        assert self.entries(api, until="2000-01-01T00:00:00+01:00") == []
        for wrong in ({"since": "2026-01-01"}, {"noun": "claim"}, {"offset": 10_001}):
            assert api.get("history", **wrong).status_code == 422, wrong

    @pytest.mark.parametrize("edge", ["since", "until"])
    @pytest.mark.parametrize(
        ("at", "is_past"),
        [
            ("7706-10-03T01:35:58.858-21:48", False),
            ("9999-12-31T23:59:59-23:59", False),
            ("0001-01-01T00:00:00+23:59", True),
            ("2000-01-01T00:00:00+16:00", True),
        ],
    )
    def test_any_time_with_any_offset(self, owner: Person, api: ApiClient, edge: str, at: str, is_past: bool) -> None:
        add(owner, "a")

        assert bool(self.entries(api, noun="mapping", **{edge: at})) is (is_past == (edge == "since"))

    def test_pages_have_each_entry_once(self, owner: Person, api: ApiClient) -> None:
        add(owner, *"abcde")
        whole = self.entries(api, limit=500)

        pages = [self.entries(api, limit=3, offset=offset) for offset in range(0, len(whole), 3)]

        assert [each for page in pages for each in page] == whole
        assert api.get("history", limit=1).json()["count"] == len(whole)

    def test_nobody_sees_anothers(self, owner: Person, outsider: Person, platform: Actor) -> None:
        add(owner, "secret")
        suspend_tenants(platform, "abuse", tenant_ids=[owner.tenant.pk], suspended=True)

        seen = str(self.entries(api_client_for(outsider)))
        assert "secret" not in seen
        assert "abuse" not in seen


def test_ones_own_tokens(owner: Person, outsider: Person, api: ApiClient) -> None:
    create_api_token(outsider.actor, user=outsider.user, name="theirs")
    create_api_token(owner.actor, user=owner.user, name="reader", read_only=True, days=3)

    found = api.get("tokens").json()["items"]

    assert [(each["name"], each["read_only"]) for each in found] == [("reader", True), ("tests", False)]
    assert not [key for key in found[0] if "hash" in key or "secret" in key]
    limited = ApiClient(
        create_api_token(owner.actor, user=owner.user, name="limited", tenant_id=owner.tenant.pk).secret
    )
    assert [each["name"] for each in limited.get("tokens").json()["items"]] == ["limited"]

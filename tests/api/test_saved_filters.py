"""Saved filters by the API: kept, told and used within what each may see; one that isn't known is never all rows."""

from __future__ import annotations

from typing import Any

import pytest

from routing.models import SavedFilter
from routing.services.base.errors import ServiceError
from routing.services.lists import saved_filters
from routing.services.lists.saved_filters import save_filter
from routing.services.lists.terms import TERMS
from routing.services.mappings.mappings import add_mapping
from routing.services.people.api_tokens import create_api_token
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

OFF = {"state": "off"}


@pytest.fixture
def rows(owner: Person, outsider: Person) -> None:
    for person, prefixes in ((owner, ("one", "two", "three")), (outsider, ("two",))):
        for prefix in prefixes:
            add_mapping(person.actor, "", hostname=person.hostname.name, prefix=prefix, target=f"quay.io/{prefix}")


def saved(api: ApiClient, **body: Any) -> Any:
    given = {"noun": "mapping", "name": "mine", "terms": {"search": "two"}, **body}
    answer = api.send("post", "saved-filters", **given)
    return answer.json() if answer.status_code == 201 else answer


def sources(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [f"{item['hostname']}/{item['prefix']}" for item in answer.json()["items"]]


def test_it_is_saved_told_changed_and_removed(owner: Person, api: ApiClient) -> None:
    made = saved(api, terms={**OFF, "sort": "-prefix"}, tenant=owner.tenant.slug)
    assert (made["tenant"], made["terms"], made["noun"]) == (owner.tenant.slug, {**OFF, "sort": "-prefix"}, "mapping")
    assert [row["name"] for row in api.get("saved-filters", noun="mapping").json()["items"]] == ["mine"]
    assert api.get("saved-filters", noun="hostname").json()["items"] == []

    place = f"saved-filters/{made['id']}"
    changed = api.send("patch", place, name="off", headers={"if-match": f'"{made["version"]}"'})
    assert (changed.json()["name"], changed.json()["terms"]) == ("off", made["terms"])
    assert api.send("patch", place, name="x", headers={"if-match": f'"{made["version"]}"'}).status_code == 412
    assert api.send("delete", place).status_code == 204
    assert api.get(place).status_code == 404


def test_lists_take_it_by_name_and_by_id_and_narrow_further(owner: Person, api: ApiClient, rows: None) -> None:
    host, made = owner.hostname.name, saved(api, terms={"search": "quay", "sort": "-prefix"})

    by_name = sources(api.get("mappings", filter="mine"))

    assert by_name == [f"{host}/two", f"{host}/three", f"{host}/one"]
    assert sources(api.get("mappings", filter=made["id"])) == by_name
    assert sources(api.get("mappings", filter="mine", prefix="one")) == [f"{host}/one"]
    assert sources(api.get("mappings", filter="mine", sort="prefix")) == sorted(by_name)
    assert api.get("mappings", filter="mine", limit=1).json()["count"] == 3


def test_other_lists_take_theirs(owner: Person, api: ApiClient, rows: None) -> None:
    saved(api, noun="hostname", terms={"hostname": owner.hostname.name})
    saved(api, noun="registry", terms={"name": "quay.io"})

    assert [row["hostname"] for row in api.get("hostnames", filter="mine").json()["items"]] == [owner.hostname.name]
    assert [row["origin"] for row in api.get("registries", filter="mine").json()["items"]] == ["https://quay.io"]
    assert api.get("mappings", filter="mine").status_code == 404


def test_two_tenants_see_only_theirs(
    owner: Person, teammate: Person, outsider: Person, api: ApiClient, rows: None
) -> None:
    saved(api, tenant=owner.tenant.slug)
    mate, stranger = api_client_for(teammate), api_client_for(outsider)

    assert sources(mate.get("mappings", filter="mine")) == [f"{owner.hostname.name}/two"]
    assert stranger.get("mappings", filter="mine").status_code == 404
    assert stranger.get("mappings", filter=SavedFilter.objects.get().pk).status_code == 404
    saved(stranger, terms={"tenant": owner.tenant.slug})
    assert sources(stranger.get("mappings", filter="mine")) == []


def test_ones_own_goes_before_a_shared_one_and_of_several_the_id_is_asked_for(
    owner: Person, outsider: Person, api: ApiClient, platform: Any, rows: None
) -> None:
    mine = save_filter(owner.actor, noun="mapping", name="same", terms={"prefix": "one"})
    for tenant in (owner.tenant, outsider.tenant):
        save_filter(platform, noun="mapping", name="same", terms={"prefix": "two"}, tenant_id=tenant.pk)

    assert sources(api.get("mappings", filter="same")) == [f"{owner.hostname.name}/one"]
    with pytest.raises(ServiceError, match="several tenants share a filter “same”: give one's id"):
        saved_filters.find_filter(platform, "mapping", "same")
    assert mine.user == owner.user


def test_a_token_for_one_tenant_knows_nothing_of_ones_own(owner: Person, api: ApiClient) -> None:
    saved(api)
    saved(api, name="shared", tenant=owner.tenant.slug)

    limited = ApiClient(_token(owner, tenant_id=owner.tenant.pk))

    assert [row["name"] for row in limited.get("saved-filters").json()["items"]] == ["shared"]
    assert limited.get("mappings", filter="mine").status_code == 404


@pytest.mark.parametrize(
    ("noun", "terms", "said"),
    [
        ("mapping", {"colour": "red"}, "this release knows no filter “colour” here; there are: tenant, hostname,"),
        ("mapping", {"filter": "mine"}, "knows no filter “filter”"),
        ("mapping", {"limit": "1"}, "knows no filter “limit”"),
        ("hostname", {"prefix": "one"}, "knows no filter “prefix”"),
        ("mapping", {"state": "maybe"}, "“maybe” is nothing for state"),
        ("mapping", {"sort": "colour"}, "“colour” is no order"),
        ("mapping", {}, "there is nothing to save"),
    ],
)
def test_what_the_lists_do_not_know_is_not_saved(api: ApiClient, noun: str, terms: dict[str, str], said: str) -> None:
    answer = saved(api, noun=noun, terms=terms)

    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert not SavedFilter.objects.exists()


def test_one_of_another_release_is_an_error_and_never_all_rows(owner: Person, api: ApiClient, rows: None) -> None:
    for number, terms in enumerate(({"shard": "7"}, {"state": "asleep"}, {"sort": "shard"}, {"state": 7})):
        SavedFilter.objects.create(noun="mapping", name=f"new-{number}", terms=terms, tenant=owner.tenant)

        answer = api.get("mappings", filter=f"new-{number}")

        assert answer.status_code == 422
        assert f"the filter “new-{number}” can't be used: " in answer.json()["message"]
    assert len(api.get("saved-filters").json()["items"]) == 4


def test_a_token_that_only_reads_uses_them_and_saves_none(owner: Person, api: ApiClient, rows: None) -> None:
    saved(api)
    reading = ApiClient(_token(owner, read_only=True))

    assert sources(reading.get("mappings", filter="mine")) == [f"{owner.hostname.name}/two"]
    assert saved(reading, name="more").json()["code"] == "read_only_token"
    place = f"saved-filters/{SavedFilter.objects.get().pk}"
    assert reading.send("delete", place).status_code == 403


def test_nobody_has_more_than_they_may(owner: Person, api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_filters, "MAX_FILTERS_A_PERSON", 1)
    monkeypatch.setattr(saved_filters, "MAX_FILTERS_A_TENANT", 1)
    for more in ({}, {"tenant": owner.tenant.slug}):
        saved(api, name="one", **more)
        assert saved(api, name="two", **more).json()["code"] == "quota_exceeded"


def test_the_api_takes_each_term_as_a_parameter_and_no_other(api: ApiClient) -> None:
    document = api.get("openapi.json").json()
    for noun, path in (("mapping", "mappings"), ("hostname", "hostnames"), ("registry", "registries")):
        parameters = document["paths"][f"/api/v1/{path}"]["get"]["parameters"]
        known = {each["name"] for each in parameters if each["in"] == "query"}
        assert known == {*TERMS[noun], "filter", "sort", "limit", "offset"}


def _token(person: Person, **limits: Any) -> str:
    return create_api_token(person.actor, user=person.user, name="reads", **limits).secret

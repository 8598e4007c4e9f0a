"""Notes by the API."""

from __future__ import annotations

import pytest

from routing.models import Note
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person


@pytest.fixture
def paths(api: ApiClient, owner: Person) -> list[str]:
    """Where the notes of one row of each kind are."""
    mapping = api.send("post", "mappings", hostname="docker.acme.com", prefix="app", target="ghcr.io/acme").json()
    registry = api.send("post", "registries", tenant="acme", name="Ours", origin="https://r.acme.com").json()
    return [
        f"mappings/{mapping['mapping']['id']}/notes",
        f"registries/{registry['id']}/notes",
        f"hostnames/{owner.hostname.pk}/notes",
        "tenants/acme/notes",
    ]


def test_notes_are_written_listed_and_removed(api: ApiClient, paths: list[str]) -> None:
    for path in paths:
        first = api.send("post", path, text="first")
        second = api.send("post", path, text="<b>second</b>")

        assert (first.status_code, first.json()["written_by"]) == (201, "alice (token tests)")
        found = api.get(path).json()
        assert ([item["text"] for item in found["items"]], found["count"]) == (["<b>second</b>", "first"], 2)
        assert [item["text"] for item in api.get(path, limit=1, offset=1).json()["items"]] == ["first"]

        assert api.send("delete", f"notes/{second.json()['id']}").status_code == 204
        assert api.send("delete", f"notes/{second.json()['id']}").status_code == 404
        assert [item["text"] for item in api.get(path).json()["items"]] == ["first"]


def test_a_token_that_only_reads_reads_them(api: ApiClient, paths: list[str], teammate: Person) -> None:
    reader = api_client_for(teammate, read_only=True)
    for path in paths:
        note = api.send("post", path, text="noted").json()

        assert [item["text"] for item in reader.get(path).json()["items"]] == ["noted"]
        refused = reader.send("post", path, text="mine")
        assert (refused.status_code, refused.json()["code"]) == (403, "read_only_token")
        removed = reader.send("delete", f"notes/{note['id']}")
        assert (removed.status_code, removed.json()["code"]) == (403, "read_only_token")
    assert Note.objects.count() == len(paths)


def test_one_s_own_token_that_only_reads_removes_nothing_either(
    api: ApiClient, paths: list[str], teammate: Person
) -> None:
    note = api_client_for(teammate).send("post", paths[0], text="noted").json()
    teammate.user.api_tokens.all().delete()
    reader = api_client_for(teammate, read_only=True)

    assert reader.send("delete", f"notes/{note['id']}").status_code == 403


def test_another_tenant_s_people_are_told_of_none(api: ApiClient, paths: list[str], outsider: Person) -> None:
    stranger = api_client_for(outsider)
    for path in paths:
        note = api.send("post", path, text="noted").json()

        assert stranger.get(path).status_code == 404
        assert stranger.send("post", path, text="mine").status_code == 404
        assert stranger.send("delete", f"notes/{note['id']}").status_code == 404
    assert Note.objects.count() == len(paths)


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001, "x" * 20_000, "a\0b", None, 7])
def test_what_can_t_be_kept_is_refused_at_the_field(api: ApiClient, paths: list[str], text: object) -> None:
    answer = api.send("post", paths[0], text=text)

    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["text"])
    assert not Note.objects.exists()

"""The list as a file, and the page that takes such a file: look at it, then draft it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from routing.models import ChangeSet, Mapping
from tests.admin.conftest import AdminClient, add, text_of

HOST = "docker.acme.com"


@pytest.fixture
def three(db: None) -> list[Mapping]:
    return [add(HOST, name, f"docker.io/acme/{name}") for name in ("one", "three", "two")]


def look_at(admin: AdminClient, text: str = "", **fields: Any) -> Any:
    return admin.client.post(admin.url("mapping_import"), {"csv": text, **fields})


def hidden_table(page: Any) -> str:
    found = re.search(r'name="csv" value="([^"]*)"', page.content.decode())
    assert found is not None
    return unescape(found[1])


def exported(admin: AdminClient, **query: object) -> str:
    answer = admin.get("mapping_export", **query)
    assert answer["Content-Disposition"] == 'attachment; filename="mappings.csv"'
    return b"".join(answer.streaming_content).decode()


def test_what_the_list_shows_is_what_the_file_has(admin: AdminClient, three: list[Mapping]) -> None:
    page = admin.get("mapping_changelist", q="two").content.decode()

    assert f'href="{admin.url("mapping_export")}?q=two"' in page
    assert exported(admin, q="two") == (
        "hostname,prefix,target,enabled,private,allow_push,delivery,standby,labels\r\n"
        "docker.acme.com,two,docker.io/acme/two,yes,no,no,auto,,\r\n"
    )
    assert admin.get("mapping_export", nonsense__x="1").status_code == 400


def test_what_was_exported_is_told_to_change_nothing(admin: AdminClient, three: list[Mapping]) -> None:
    page = text_of(look_at(admin, exported(admin)))

    assert "3 lines: nothing 3." in page
    assert "there is nothing to draft" in page
    assert "Draft as a change set" not in page


def test_a_file_is_looked_at_and_what_it_says_is_drafted(admin: AdminClient, three: list[Mapping]) -> None:
    text = f"hostname,prefix,target\n{HOST},one,ghcr.io/acme/one\n{HOST},two,\n{HOST},four,ghcr.io/acme/four\n"

    page = look_at(admin, file=SimpleUploadedFile("moves.csv", text.encode("utf-8-sig")))
    said = text_of(page)
    assert "3 lines: add 1, repoint 1, nothing 1. Nothing is written." in said
    assert "2 docker.acme.com/one repoint target: docker.io/acme/one → ghcr.io/acme/one" in said
    assert "4 docker.acme.com/four add mapping: none → ghcr.io/acme/four" in said
    assert not ChangeSet.objects.exists()

    answer = look_at(admin, hidden_table(page), confirmed="yes", reason="CHG-1")
    change_set = ChangeSet.objects.get()
    assert answer.url == admin.url("changeset_change", change_set.pk)
    assert (change_set.size, change_set.message, Mapping.objects.count()) == (2, "CHG-1", 3)
    review = text_of(admin.client.get(answer.url))
    assert "docker.acme.com/four mapping none ghcr.io/acme/four" in review
    admin.client.post(answer.url, {"deed": "apply", "checksum": change_set.checksum})
    assert Mapping.objects.count() == 4


def test_wrong_lines_come_first_and_are_shown_as_they_are(admin: AdminClient, three: list[Mapping]) -> None:
    text = f'hostname,prefix,target\n{HOST},one,ghcr.io/acme\n{HOST},"<script>alert(1)</script>",ghcr.io/acme\n'

    page = look_at(admin, text)

    assert "<script>alert" not in page.content.decode()
    said = text_of(page)
    assert said.index("“<script>alert(1)</script>” is not a prefix") < said.index("docker.acme.com/one repoint")
    assert "Draft as a change set" not in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "choose a file, or paste a table"),
        ({"csv": "x", "file": SimpleUploadedFile("x.csv", b"x")}, "not both"),
        ({"file": SimpleUploadedFile("x.csv", b"a,b\n" * 600_000)}, "the file has more than 2 MiB"),
        ({"file": SimpleUploadedFile("x.csv", "hostname,prefix\n".encode("utf-16"))}, "the file is UTF-16"),
        ({"file": SimpleUploadedFile("x.csv", b"hostname,prefix\na,b\0\n")}, "line 2 has a NUL character"),
    ],
    ids=["nothing", "both", "more than 2 MiB", "UTF-16", "NUL"],
)
def test_what_is_no_table_is_told_on_the_page(admin: AdminClient, fields: dict[str, Any], said: str) -> None:
    answer = look_at(admin, **fields)

    assert answer.status_code == 200
    assert said in text_of(answer)
    assert not ChangeSet.objects.exists()


def test_ten_megabytes_are_not_read_at_all(admin: AdminClient) -> None:
    answer = look_at(admin, file=SimpleUploadedFile("x.csv", b"a,b\n" * 2_500_000))

    assert answer.status_code == 413
    assert "The body is longer than 2.5 MiB" in text_of(answer)


def test_without_a_reason_the_table_stays(admin: AdminClient, three: list[Mapping]) -> None:
    text = f"hostname,prefix,target\r\n{HOST},one,ghcr.io/acme/one\r\n"

    page = look_at(admin, text, confirmed="yes", reason=" ")

    assert "Say why" in text_of(page)
    assert hidden_table(page) == text
    assert not ChangeSet.objects.exists()


def test_the_list_offers_both_ways_and_the_empty_one_the_import(admin: AdminClient) -> None:
    assert admin.url("mapping_import") in admin.get("mapping_changelist").content.decode()

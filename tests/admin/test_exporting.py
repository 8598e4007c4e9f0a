"""What a list shows, as files: no row more, none less, and none that the asker may not see."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from routing.admin.base import exporting
from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.configuration.apply import apply_document
from routing.services.configuration.reading import read_document
from routing.services.hostnames.hostnames import update_hostname
from routing.services.registries.registries import add_registry
from tests.admin.conftest import SET_UP, AdminClient, add, text_of

Member = Callable[[Tenant, str], AdminClient]


@pytest.fixture
def rows(db: None) -> None:
    """Two tenants, one of which has a registry of its own, at the address of a shared one."""
    add("docker.acme.com", "one", "ghcr.io/acme/one", tenant="acme", private=True)
    acme = Tenant.objects.get(slug="acme")
    add_registry(SET_UP, "", tenant_id=acme.pk, name="Own", origin="https://ghcr.io")
    add("docker.acme.com", "two", "ghcr.io/acme/two", tenant="acme")
    add("docker.acme.com", "", "quay.io/acme", tenant="acme")
    add("docker.globex.com", "secret", "quay.io/globex", tenant="globex")


def sent(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def table(admin: AdminClient, noun: str, **query: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(sent(admin.get(f"{noun}_export", **query)))))


def shown(admin: AdminClient, noun: str, **query: object) -> list[Any]:
    return list(admin.get(f"{noun}_changelist", **query).context["cl"].result_list)


def test_the_file_has_all_pages_in_the_order_of_the_list(
    admin: AdminClient, rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.services.lists.shown_rows._PAGE_ROWS", 2)
    for query in ({}, {"q": "acme"}, {"o": "-2"}, {"state": "off"}):
        listed = [(row.hostname.name, row.prefix) for row in shown(admin, "mapping", **query)]
        assert [(line["hostname"], line["prefix"]) for line in table(admin, "mapping", **query)] == listed
    assert len(table(admin, "mapping")) == 4


def test_a_member_gets_what_is_theirs(member: Member, rows: None) -> None:
    viewer = member(Tenant.objects.get(slug="acme"), "viewer")

    assert {line["hostname"] for line in table(viewer, "mapping")} == {"docker.acme.com"}
    assert {line["hostname"] for line in table(viewer, "hostname")} == {"docker.acme.com"}
    assert {line["tenant"] for line in table(viewer, "registry")} == {"acme", ""}
    for noun in ("mapping", "hostname", "registry"):
        assert "globex" not in sent(viewer.get(f"{noun}_export_yaml"))


def test_a_formula_is_a_text(admin: AdminClient, rows: None) -> None:
    Registry.objects.filter(name="Own").update(name="=HYPERLINK(1)")

    assert "'=HYPERLINK(1)" in {line["name"] for line in table(admin, "registry")}


def test_hostnames_say_how_they_stand(admin: AdminClient, rows: None) -> None:
    hostname = Hostname.objects.get(name="docker.acme.com")
    update_hostname(SET_UP, "r", hostname_id=hostname.pk, enabled=False)

    (line,) = table(admin, "hostname", q="acme")

    assert (line["hostname"], line["tenant"], line["state"], line["enabled"]) == (
        "docker.acme.com",
        "acme",
        "disabled",
        "no",
    )


@pytest.mark.parametrize("noun", ["mapping", "hostname", "registry"])
def test_a_document_can_be_read_again_and_changes_nothing(admin: AdminClient, rows: None, noun: str) -> None:
    Tenant.objects.filter(slug="acme").update(max_mappings=7)

    answer = admin.get(f"{noun}_export_yaml", q="acme" if noun != "registry" else "")

    assert answer["Content-Type"] == "application/yaml; charset=utf-8"
    plan = apply_document(SET_UP, "again", read_document(sent(answer)))
    assert plan.steps == ()
    assert Tenant.objects.get(slug="acme").max_mappings == 7


def test_a_document_makes_anew_what_was_lost(admin: AdminClient, rows: None) -> None:
    text = sent(admin.get("mapping_export_yaml", q="docker.acme.com"))
    before = {(row.prefix, row.registry_id, row.upstream_prefix, row.private) for row in Mapping.objects.all()}
    Mapping.objects.filter(hostname__name="docker.acme.com").delete()

    apply_document(SET_UP, "again", read_document(text))

    now = {(row.prefix, row.registry_id, row.upstream_prefix, row.private) for row in Mapping.objects.all()}
    assert now == before


def test_too_many_rows_are_no_file_but_a_sentence(
    admin: AdminClient, rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MAX_ROWS_OF_A_TABLE", 3)
    monkeypatch.setattr(exporting, "MAX_ROWS_OF_A_DOCUMENT", 3)
    for page in ("mapping_export", "mapping_export_yaml"):
        answer = admin.client.get(admin.url(page), {"o": "2"}, follow=True)
        assert "more than 3 mappings: narrow the list by a filter or a search" in text_of(answer)
        assert answer.redirect_chain == [(f"{admin.url('mapping_changelist')}?o=2", 302)]
    assert len(table(admin, "mapping", q="acme")) == 3


def test_a_list_links_to_its_files_as_it_is_shown_and_an_empty_one_to_none(admin: AdminClient, rows: None) -> None:
    page = admin.get("registry_changelist", q="Own").content.decode()
    assert f'href="{admin.url("registry_export_yaml")}?q=Own"' in page
    Mapping.objects.all().delete()
    assert admin.url("mapping_export") not in admin.get("mapping_changelist").content.decode()

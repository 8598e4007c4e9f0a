"""Beside the form of a mapping: what it would do as it is typed, with nothing written and nothing asked."""

from __future__ import annotations

import html

import pytest
from django.utils.html import strip_tags

from routing.models import Hostname, Mapping, Registry
from routing.services.mappings.mappings import add_mapping
from tests.admin.conftest import SET_UP, AdminClient, add
from tests.conftest import Person
from tests.services.pulls.counts import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapping() -> Mapping:
    added = add("docker.acme.com", "acme", "old.example/acme")
    for host in ("new.example", "old.example", "basic.example"):
        Registry.objects.get_or_create(origin=f"https://{host}", defaults={"name": host})
    Registry.objects.filter(origin__endswith="new.example").update(
        auth="bearer", realm="https://new.example/token", service="new.example"
    )
    Registry.objects.filter(origin__endswith="old.example").update(auth="none")
    Registry.objects.filter(origin__endswith="basic.example").update(auth="basic")
    return added


def prospect(admin: AdminClient, **typed: str | int) -> str:
    answer = admin.client.get("/admin/routing/mapping/prospect/", typed)
    assert answer.status_code == 200
    return " ".join(strip_tags(html.unescape(answer.json()["html"])).split())


def clients(shown: str) -> str:
    return shown.partition("/image ")[2].partition("/image ")[2]


def test_another_target_shows_what_each_client_would_meet(admin: AdminClient, mapping: Mapping) -> None:
    there = prospect(admin, mapping=mapping.pk, target="old.example/acme", enabled="on", delivery="auto")
    renamed = prospect(admin, mapping=mapping.pk, target="new.example/acme-inc", enabled="on", delivery="auto")

    assert "docker.acme.com/acme/image → old.example/acme/image" in there
    assert "through the facade" not in clients(there)
    # A Bearer registry under another name: manifests are relayed.
    assert "docker.acme.com/acme/image → new.example/acme-inc/image" in renamed
    assert "through the facade" in clients(renamed)


def test_options_count_as_they_are_typed(admin: AdminClient, mapping: Mapping) -> None:
    typed: dict[str, str | int] = {"mapping": mapping.pk, "target": "new.example/acme-inc", "enabled": "on"}

    assert "fails" not in clients(prospect(admin, **typed, delivery="auto"))
    assert "fails" in clients(prospect(admin, **typed, delivery="redirect-only"))
    assert "works" not in clients(prospect(admin, **typed | {"enabled": ""}, delivery="auto"))


def test_it_says_how_many_pull_through_it(admin: AdminClient, mapping: Mapping) -> None:
    typed: dict[str, str | int] = {"mapping": mapping.pk, "target": "new.example/acme", "enabled": "on"}
    assert "Nobody pulled through this mapping" in prospect(admin, **typed)

    counted(mapping.hostname.tenant, mapping.hostname.name, "acme/app", 1234)
    assert "1,234 pulls went through this mapping" in prospect(admin, **typed)


@pytest.mark.parametrize("hostname", ["docker.acme.com", "new.acme.com", "*.acme.com"])
def test_a_new_mapping_is_looked_at_too(admin: AdminClient, mapping: Mapping, hostname: str) -> None:
    shown = prospect(admin, hostname=hostname, prefix="team", target="old.example/team", delivery="auto")

    assert f"{hostname.replace('*', 'any')}/team/image → old.example/team/image" in shown
    assert "works" in clients(shown)


def test_a_registry_that_nobody_looked_at_is_said_to_be_one(admin: AdminClient, mapping: Mapping) -> None:
    shown = prospect(admin, mapping=mapping.pk, target="unknown.example/acme", enabled="on")

    assert "unknown.example was never looked at" in shown
    assert "works" not in shown


@pytest.mark.parametrize("target", ["ftp://x", "old.example/UPPER", "https://user:password@old.example/acme", "😀"])
def test_what_could_not_be_saved_is_told_in_a_sentence(admin: AdminClient, mapping: Mapping, target: str) -> None:
    shown = prospect(admin, mapping=mapping.pk, target=target, enabled="on")

    assert shown
    assert clients(shown) == ""


def test_it_writes_nothing(admin: AdminClient, mapping: Mapping) -> None:
    nouns = (Mapping, Registry, Hostname)
    before = [list(noun.objects.values()) for noun in nouns]
    prospect(admin, mapping=mapping.pk, target="elsewhere.example/acme", enabled="on")
    prospect(admin, hostname="added.acme.com", prefix="x", target="elsewhere.example/x")

    assert before == [list(noun.objects.values()) for noun in nouns]


def test_nobody_learns_of_another_tenants_hostname_or_registry(owner: Person, outsider: Person) -> None:
    add_mapping(SET_UP, "", hostname=outsider.hostname.name, prefix="secret", target="quay.io/secret")
    theirs = Mapping.objects.get(prefix="secret")
    own = Registry.objects.create(name="theirs", origin="https://theirs.example", tenant=outsider.tenant, auth="none")
    pages = AdminClient(owner.user)

    assert pages.client.get("/admin/routing/mapping/prospect/", {"mapping": theirs.pk}).status_code == 404
    known, unknown = (
        prospect(pages, hostname=name, prefix="x", target="quay.io/x")
        for name in (outsider.hostname.name, "no.example")
    )
    assert known == unknown
    assert "not a hostname of yours" in known
    shown = prospect(pages, hostname=owner.hostname.name, prefix="x", target=f"{own.origin}/x")
    assert "was never looked at" in shown
    assert own.name not in shown.replace("theirs.example", "")


def test_all_of_a_shared_registry_is_for_operators(owner: Person, admin: AdminClient) -> None:
    typed = {"hostname": owner.hostname.name, "prefix": "x", "target": "docker.io"}

    assert "operators of the platform only" in prospect(AdminClient(owner.user), **typed)
    assert "operators of the platform only" not in prospect(admin, **typed)

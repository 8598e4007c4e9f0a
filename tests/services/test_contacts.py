"""Which hosts the machines of a hostname's users contact: told by every door, made of what probes have found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from routing.models import Mapping, Registry
from routing.registries.probes.repository import Delivery, RepositoryProbe
from routing.services.base.errors import NotFound
from routing.services.mappings.contacts import Contacts, Purpose, get_contacts
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.probes import _delivery
from tests.admin.conftest import AdminClient, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
SEEN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EARLIER = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
STORAGE = "https://storage.example https://cache.storage.example:8443"


def mapped(owner: Person, prefix: str, target: str = "ghcr.io/acme", **facts: Any) -> Mapping:
    mapping = add_mapping(owner.actor, "", hostname="docker.acme.com", prefix=prefix, target=target).mapping
    Registry.objects.filter(pk=mapping.registry_id).update(
        auth="bearer", realm="https://tokens.example/token", probed_at=EARLIER
    )
    Mapping.objects.filter(pk=mapping.pk).update(**facts)
    return mapping


def seen(owner: Person) -> Contacts:
    return get_contacts(owner.actor, owner.hostname.pk)


def test_what_is_contacted_for_what_and_when_that_was_seen(owner: Person) -> None:
    mapped(owner, "a", blob_delivery="redirect", blob_origins=STORAGE, probed_at=EARLIER)
    mapped(owner, "b", blob_delivery="redirect", blob_origins="https://storage.example", probed_at=SEEN)
    mapped(owner, "c", blob_delivery="inline", probed_at=SEEN)

    found = seen(owner)

    assert [(*each[:4], each.seen_at) for each in found.contacts] == [
        ("docker.acme.com", 443, Purpose.FACADE, 3, None),
        ("ghcr.io", 443, Purpose.REGISTRY, 3, EARLIER),
        ("tokens.example", 443, Purpose.TOKENS, 3, EARLIER),
        ("cache.storage.example", 8443, Purpose.STORAGE, 1, EARLIER),
        ("storage.example", 443, Purpose.STORAGE, 2, SEEN),
    ]
    assert (found.unknown, found.unknown_count) == ([], 0)


def test_a_probe_that_failed_has_seen_nothing(owner: Person) -> None:
    mapping = mapped(owner, "a", blob_origins=STORAGE, blob_delivery="redirect", probed_at=SEEN, probe_error="no")
    Registry.objects.filter(pk=mapping.registry_id).update(probe_error="it accepts no connection")

    assert {each.seen_at for each in seen(owner).contacts} == {None}
    assert len(seen(owner).contacts) == 5


def test_what_is_off_does_not_count(owner: Person) -> None:
    mapped(owner, "a", blob_delivery="redirect", blob_origins=STORAGE, enabled=False)

    assert [each.purpose for each in seen(owner).contacts] == [Purpose.FACADE]


def test_what_no_probe_has_seen_is_said_to_be_unknown(owner: Person) -> None:
    for number in range(25):
        mapped(owner, f"x{number:02}")

    found = seen(owner)

    assert found.unknown[:2] == ["docker.acme.com/x00", "docker.acme.com/x01"]
    assert (len(found.unknown), found.unknown_count) == (20, 25)


def test_of_what_is_published_only_the_storage_is_contacted(owner: Person) -> None:
    mapped(owner, "a", blob_delivery="redirect", blob_origins="https://storage.example", account_user="robot")

    assert [each.purpose for each in seen(owner).contacts] == [Purpose.FACADE, Purpose.STORAGE]


def test_a_realm_of_one_repository_counts_too(owner: Person) -> None:
    mapping = mapped(owner, "a", challenge="bearer https://own-tokens.example:5001/auth service.example")
    Registry.objects.filter(pk=mapping.registry_id).update(auth="none", realm="")

    assert ("own-tokens.example", 5001) in [each[:2] for each in seen(owner).contacts]


@pytest.mark.parametrize("realm", ["https://[half", "nonsense", "https://host:99999999/x", "/token"])
def test_a_realm_that_is_no_address_is_left_out(owner: Person, realm: str) -> None:
    mapping = mapped(owner, "a")
    Registry.objects.filter(pk=mapping.registry_id).update(realm=realm)

    assert Purpose.TOKENS not in [each.purpose for each in seen(owner).contacts]


def test_the_facade_has_the_port_by_which_people_reach_it(owner: Person, settings: Settings) -> None:
    settings.FACADE_PUBLIC_PORT = 8443

    assert seen(owner).contacts[0][:2] == ("docker.acme.com", 8443)


def test_nobody_else_sees_it(owner: Person, outsider: Person) -> None:
    with pytest.raises(NotFound):
        get_contacts(outsider.actor, owner.hostname.pk)


def test_every_door_tells_it(owner: Person) -> None:
    mapped(owner, "a", blob_delivery="redirect", blob_origins=STORAGE, probed_at=SEEN)
    mapped(owner, "b")

    told = api_client_for(owner).get(f"hostnames/{owner.hostname.pk}/contacts").json()
    line = facade("hostname", "contacts", "docker.acme.com")
    shown = text_of(AdminClient(owner.user).get("hostname_change", owner.hostname.pk))

    assert told["hostname"] == "docker.acme.com"
    assert told["contacts"][-1] == {
        "host": "storage.example",
        "port": 443,
        "purpose": "storage",
        "mappings": 1,
        "since": None,
        "seen_at": "2026-11-20T12:00:00Z",
    }
    assert (told["unknown"], told["unknown_count"]) == (["docker.acme.com/b"], 1)
    assert facade("hostname", "contacts", "docker.acme.com", "--json").json["contacts"][-1]["host"] == "storage.example"
    assert line.status == 0
    for said in (line.out, shown):
        assert "cache.storage.example" in said
        assert "8443" in said
        assert "docker.acme.com/b" in said
    assert "the layers of 1 mapping lie" in line.out
    assert facade("hostname", "contacts", "docker.nobody.com").status == 3


def test_origins_are_written_down_whole_or_not_at_all() -> None:
    origins = tuple(f"https://storage-{number:03}.{'x' * 60}.example" for number in range(9))

    written = _delivery(RepositoryProbe(delivery=Delivery.REDIRECT, origins=origins))["blob_origins"]

    assert written.split() == list(origins[: len(written.split())])
    assert 400 < len(written) <= 500

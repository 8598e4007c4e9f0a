"""Hosts that a probe sees for the first time are written down and told: to whoever subscribed, for their firewalls."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.models import ContactSighting, Delivery, Job, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.mappings import sightings
from routing.services.mappings.contacts import Purpose, get_contacts
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.probe_jobs import probe_contacts
from routing.services.registries.probes import probe_mapping
from routing.services.registries.registries import add_registry
from routing.services.telling.subscriptions import add_subscription
from tests.admin.conftest import AdminClient, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = False


@pytest.fixture
def registry(server: FaultyServer) -> SmallRegistry:
    made = SmallRegistry(server, auth="bearer")
    made.redirect_blobs("https://storage.example/x")
    return made


def probed(platform: Actor, registry: SmallRegistry, prefix: str = "acme/app", hostname: str = HOST) -> Mapping:
    target = f"{registry.server.url}/acme/app"
    mapping = add_mapping(platform, "", hostname=hostname, prefix=prefix, target=target, tenant=None).mapping
    return probe_mapping(platform, mapping_id=mapping.pk)


def subscribed(owner: Person) -> None:
    address = "https://hooks.acme.com/facade"
    add_subscription(owner.actor, "", tenant_id=owner.tenant.pk, address=address, kinds=["contacts"])


def told() -> list[dict[str, Any]]:
    """What subscribers are told of, oldest first."""
    return [json.loads(body)["data"] for body in Delivery.objects.order_by("pk").values_list("body", flat=True)]


def hosts(purpose: Purpose = Purpose.STORAGE) -> set[str]:
    return set(ContactSighting.objects.filter(purpose=purpose).values_list("host", flat=True))


def an_hour_passes() -> None:
    ago = timezone.now() - timedelta(minutes=61)
    Mapping.objects.update(probed_at=ago)
    Registry.objects.update(probed_at=ago)


def test_a_storage_that_moved_an_hour_ago_is_found_and_told(
    owner: Person, platform: Actor, registry: SmallRegistry
) -> None:
    subscribed(owner)
    probed(platform, registry)
    registry.redirect_blobs("https://new-storage.example:8443/x")
    probe_contacts(3600)
    assert not Job.objects.exists(), "it was looked at a moment ago"
    before = timezone.now()

    an_hour_passes()
    probe_contacts(3600)
    do_jobs_but_tell()

    (message,) = told()
    assert message["event"] == "hostname.contact_appeared"
    assert (message["host"], message["port"], message["purpose"]) == ("new-storage.example", 8443, "storage")
    assert (message["hostnames"], message["hostname_ids"]) == ([HOST], [owner.hostname.pk])
    contact = get_contacts(owner.actor, owner.hostname.pk).contacts[-1]
    assert contact.host == "new-storage.example"
    assert contact.since is not None
    assert contact.since >= before
    assert hosts() == {"storage.example", "new-storage.example"}


def do_jobs_but_tell() -> None:
    """The probes; the receiver of these messages is nobody."""
    Job.objects.filter(kind__startswith="tell").delete()
    do_jobs()


def test_what_is_known_when_the_history_begins_is_told_to_nobody(
    owner: Person, platform: Actor, registry: SmallRegistry
) -> None:
    subscribed(owner)
    first = probed(platform, registry)
    second = probed(platform, registry, "another")
    Mapping.objects.filter(pk=second.pk).update(blob_origins="https://other.example")
    ContactSighting.objects.all().delete()

    probe_mapping(platform, mapping_id=first.pk)

    assert told() == []
    assert hosts() == {"storage.example", "other.example"}
    assert hosts(Purpose.REGISTRY) == {"127.0.0.1"}
    assert hosts(Purpose.TOKENS) == {"127.0.0.1"}


def test_what_is_seen_again_is_one_row_with_its_days(owner: Person, platform: Actor, registry: SmallRegistry) -> None:
    mapping = probed(platform, registry)
    long_ago = timezone.now() - timedelta(days=9)
    ContactSighting.objects.update(first_seen_at=long_ago, last_seen_at=long_ago)

    probe_mapping(platform, mapping_id=mapping.pk)

    row = ContactSighting.objects.get(purpose=Purpose.STORAGE)
    assert row.first_seen_at == long_ago
    assert row.last_seen_at > timezone.now() - timedelta(minutes=5)


def test_a_probe_that_fails_has_seen_nothing_new(owner: Person, platform: Actor, registry: SmallRegistry) -> None:
    mapping = probed(platform, registry)
    long_ago = timezone.now() - timedelta(days=9)
    ContactSighting.objects.update(last_seen_at=long_ago)
    Registry.objects.filter(pk=mapping.registry_id).update(origin="http://127.0.0.1:1")

    probe_mapping(platform, mapping_id=mapping.pk)

    assert set(ContactSighting.objects.values_list("last_seen_at", flat=True)) == {long_ago}


def test_a_realm_that_moved_is_told_to_every_tenant_whose_users_go_there(
    owner: Person, outsider: Person, platform: Actor, registry: SmallRegistry
) -> None:
    subscribed(owner)
    subscribed(outsider)
    add_registry(platform, "", name="shared", origin=registry.server.url, tenant_id=None)
    mapping = probed(platform, registry)
    probed(platform, registry, hostname=outsider.hostname.name)
    Registry.objects.filter(pk=mapping.registry_id).update(realm="https://tokens.example/token")

    for _ in range(2):
        sightings.hear("registry.probed", {"registry_id": mapping.registry_id, "failed": False})
    sightings.hear("registry.probed", {"registry_id": 10**9, "failed": False})

    assert sorted((each["tenant"], each["host"], each["purpose"]) for each in told()) == sorted(
        (person.tenant.slug, "tokens.example", "tokens") for person in (owner, outsider)
    )


def test_whoever_knows_it_already_is_not_told_again(
    owner: Person, outsider: Person, platform: Actor, registry: SmallRegistry
) -> None:
    subscribed(owner)
    subscribed(outsider)
    add_registry(platform, "", name="shared", origin=registry.server.url, tenant_id=None)
    mapping = probed(platform, registry)
    probed(platform, registry, hostname=outsider.hostname.name)
    ContactSighting.objects.filter(hostname=outsider.hostname, purpose=Purpose.TOKENS).delete()

    sightings.hear("registry.probed", {"registry_id": mapping.registry_id, "failed": False})

    assert [(each["tenant"], each["purpose"]) for each in told()] == [(outsider.tenant.slug, "tokens")]


def test_of_a_probe_that_failed_or_of_a_mapping_that_is_off_nothing_is_noted(
    owner: Person, platform: Actor, registry: SmallRegistry
) -> None:
    mapping = probed(platform, registry)
    Registry.objects.filter(pk=mapping.registry_id).update(realm="https://tokens.example/token")
    sightings.hear("registry.probed", {"registry_id": mapping.registry_id, "failed": True})
    Mapping.objects.update(enabled=False, blob_origins="https://other.example")

    sightings.hear("mapping.probed", {"mapping_id": mapping.pk})

    assert hosts() == {"storage.example"}
    assert "tokens.example" not in hosts(Purpose.TOKENS)


@pytest.mark.parametrize("host", ["x" * 254, "höst.example", "a\x07b"])
def test_what_can_be_no_name_is_left_out(owner: Person, platform: Actor, registry: SmallRegistry, host: str) -> None:
    mapping = probed(platform, registry)
    Registry.objects.filter(pk=mapping.registry_id).update(realm=f"https://{host}/token")

    sightings.hear("registry.probed", {"registry_id": mapping.registry_id, "failed": False})
    sightings.hear("mapping.probed", {"mapping_id": mapping.pk})

    assert hosts(Purpose.TOKENS) == {"127.0.0.1"}


def test_those_seen_last_are_kept(
    owner: Person, platform: Actor, registry: SmallRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "MOST", 4)
    subscribed(owner)
    mapping = probed(platform, registry)

    for number in range(3):
        Mapping.objects.update(blob_origins=f"https://storage-{number}.example")
        sightings.hear("mapping.probed", {"mapping_id": mapping.pk})

    assert ContactSighting.objects.count() == 4
    assert hosts() == {"storage-1.example", "storage-2.example"}
    assert [each["host"] for each in told()] == [f"storage-{number}.example" for number in range(3)]


def test_one_repository_of_each_registry_is_looked_at_the_one_longest_ago(
    owner: Person, platform: Actor, registry: SmallRegistry
) -> None:
    names = ("recent", "oldest", "old", "off", "unprobed")
    rows = {name: probed(platform, registry, name) for name in names}
    now = timezone.now()
    for name, hours in (("oldest", 9), ("old", 3), ("off", 12), ("unprobed", 12)):
        Mapping.objects.filter(pk=rows[name].pk).update(probed_at=now - timedelta(hours=hours))
    Mapping.objects.filter(pk=rows["off"].pk).update(enabled=False)
    Mapping.objects.filter(pk=rows["unprobed"].pk).update(probed_repository="")

    probe_contacts(3600)

    assert list(Job.objects.values_list("kind", "key")) == [("probe_mapping", str(rows["oldest"].pk))]


def test_every_door_says_since_when(owner: Person, platform: Actor, registry: SmallRegistry) -> None:
    probed(platform, registry)
    ContactSighting.objects.update(first_seen_at="2026-03-01T12:00:00Z")

    contacts = api_client_for(owner).get(f"hostnames/{owner.hostname.pk}/contacts").json()["contacts"]

    assert [each["since"] for each in contacts] == [None, *["2026-03-01T12:00:00Z"] * 3]
    assert "2026-03-01" in facade("hostname", "contacts", HOST).out
    shown = text_of(AdminClient(owner.user).get("hostname_change", owner.hostname.pk))
    assert "1 March 2026" in shown


def test_a_feed_has_what_appeared_the_newest_first_and_says_where_nothing_did(
    owner: Person, outsider: Person, platform: Actor, registry: SmallRegistry
) -> None:
    mapping = probed(platform, registry)
    api, path = api_client_for(owner), f"hostnames/{owner.hostname.pk}/contacts/feed"
    first = api.get(path)
    again = api.client.get(f"/api/v1/{path}", headers={"If-None-Match": first["ETag"]})
    Mapping.objects.update(blob_origins="https://new-storage.example")
    sightings.hear("mapping.probed", {"mapping_id": mapping.pk})
    later = api.client.get(f"/api/v1/{path}", headers={"If-None-Match": first["ETag"]})

    feed = later.json()
    assert (first.status_code, again.status_code, later.status_code) == (200, 304, 200)
    assert (again.content, again["ETag"]) == (b"", first["ETag"])
    assert later["ETag"] != first["ETag"]
    assert later["Content-Type"] == "application/json"
    assert (feed["version"], len(feed["items"])) == ("https://jsonfeed.org/version/1.1", 4)
    row = ContactSighting.objects.get(host="new-storage.example")
    assert feed["items"][0] == {
        "id": f"contact-{row.pk}",
        "title": "new-storage.example:443, for the layers",
        "content_text": "Those who pull from docker.acme.com contact new-storage.example:443, for the layers.",
        "date_published": row.first_seen_at.isoformat(),
    }
    assert api_client_for(outsider).get(path).status_code == 404

"""“Check as a client would”: the doctor on a hostname's page, for whoever may check it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db import connection

from routing.diagnosis import hostname as diagnosis
from routing.diagnosis.asking import Place
from routing.models import Hostname, Job, Tenant
from routing.services.hostnames.claims import vouch_hostname
from routing.services.mappings.mappings import add_mapping
from tests.admin.conftest import SET_UP, AdminClient, messages_of, text_of
from tests.dns.name_server import NameServer, at
from tests.registries.faulty_server import FaultyServer

Member = Callable[[Tenant, str], AdminClient]
NAME = "docker.acme.com"


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


@pytest.fixture
def hostname(acme: Tenant, name_server: NameServer) -> Hostname:
    return vouch_hostname(SET_UP, "", tenant_id=acme.pk, name=NAME)


def test_an_owner_looks_as_a_client_would(acme: Tenant, hostname: Hostname, member: Member) -> None:
    owner = member(acme, "owner")
    page = owner.get("hostname_change", hostname.pk).content.decode()
    assert f'href="{owner.url("hostname_doctor", hostname.pk)}">Check as a client would…</a>' in page
    assert "It changes nothing, pulls no layer" in text_of(owner.get("hostname_doctor", hostname.pk))

    found = owner.client.post(owner.url("hostname_doctor", hostname.pk))

    told = text_of(found)
    assert "Clients don't get through." in told
    assert f"DNS stops here There is no address record at {NAME}" in told
    assert "Set the address records that the hostname's page shows." in told
    assert "pull not tried no client gets through to this facade, see above" in told
    assert "Check again" in told
    # The table scrolls on a telephone, and by keys.
    assert '<div class="scroll" tabindex="0" role="region"' in found.content.decode()
    assert not Job.objects.exists()


def test_what_a_stranger_has_written_is_text(
    acme: Tenant,
    hostname: Hostname,
    member: Member,
    name_server: NameServer,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FACADE_ADDRESSES = ["127.0.0.1"]
    server = FaultyServer()
    monkeypatch.setattr(diagnosis, "place_of", lambda host: Place("http", host, server.port))
    name_server.answers(NAME, at("127.0.0.1"))
    try:
        owner = member(acme, "owner")
        found = owner.client.post(owner.url("hostname_doctor", hostname.pk)).content.decode()
    finally:
        server.stop()

    assert "another server answers, with status 404" in found


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_whoever_may_not_check_it_may_not_do_this_either(
    acme: Tenant, hostname: Hostname, member: Member, name_server: NameServer, role: str
) -> None:
    admin = member(acme, role)

    assert "Check as a client would" not in text_of(admin.get("hostname_change", hostname.pk))
    for answer in (
        admin.get("hostname_doctor", hostname.pk),
        admin.client.post(admin.url("hostname_doctor", hostname.pk)),
    ):
        assert answer.status_code == 403
    assert name_server.queries == []


def test_over_the_rate_nobody_is_asked(
    acme: Tenant, hostname: Hostname, member: Member, name_server: NameServer, settings: LazySettings
) -> None:
    settings.FACADE_MAX_CHECKS_PER_MINUTE = 0
    owner = member(acme, "owner")

    answer = owner.client.post(owner.url("hostname_doctor", hostname.pk))

    assert "checks" in text_of(answer)
    assert messages_of(answer) or "too many" in text_of(answer).lower()
    assert name_server.queries == []


def test_no_transaction_is_open_meanwhile(
    acme: Tenant, hostname: Hostname, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = member(acme, "owner")
    outside, seen = list(connection.savepoint_ids), []

    async def look(*_: object, **__: object) -> None:
        seen.append(list(connection.savepoint_ids))
        raise LookupError

    monkeypatch.setattr(diagnosis, "_look", look)
    with pytest.raises(LookupError):
        owner.client.post(owner.url("hostname_doctor", hostname.pk))
    assert seen == [outside]


def test_of_its_mappings_those_that_a_probe_has_seen_are_pulled(acme: Tenant, hostname: Hostname) -> None:
    for prefix, target, probed in (
        ("app", "ghcr.io/acme/app", "acme/app"),
        ("team", "ghcr.io/acme", "acme/web"),
        ("hub", "docker.io/alpine", "library/alpine"),
        ("", "quay.io", "any/thing"),
        ("new", "quay.io/new", ""),
    ):
        made = add_mapping(SET_UP, "", hostname=NAME, prefix=prefix, target=target).mapping
        made.probed_repository = probed
        made.save(update_fields=["probed_repository"])

    subject = diagnosis.subject_of(hostname, NAME, None)

    # Three at most, by prefix.
    assert [image.repository for image in subject.images] == ["any/thing", "app", "hub"]
    assert subject.unknown == (f"{NAME}/new",)
    assert subject.place.url == f"https://{NAME}"

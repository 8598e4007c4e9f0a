"""Checks that people ask for: their rate, and their places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from routing.jobs.at_once import at_once
from routing.jobs.kinds import Places
from routing.models import Rate, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import TooManyRequests
from routing.services.hostnames.claims import check_claim, claim_hostname
from routing.services.mappings.mappings import add_mapping, update_mapping
from routing.services.registries.probes import PROBE_REGISTRY, probe, probe_mapping
from routing.services.registries.registries import add_registry
from tests.conftest import Person
from tests.dns.name_server import NameServer
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(settings: Settings, name_server: NameServer) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    server = FaultyServer()
    SmallRegistry(server, auth="bearer")
    yield server
    server.stop()


def own_registry(person: Person, server: FaultyServer) -> Registry:
    return add_registry(person.actor, "", tenant_id=person.tenant.pk, name="ours", origin=server.url)


class TestRate:
    def test_it_is_the_tenants_and_nobody_elses(
        self, owner: Person, teammate: Person, outsider: Person, server: FaultyServer, settings: Settings
    ) -> None:
        settings.FACADE_MAX_CHECKS_PER_MINUTE = 2
        registry, other = own_registry(owner, server), own_registry(outsider, server)
        probe(owner.actor, registry_id=registry.pk)
        probe(teammate.actor, registry_id=registry.pk)

        with pytest.raises(TooManyRequests, match="2 in a minute at most") as caught:
            probe(owner.actor, registry_id=registry.pk)

        assert 0 < caught.value.retry_after_seconds <= 60
        probe(outsider.actor, registry_id=other.pk)
        for actor in (Actor("olga", is_operator=True), Actor.command_line()):
            probe(actor, registry_id=registry.pk)

    def test_it_begins_anew_when_its_time_is_over(
        self, owner: Person, server: FaultyServer, settings: Settings
    ) -> None:
        settings.FACADE_MAX_CHECKS_PER_MINUTE = 1
        registry = own_registry(owner, server)
        probe(owner.actor, registry_id=registry.pk)
        for rate in Rate.objects.all():
            Rate.objects.filter(pk=rate.pk).update(began_at=rate.began_at - timedelta(seconds=61))

        probe(owner.actor, registry_id=registry.pk)
        with pytest.raises(TooManyRequests):
            probe(owner.actor, registry_id=registry.pk)

    def test_a_claim_counts_like_a_probe(self, owner: Person, server: FaultyServer, settings: Settings) -> None:
        settings.FACADE_MAX_CHECKS_PER_MINUTE = 1
        claim = claim_hostname(owner.actor, tenant_id=owner.tenant.pk, name="pull.acme.com")
        check_claim(owner.actor, claim_id=claim.pk)

        with pytest.raises(TooManyRequests):
            probe(owner.actor, registry_id=own_registry(owner, server).pk)

    def test_changes_have_one_by_person(self, owner: Person, teammate: Person, settings: Settings) -> None:
        mapping = add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="a", target="ghcr.io/a").mapping
        settings.FACADE_MAX_CHANGES_PER_MINUTE = 3
        Rate.objects.all().delete()
        for private in (True, False, True):
            update_mapping(teammate.actor, "", mapping_id=mapping.pk, private=private)

        with pytest.raises(TooManyRequests, match="too many changes"):
            update_mapping(teammate.actor, "", mapping_id=mapping.pk, private=False)

        update_mapping(owner.actor, "", mapping_id=mapping.pk, private=False)


class TestPlaces:
    def test_what_is_checked_just_now_is_not_checked_twice(
        self, owner: Person, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("routing.services.base.checking._PERSON_WAITS_SECONDS", 0.0)
        registry = own_registry(owner, server)
        with (
            at_once(PROBE_REGISTRY, str(registry.pk), "", Places(9, 9), 0),
            pytest.raises(TooManyRequests, match="already"),
        ):
            probe(owner.actor, registry_id=registry.pk)

        assert probe(owner.actor, registry_id=registry.pk).auth == "bearer"

    def test_a_tenant_whose_places_are_taken_waits_in_vain_and_others_do_not(
        self,
        owner: Person,
        outsider: Person,
        server: FaultyServer,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("routing.services.base.checking._PERSON_WAITS_SECONDS", 0.0)
        settings.FACADE_MAX_CHECKS_PER_TENANT = 1
        mapping = add_mapping(
            owner.actor, "", hostname=owner.hostname.name, prefix="acme/app", target=f"{server.url}/acme/app"
        ).mapping
        with at_once(PROBE_REGISTRY, "other", str(owner.tenant.pk), Places(9, 9), 0):
            with pytest.raises(TooManyRequests, match="under way"):
                probe_mapping(owner.actor, mapping_id=mapping.pk)
            probe(outsider.actor, registry_id=own_registry(outsider, server).pk)

        assert probe_mapping(owner.actor, mapping_id=mapping.pk).public == "yes"

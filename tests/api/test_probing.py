"""What a change by the API has probed, and what a check over its rate is answered with."""

from __future__ import annotations

import threading

import pytest
from pytest_django import Settings

from routing.models import Job
from routing.services.hostnames.claims import claim_hostname
from routing.services.registries.probes import PROBE_MAPPING, PROBE_REGISTRY
from tests.api.conftest import ApiClient
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _probes(settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = True


def jobs() -> list[tuple[str, str]]:
    found = [(job.kind, job.share) for job in Job.objects.all()]
    Job.objects.all().delete()
    return found


def test_a_mapping_is_probed_where_it_leads_anew_and_not_otherwise(owner: Person, api: ApiClient) -> None:
    share = str(owner.tenant.pk)
    mapping = {"hostname": owner.hostname.name, "prefix": "acme", "target": "ghcr.io/acme"}
    pk = api.send("post", "mappings", **mapping).json()["mapping"]["id"]
    assert jobs() == [(PROBE_MAPPING.name, share)]

    assert api.send("post", "mappings", **mapping).status_code == 200
    for change in ({"private": True}, {"allow_push": True}, {"enabled": False}, {"target": "ghcr.io/acme"}):
        assert api.send("patch", f"mappings/{pk}", **change).status_code == 200
    assert jobs() == []

    assert api.send("patch", f"mappings/{pk}", target="quay.io/acme", reason="moved").status_code == 200
    assert jobs() == [(PROBE_MAPPING.name, share)]


def test_a_registry_is_probed_where_its_address_is_another_and_not_otherwise(owner: Person, api: ApiClient) -> None:
    share = str(owner.tenant.pk)
    given = {"tenant": owner.tenant.slug, "name": "ours", "origin": "https://one.example.com"}
    pk = api.send("post", "registries", **given).json()["id"]
    assert jobs() == [(PROBE_REGISTRY.name, share)]

    assert api.send("patch", f"registries/{pk}", name="still ours").status_code == 200
    assert jobs() == []

    moved = api.send("patch", f"registries/{pk}", origin="https://two.example.com", reason="moved")
    assert moved.status_code == 200
    assert jobs() == [(PROBE_REGISTRY.name, share)]


def test_many_saves_make_one_probe_and_no_thread(owner: Person, api: ApiClient) -> None:
    mapping = {"hostname": owner.hostname.name, "prefix": "acme", "target": "ghcr.io/acme"}
    pk = api.send("post", "mappings", **mapping).json()["mapping"]["id"]
    before = threading.active_count()
    for number in range(30):
        api.send("patch", f"mappings/{pk}", target=f"ghcr.io/acme{number % 2}", reason="to and fro")

    assert threading.active_count() <= before
    assert len(jobs()) == 1


def test_over_its_rate_the_api_says_when_to_come_back(owner: Person, api: ApiClient, settings: Settings) -> None:
    settings.FACADE_MAX_CHECKS_PER_MINUTE = 0
    claim = claim_hostname(owner.actor, tenant_id=owner.tenant.pk, name="pull.acme.com")

    answer = api.send("post", f"claims/{claim.pk}/check")

    assert (answer.status_code, answer.json()["message"][:15]) == (429, "too many checks")
    assert 0 < int(answer["Retry-After"]) <= 60

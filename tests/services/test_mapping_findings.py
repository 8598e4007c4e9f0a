"""What is said of a mapping that was saved: what was looked at and found, and what nobody has looked at."""

from __future__ import annotations

import pytest
from django.utils import timezone

from routing.models import AddressState, Hostname, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import suspend_hostnames, update_hostname
from routing.services.mappings.findings import Mark, docker_prospect, findings_of
from routing.services.mappings.mappings import add_mapping, switch_mappings
from routing.services.people.tenants import suspend_tenants
from tests.conftest import Person


@pytest.fixture
def mapping(platform: Actor, owner: Person) -> Mapping:
    return add_mapping(platform, "", hostname="docker.acme.com", prefix="acme", target="mcr.microsoft.com/acme").mapping


def marks(mapping: Mapping) -> dict[str, Mark]:
    return {finding.subject: finding.mark for finding in findings_of(mapping)}


def test_of_what_nobody_has_looked_at_nothing_is_said(mapping: Mapping) -> None:
    assert marks(mapping) == {
        "Mapping": Mark.GOOD,
        "DNS": Mark.NOT_LOOKED_AT,
        "Certificate": Mark.NOT_LOOKED_AT,
        "Registry": Mark.NOT_LOOKED_AT,
        "Images": Mark.NOT_LOOKED_AT,
    }
    first, *rest = docker_prospect(mapping)
    assert first == "Pull with: docker pull docker.acme.com/acme/IMAGE"
    assert not any("works" in line for line in rest)


def test_what_a_probe_has_seen_is_told_and_the_rest_stays_open(mapping: Mapping) -> None:
    Registry.objects.filter(pk=mapping.registry_id).update(probed_at=timezone.now())
    Mapping.objects.update(probed_repository="acme/app", public="yes", blob_delivery="redirect")

    found = marks(mapping)

    assert (found["Registry"], found["Images"]) == (Mark.GOOD, Mark.GOOD)
    assert (found["DNS"], found["Certificate"]) == (Mark.NOT_LOOKED_AT, Mark.NOT_LOOKED_AT)


@pytest.mark.parametrize(
    ("state", "text", "mark"),
    [
        (AddressState.HERE, "docker.acme.com points to this facade: 203.0.113.7.", Mark.GOOD),
        (AddressState.PARTLY, "docker.acme.com points to this facade. It has no AAAA record.", Mark.BAD),
        (AddressState.MISSING, "There is no address record at docker.acme.com.", Mark.BAD),
        (AddressState.ELSEWHERE, "docker.acme.com points to 198.51.100.9.", Mark.BAD),
        (AddressState.UNKNOWN, "The name servers did not answer in time.", Mark.NOT_LOOKED_AT),
    ],
)
def test_what_a_look_found_of_its_address_is_told(mapping: Mapping, state: str, text: str, mark: Mark) -> None:
    Hostname.objects.update(address_state=state, address_finding=text)

    assert marks(mapping)["DNS"] == mark
    assert f"{mark.sign} DNS: {text.removesuffix('.')}" in docker_prospect(mapping)


def test_a_probe_that_failed_is_told_and_nothing_beside_it_says_that_it_works(mapping: Mapping) -> None:
    Registry.objects.filter(pk=mapping.registry_id).update(probed_at=timezone.now(), probe_error="no such name")
    Mapping.objects.update(probed_repository="acme/app", public="yes", blob_delivery="redirect")

    found = marks(mapping)

    assert (found["Registry"], found["Images"]) == (Mark.BAD, Mark.NOT_LOOKED_AT)
    assert "the last probe of mcr.microsoft.com failed: no such name" in " ".join(docker_prospect(mapping))


@pytest.mark.parametrize("what", ["mapping", "hostname", "hostname suspended", "tenant", "withdrawn"])
def test_whoever_is_kept_out_is_told_so(mapping: Mapping, platform: Actor, owner: Person, what: str) -> None:
    hostname = owner.hostname.pk
    match what:
        case "mapping":
            switch_mappings(platform, "", mapping_ids=[mapping.pk], enabled=False)
        case "hostname":
            update_hostname(platform, "", hostname_id=hostname, enabled=False)
        case "hostname suspended":
            suspend_hostnames(platform, "", hostname_ids=[hostname], suspended=True)
        case "tenant":
            suspend_tenants(platform, "", tenant_ids=[owner.tenant.pk], suspended=True)
        case "withdrawn":
            Hostname.objects.update(withdrawn_at=timezone.now())

    said = docker_prospect(mapping)

    assert said[1].startswith("✗ Mapping: clients are refused: ")
    assert not any("can pull" in line for line in said)


def test_the_record_that_verifies_a_hostname_is_looked_up_and_told(mapping: Mapping) -> None:
    Hostname.objects.update(proof_token="t", proof_checked_at=timezone.now())
    assert marks(mapping)["Verification"] is Mark.GOOD

    Hostname.objects.update(proof_missing_since=timezone.now())
    assert marks(mapping)["Verification"] is Mark.BAD


def test_a_loopback_name_needs_neither_dns_nor_a_certificate(platform: Actor, owner: Person) -> None:
    mapping = add_mapping(platform, "", hostname="localhost", prefix="acme", target="ghcr.io/acme").mapping

    assert not {"DNS", "Certificate"} & set(marks(mapping))

"""Wildcards: one proof at the parent, for every name one label below."""

from __future__ import annotations

import pytest

from routing.core.client_support import Verdict
from routing.core.decisions import Redirect, Refuse
from routing.services.base.errors import NotFound, ServiceError
from routing.services.hostnames.claims import check_claim
from routing.services.hostnames.hostnames import update_hostname
from routing.services.mappings.explain import explain, explain_mapping
from routing.services.mappings.pull_command import pull_command
from tests.conftest import Person
from tests.dns.name_server import NameServer, txt
from tests.services.claims.steps import Prove, Refreshed, claim, map_to, proved, pull


def test_every_name_below_is_served(alice: Person, prove: Prove, table: Refreshed) -> None:
    proved(alice, "*.pull.acme.com", prove)
    map_to(alice, "*.pull.acme.com", "ghcr.io/acme")

    for host in ("a.pull.acme.com", "B.PULL.ACME.COM.:443"):
        assert pull(table(), host) == Redirect("https://ghcr.io/v2/acme/app/manifests/1")
    for host in ("pull.acme.com", "b.a.pull.acme.com", "*.pull.acme.com"):
        assert isinstance(pull(table(), host), Refuse)


def test_a_wildcard_takes_no_name_from_who_has_it(
    alice: Person, mallory: Person, prove: Prove, table: Refreshed
) -> None:
    proved(alice, "team.pull.example.net", prove)
    map_to(alice, "team.pull.example.net", "ghcr.io/acme")
    proved(mallory, "*.pull.example.net", prove)
    map_to(mallory, "*.pull.example.net", "quay.io/acme")

    assert pull(table(), "team.pull.example.net") == Redirect("https://ghcr.io/v2/acme/app/manifests/1")
    assert pull(table(), "other.pull.example.net") == Redirect("https://quay.io/v2/acme/app/manifests/1")


def test_nor_one_that_is_switched_off(alice: Person, mallory: Person, prove: Prove, table: Refreshed) -> None:
    hostname = proved(alice, "team.pull.example.net", prove)
    update_hostname(alice.actor, "", hostname_id=hostname.pk, enabled=False)
    proved(mallory, "*.pull.example.net", prove)
    map_to(mallory, "*.pull.example.net", "quay.io/acme")

    assert isinstance(pull(table(), "team.pull.example.net"), Refuse)


def test_a_wildcard_needs_the_parents_proof(mallory: Person, name_server: NameServer) -> None:
    made = claim(mallory, "*.pull.acme.com")
    for elsewhere in (
        "_registry-facade.*.pull.acme.com",
        "_registry-facade.a.pull.acme.com",
        "_registry-facade.acme.com",
    ):
        name_server.answers(elsewhere, txt(f"registry-facade-proof={made.token}"))

    assert check_claim(mallory.actor, claim_id=made.pk).hostname is None


def test_the_parents_own_record_does_not_prove_the_wildcard(alice: Person, mallory: Person, prove: Prove) -> None:
    proved(alice, "pull.acme.com", prove)
    other = claim(mallory, "*.pull.acme.com")

    assert check_claim(mallory.actor, claim_id=other.pk).hostname is None


def test_no_mapping_leads_to_a_name_that_a_wildcard_serves(alice: Person, prove: Prove) -> None:
    proved(alice, "*.pull.acme.com", prove)

    with pytest.raises(ServiceError, match="circle"):
        map_to(alice, alice.hostname.name, "any.pull.acme.com/acme")


def test_an_image_below_a_wildcard_is_explained(alice: Person, prove: Prove) -> None:
    hostname = proved(alice, "*.pull.acme.com", prove)
    map_to(alice, "*.pull.acme.com", "ghcr.io/acme")

    found = explain(alice.actor, "a.pull.acme.com/acme/app:1.0")

    assert (found.hostname, found.image.hostname) == (hostname, "a.pull.acme.com")
    assert found.match is not None
    assert found.match.upstream_name == "acme/app"
    assert found.docker.verdict is Verdict.UNKNOWN
    assert found.to_probe == "a.pull.acme.com/acme/app"
    assert explain_mapping(hostname.mappings.get()).to_probe == "any.pull.acme.com/acme/IMAGE"
    assert pull_command(hostname.mappings.get()) == "docker pull NAME.pull.acme.com/acme/IMAGE"


def test_what_another_tenant_has_below_it_is_not_explained_by_it(alice: Person, mallory: Person, prove: Prove) -> None:
    proved(alice, "team.pull.example.net", prove)
    proved(mallory, "*.pull.example.net", prove)
    map_to(mallory, "*.pull.example.net", "ghcr.io/acme")

    assert explain(mallory.actor, "other.pull.example.net/acme/app").mapping is not None
    with pytest.raises(NotFound):
        explain(mallory.actor, "team.pull.example.net/acme/app")

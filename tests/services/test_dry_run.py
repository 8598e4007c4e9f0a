"""A dry run of verbs: everything is tried, and nothing stays."""

from __future__ import annotations

import logging

import pytest

from routing.models import Change, Generation, Hostname, HostnameClaim, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.dry_run import dry_run, verb_transaction
from routing.services.base.errors import ServiceError
from routing.services.hostnames.claims import check_claim, claim_hostname
from routing.services.mappings.mappings import add_mapping, get_mapping, remove_mapping, repoint
from tests.conftest import Person
from tests.dns.name_server import NameServer, txt

OPERATOR = Actor.command_line()


def state() -> tuple[object, ...]:
    """What a verb changes: rows, history, change log, generation."""
    generation = Generation.objects.get(pk=1).value
    counts = [model.objects.count() for model in (Mapping, Hostname, HostnameClaim, Registry, Change)]
    return (generation, *counts, Mapping.history.count(), *Mapping.objects.values_list("version", "upstream_prefix"))


def add(prefix: str, target: str = "r.acme.com/acme") -> None:
    add_mapping(OPERATOR, "", hostname="docker.acme.com", prefix=prefix, target=target)


@pytest.mark.parametrize("verb", ["add", "repoint", "remove"])
def test_it_says_what_it_would_do_and_nothing_stays(owner: Person, verb: str, caplog: pytest.LogCaptureFixture) -> None:
    add("app", "ghcr.io/acme")
    before = state()

    with dry_run(), caplog.at_level(logging.INFO, "routing.events"):
        match verb:
            case "add":
                outcome = add_mapping(OPERATOR, "", hostname="docker.acme.com", prefix="new", target="r.acme.com/x")
                assert outcome.notes == ["added registry https://r.acme.com", f"added mapping {outcome.mapping}"]
            case "repoint":
                moved = repoint(OPERATOR, "why", hostname="docker.acme.com", prefix="app", target="quay.io/acme")
                assert moved.mapping.target == "quay.io/acme"
            case _:
                assert "docker.acme.com/app" in remove_mapping(OPERATOR, "", hostname="docker.acme.com", prefix="app")

    assert state() == before
    assert caplog.records == []
    # And afterwards it is as ever.
    add("after")
    assert get_mapping(OPERATOR, "docker.acme.com", "after").target == "r.acme.com/acme"


def test_refusals_are_the_same(owner: Person) -> None:
    add("app", "ghcr.io/acme")

    with dry_run(), pytest.raises(ServiceError, match="points to ghcr"):
        add("app", "quay.io/acme")


def test_verbs_of_one_transaction_see_each_other_and_go_together(owner: Person) -> None:
    before = state()

    with dry_run(), verb_transaction():
        add("app")
        repoint(OPERATOR, "why", hostname="docker.acme.com", prefix="app", target="quay.io/acme")
        assert get_mapping(OPERATOR, "docker.acme.com", "app").target == "quay.io/acme"

    assert state() == before


def test_a_verb_of_several_units(owner: Person, name_server: NameServer) -> None:
    """The claim that is proved becomes a hostname in three steps."""
    claim = claim_hostname(OPERATOR, tenant_id=owner.tenant.pk, name="registry.acme.com")
    name_server.answers("_registry-facade.registry.acme.com", txt(f"registry-facade-proof={claim.token}"))
    before = state()

    with dry_run():
        checked = check_claim(OPERATOR, claim_id=claim.pk)

    assert checked.hostname is not None
    assert state() == before
    assert check_claim(OPERATOR, claim_id=claim.pk).hostname == Hostname.objects.get(name="registry.acme.com")

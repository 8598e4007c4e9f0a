"""Claims of hostnames: what they are, and which names they can have."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.core.decisions import Refuse
from routing.models import HostnameClaim, Registry
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.claims import check_claim, claim_hostname, remove_claim, vouch_hostname
from routing.services.hostnames.proof import proof_record
from tests.conftest import Person
from tests.services.claims.steps import Prove, Refreshed, claim, proved, pull


def test_the_record_to_set_is_told(alice: Person) -> None:
    made = claim(alice, "registry.acme.com")
    record = proof_record(made)

    assert record == (
        "_registry-facade.registry.acme.com",
        "TXT",
        f"registry-facade-proof={made.token}",
    )
    assert len(made.token) == 32


def test_a_wildcards_record_lies_at_its_parent(alice: Person) -> None:
    record = proof_record(claim(alice, "*.pull.acme.com"))

    assert record is not None
    assert record.name == "_registry-facade.pull.acme.com"


def test_everybody_gets_another_token_and_so_does_the_same_tenant_next_time(alice: Person, mallory: Person) -> None:
    first = claim(alice, "registry.acme.com")
    tokens = {first.token, claim(mallory, "registry.acme.com").token}
    remove_claim(alice.actor, claim_id=first.pk)
    tokens.add(claim(alice, "registry.acme.com").token)

    assert len(tokens) == 3


@pytest.mark.parametrize(
    "spelling",
    [
        "REGISTRY.Acme.com",
        "registry.acme.com.",
        " registry.acme.com ",
        "registry。acme\uff0ecom｡",
        "\uff52\uff45\uff47\uff49\uff53\uff54\uff52\uff59.acme.com",
        "reg\u200bistry.acme.com",
        "reg\u00adistry.acme.com",
    ],
)
def test_other_spellings_of_a_name_are_the_same_name(alice: Person, spelling: str) -> None:
    claim(alice, "registry.acme.com")

    with pytest.raises(Conflict, match="claimed already"):
        claim(alice, spelling)


@pytest.mark.parametrize("spelling", ["docker.acme.com", "DOCKER.ACME.COM.", "docker。acme。com"])
def test_nor_can_a_hostname_of_ones_own_be_claimed(alice: Person, spelling: str) -> None:
    with pytest.raises(Conflict, match="already"):
        claim(alice, spelling)


@pytest.mark.parametrize(
    ("spelling", "stored"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BU\u0308CHER.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("STRAẞE.example", "xn--strae-oqa.example"),
        ("strasse.example", "strasse.example"),
        ("caf\u00e9.example", "xn--caf-dma.example"),
        ("cafe\u0301.example", "xn--caf-dma.example"),
        ("\u0430cme.example", "xn--cme-5cd.example"),
    ],
)
def test_an_internationalised_name_has_one_stored_form(alice: Person, spelling: str, stored: str) -> None:
    assert claim(alice, spelling).name == stored


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "-a.acme.com", "a_b.acme.com", "a..acme.com", "docker.acme.com:443", "https://acme.com"),
        *("docker.acme.com/v2", "a b.acme.com", "docker\u200d.acme.com", "doc\u2044ker.acme.com", "xn--a.acme.com"),
        *("xn--docker-.acme.com", "a\u2024acme.com", f"{'a' * 64}.acme.com", "docker\x00.acme.com", "☃.acme.com"),
    ],
)
def test_what_is_no_hostname(alice: Person, name: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        claim(alice, name)

    assert "hostname" in refusal.value.fields


@pytest.mark.parametrize(
    "name", ["*", "*.", "*.*.acme.com", "a.*.acme.com", "a*.acme.com", "**.acme.com", "\uff0a.acme.com", "*acme.com"]
)
def test_a_wildcard_is_the_whole_leftmost_label(alice: Person, name: str) -> None:
    with pytest.raises(ServiceError):
        claim(alice, name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *(
            (name, "IP address")
            for name in ("192.0.2.1", "[2001:db8::1]", "127.1", "10.0x7f", "\uff11\uff19\uff12.0.2.1")
        ),
        *((name, "single label") for name in ("acme", "localhost", "LOCALHOST.", "*.acme")),
        *((name, "public suffix") for name in ("co.uk", "CO.UK.", "github.io", "s3.amazonaws.com", "公司.cn")),
        *((name, "everybody's names") for name in ("*.co.uk", "*.github.io", "*.公司.cn", "*.any.ck")),
        ("a." + ".".join(["b" * 60] * 4), "too long"),
    ],
)
def test_names_that_nobody_can_prove_to_be_theirs(alice: Person, name: str, why: str) -> None:
    with pytest.raises(ServiceError, match=why):
        claim(alice, name)
    assert not HostnameClaim.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "facade.example.com",
        "a.facade.example.com",
        "example.com",
        "*.example.com",
        "PULL.EXAMPLE.COM.",
        "a.b.localhost",
    ],
)
def test_the_platforms_own_domain_is_not_to_be_had(alice: Person, settings: Settings, name: str) -> None:
    settings.FACADE_CONTROL_HOSTS = ["facade.example.com", "127.0.0.1", "[::1]:8000", "localhost"]

    with pytest.raises(ServiceError, match="platform"):
        claim(alice, name)


def test_the_platforms_domains_can_be_named(alice: Person, settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS = ["facade.acme.com"]
    settings.FACADE_PLATFORM_DOMAINS = ["internal.acme.com", "bücher.example"]

    for refused in ("facade.acme.com", "a.facade.acme.com", "a.internal.acme.com", "*.xn--bcher-kva.example"):
        with pytest.raises(ServiceError, match="platform"):
            claim(alice, refused)
    assert claim(alice, "pull.acme.com").pk
    assert claim(alice, "notinternal.acme.com").pk


@pytest.mark.parametrize("name", ["ghcr.io", "docker.io", "registry-1.docker.io", "*.docker.io"])
def test_the_address_of_a_shared_registry_cant_be_claimed(alice: Person, name: str) -> None:
    with pytest.raises(ServiceError, match="would point to itself"):
        claim(alice, name)


def test_nor_is_it_to_be_had_by_an_older_claim(alice: Person, prove: Prove, table: Refreshed) -> None:
    wanted = HostnameClaim.objects.create(tenant=alice.tenant, name="ghcr.io", token="0" * 32)
    prove(wanted)

    checked = check_claim(alice.actor, claim_id=wanted.pk)

    assert checked.hostname is None
    assert "would point to itself" in checked.finding
    assert isinstance(pull(table(), "ghcr.io"), Refuse)


def test_a_registry_of_another_tenant_keeps_no_name_from_its_owner(
    alice: Person, mallory: Person, prove: Prove
) -> None:
    Registry.objects.create(tenant=mallory.tenant, name="squat", origin="https://registry.acme.com")

    assert proved(alice, "registry.acme.com", prove).tenant == alice.tenant


def test_claims_count_against_the_limit(alice: Person, settings: Settings) -> None:
    settings.FACADE_MAX_HOSTNAMES_PER_TENANT = 2
    claim(alice, "one.acme.com")

    with pytest.raises(ServiceError, match="may have 2 hostnames"):
        claim(alice, "two.acme.com")


def test_only_owners_claim_check_and_remove(alice: Person, mallory: Person, teammate: Person) -> None:
    made = claim(alice, "registry.acme.com")
    for actor, refusal in ((teammate.actor, PermissionDenied), (mallory.actor, NotFound)):
        with pytest.raises(refusal):
            claim_hostname(actor, tenant_id=alice.tenant.pk, name="two.acme.com")
        with pytest.raises(refusal):
            check_claim(actor, claim_id=made.pk)
        with pytest.raises(refusal):
            remove_claim(actor, claim_id=made.pk)
        with pytest.raises((PermissionDenied, NotFound)):
            vouch_hostname(actor, "", tenant_id=alice.tenant.pk, name="registry.acme.com")
    assert HostnameClaim.objects.get() == made

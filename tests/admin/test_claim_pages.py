"""Claims of hostnames and their proof, as people meet them: claimed, looked up against a real name server, served."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from routing.core.table.routing_table import Table
from routing.models import Hostname, HostnameClaim, Mapping, Membership, Role, Tenant
from routing.services.hostnames.claims import claim_hostname, vouch_hostname
from routing.services.hostnames.proof import proof_record
from routing.services.mappings.mappings import add_mapping
from tests.admin.conftest import SET_UP, AdminClient, errors_of, messages_of, text_of
from tests.dns.name_server import SERVER_FAILURE, NameServer, at, txt

Member = Callable[[Tenant, str], AdminClient]
NAME = "docker.acme.com"
RECORD = f"_registry-facade.{NAME}"


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


@pytest.fixture
def globex(db: None) -> Tenant:
    return Tenant.objects.create(slug="globex", name="Globex")


@pytest.fixture
def owner(acme: Tenant, member: Member) -> AdminClient:
    return member(acme, "owner")


@pytest.fixture
def claim(acme: Tenant) -> HostnameClaim:
    return claim_hostname(SET_UP, tenant_id=acme.pk, name=NAME)


@pytest.fixture
def hostname(acme: Tenant, claim: HostnameClaim) -> Hostname:
    """Proved an hour ago."""
    made = vouch_hostname(SET_UP, "", tenant_id=acme.pk, name=NAME)
    Hostname.objects.filter(pk=made.pk).update(
        proof_token=claim.token, proof_checked_at=timezone.now() - timedelta(hours=1)
    )
    return Hostname.objects.get(pk=made.pk)


def value_of(item: HostnameClaim | Hostname) -> str:
    record = proof_record(item)
    assert record is not None
    return record.value


# ---------------------------------------------------------------- claiming
def test_the_way_from_a_claim_to_a_served_hostname(
    owner: AdminClient, acme: Tenant, name_server: NameServer, table: Callable[[], Table]
) -> None:
    said = owner.fill("hostnameclaim_add", tenant=acme.pk, name="Docker.ACME.com.")
    claim = HostnameClaim.objects.get()
    assert claim.name == NAME
    assert messages_of(said) == f"Claimed {NAME} for Acme: set the DNS records below."
    assert said["Location"] == owner.url("hostnameclaim_change", claim.pk)

    page = owner.get("hostnameclaim_change", claim.pk).content.decode()
    for copied in (RECORD, value_of(claim)):
        assert f'data-copy="{copied}"' in page
    assert "not checked yet" in page

    early = owner.client.post(owner.url("hostnameclaim_check", claim.pk))
    assert messages_of(early) == f"Not verified yet: see below what was found for {NAME}."
    assert early["Location"] == owner.url("hostnameclaim_change", claim.pk)
    assert "the name does not exist" in text_of(owner.get("hostnameclaim_change", claim.pk))
    assert "not verified" in text_of(owner.get("hostnameclaim_changelist"))

    name_server.answers(RECORD, txt(value_of(claim)))
    done = owner.client.post(owner.url("hostnameclaim_check", claim.pk))

    hostname = Hostname.objects.get(name=NAME)
    assert done["Location"] == owner.url("hostname_change", hostname.pk)
    assert f"Verified: {NAME} is a hostname of Acme now." in messages_of(done)
    assert table().hosts.get(NAME) is not None
    assert not HostnameClaim.objects.exists()
    # Whoever presses the button once more, in another window, is told no lie.
    assert owner.client.post(owner.url("hostnameclaim_check", claim.pk)).status_code == 404
    for page in ("hostnameclaim_change", "hostnameclaim_delete"):
        late = owner.get(page, claim.pk)
        assert late["Location"] == "/admin/"
        assert "it was verified or cancelled. What is verified is under Hostnames." in messages_of(late)


def test_no_transaction_waits_for_the_name_server(owner: AdminClient, claim: HostnameClaim, hostname: Hostname) -> None:
    again = claim_hostname(SET_UP, tenant_id=Tenant.objects.create(slug="b", name="B").pk, name="docker.b.com")
    Membership.objects.create(tenant=again.tenant, user=owner.user, role=Role.OWNER)
    outside, seen = list(connection.savepoint_ids), []

    def look_up(*_: object) -> None:
        seen.append(list(connection.savepoint_ids))
        raise LookupError

    for patched, url in (
        ("routing.services.hostnames.claims.look_for_proof", owner.url("hostnameclaim_check", again.pk)),
        ("routing.services.hostnames.proof_checks.look_for_proof", owner.url("hostname_check", hostname.pk)),
    ):
        with mock.patch(patched, look_up), pytest.raises(LookupError):
            owner.client.post(url)
    assert seen == [outside, outside]


@pytest.mark.parametrize(
    ("name", "words"),
    [("10.0.0.1", "IP address"), ("co.uk", "public suffix"), ("docker", "single label"), ("a b.com", "")],
)
def test_a_name_that_can_not_be_claimed(owner: AdminClient, acme: Tenant, name: str, words: str) -> None:
    assert words in errors_of(owner.fill("hostnameclaim_add", tenant=acme.pk, name=name))["name"][0]
    assert not HostnameClaim.objects.exists()


def test_a_second_claim_of_the_same_name(owner: AdminClient, acme: Tenant, claim: HostnameClaim) -> None:
    assert "already" in errors_of(owner.fill("hostnameclaim_add", tenant=acme.pk, name=NAME))["name"][0]


def test_over_the_limit_nothing_is_claimed(owner: AdminClient, acme: Tenant, settings: LazySettings) -> None:
    settings.FACADE_MAX_HOSTNAMES_PER_TENANT = 0

    assert "may have 0 hostnames" in text_of(owner.fill("hostnameclaim_add", tenant=acme.pk, name=NAME))


def test_take_a_claim_back(owner: AdminClient, claim: HostnameClaim) -> None:
    assert "Cancel claim" in text_of(owner.get("hostnameclaim_change", claim.pk))
    assert "you set another record" in text_of(owner.get("hostnameclaim_delete", claim.pk))

    answer = owner.client.post(owner.url("hostnameclaim_delete", claim.pk))

    assert messages_of(answer) == f"Cancelled the claim of {NAME}."
    assert not HostnameClaim.objects.exists()


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_whoever_is_no_owner_looks_only(acme: Tenant, claim: HostnameClaim, member: Member, role: str) -> None:
    admin = member(acme, role)
    page = text_of(admin.get("hostnameclaim_change", claim.pk))

    assert value_of(claim) in page
    assert "Check now" not in page
    assert "Cancel claim" not in page
    assert admin.get("hostnameclaim_add").status_code == 403
    for view in ("check", "vouch", "delete"):
        assert admin.client.post(admin.url(f"hostnameclaim_{view}", claim.pk)).status_code == 403
    assert "Claim a hostname" not in text_of(admin.get("hostname_changelist"))
    assert HostnameClaim.objects.get().checked_at is None


def test_others_claims_and_hostnames_can_not_be_reached(
    owner: AdminClient, globex: Tenant, name_server: NameServer
) -> None:
    theirs = claim_hostname(SET_UP, tenant_id=globex.pk, name="docker.globex.com")
    host = vouch_hostname(SET_UP, "", tenant_id=globex.pk, name="other.globex.com")

    for page in ("hostnameclaim_changelist", "hostname_changelist"):
        assert "globex" not in text_of(owner.get(page)).lower()
    assert "globex" not in text_of(owner.client.get("/admin/")).lower()
    tries = [("hostnameclaim", theirs.pk, view) for view in ("change", "delete", "check", "vouch")]
    tries += [("hostname", host.pk, view) for view in ("check", "vouch")]
    for noun, pk, view in tries:
        url = owner.url(f"{noun}_{view}", pk)
        for answer in (owner.client.get(url), owner.client.post(url)):
            assert answer.status_code in (302, 403, 404), url
            assert b"globex" not in answer.content.lower()
    assert "tenant" in errors_of(owner.fill("hostnameclaim_add", tenant=globex.pk, name="new.globex.com"))
    assert name_server.queries == []
    assert HostnameClaim.objects.get().pk == theirs.pk


def test_looking_takes_a_post(owner: AdminClient, claim: HostnameClaim, name_server: NameServer) -> None:
    answer = owner.get("hostnameclaim_check", claim.pk)

    assert answer["Location"] == owner.url("hostnameclaim_change", claim.pk)
    assert name_server.queries == []


# ---------------------------------------------------------------- vouching
def test_the_platform_vouches_for_a_claim(admin: AdminClient, claim: HostnameClaim, acme: Tenant) -> None:
    assert "Vouch for it instead" in text_of(admin.get("hostnameclaim_change", claim.pk))
    assert "on the platform's word" in text_of(admin.get("hostnameclaim_vouch", claim.pk))

    answer = admin.client.post(admin.url("hostnameclaim_vouch", claim.pk), {"reason": "known since 1999"})

    hostname = Hostname.objects.get(name=NAME)
    assert answer["Location"] == admin.url("hostname_change", hostname.pk)
    assert (hostname.tenant, hostname.proof_token) == (acme, "")
    assert hostname.history.latest().history_change_reason == "known since 1999"
    assert "operators vouched for" in text_of(admin.get("hostname_change", hostname.pk))


def test_vouching_for_what_another_has(admin: AdminClient, claim: HostnameClaim, globex: Tenant) -> None:
    vouch_hostname(SET_UP, "", tenant_id=globex.pk, name=NAME)

    answer = admin.client.post(admin.url("hostnameclaim_vouch", claim.pk))

    assert "is a hostname of Globex: remove it there first" in messages_of(answer)
    assert HostnameClaim.objects.exists()


def test_an_owner_can_not_vouch(owner: AdminClient, claim: HostnameClaim) -> None:
    assert "Vouch" not in text_of(owner.get("hostnameclaim_change", claim.pk))
    assert owner.get("hostnameclaim_vouch", claim.pk).status_code == 403
    assert owner.client.post(owner.url("hostnameclaim_vouch", claim.pk)).status_code == 403
    assert not Hostname.objects.exists()


# ---------------------------------------------------------------- afterwards, on the hostname's page
def test_the_hostnames_page_follows_its_proof(
    owner: AdminClient, hostname: Hostname, name_server: NameServer, settings: LazySettings
) -> None:
    def page() -> str:
        return text_of(owner.get("hostname_change", hostname.pk))

    def check() -> str:
        return messages_of(owner.client.post(owner.url("hostname_check", hostname.pk)))

    assert "Verification record found Checked" in page()
    assert value_of(hostname) in page()

    assert check() == "Not found: see below."
    assert "Verification record missing Since" in page()
    assert "Unless the record is back by" in page()
    assert "record missing docker.acme.com its DNS record is missing since" in text_of(owner.client.get("/admin/"))

    settings.FACADE_PROOF_GRACE_SECONDS = 0
    assert check() == "Not found: see below."
    assert "Verification withdrawn Clients are refused since" in page()
    assert "withdrawn docker.acme.com" in text_of(owner.client.get("/admin/"))
    assert NAME in text_of(owner.get("hostname_changelist", proof="missing"))

    name_server.answers(RECORD, SERVER_FAILURE)
    assert check() == "Not found: see below."
    assert "nothing is known" in page()
    name_server.answers(RECORD, txt(value_of(hostname)))
    assert check().startswith(f"The DNS record of {NAME} is there.")
    assert "Verification record found Checked" in page()
    assert "Waiting for you" not in text_of(owner.client.get("/admin/"))


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_whoever_is_no_owner_does_not_look_a_hostname_up(
    acme: Tenant, hostname: Hostname, member: Member, name_server: NameServer, role: str
) -> None:
    admin = member(acme, role)

    assert "Check now" not in text_of(admin.get("hostname_change", hostname.pk))
    assert admin.client.post(admin.url("hostname_check", hostname.pk)).status_code == 403
    assert name_server.queries == []


def test_the_platform_frees_a_hostname_from_its_proof(
    admin: AdminClient, hostname: Hostname, name_server: NameServer
) -> None:
    admin.client.post(admin.url("hostname_vouch", hostname.pk), {"reason": "their DNS can't hold TXT"})

    assert "operators vouched for" in text_of(admin.get("hostname_change", hostname.pk))
    # Where it points to can be looked at all the same.
    answer = admin.client.post(admin.url("hostname_check", hostname.pk))
    assert messages_of(answer) == (
        f"There is no address record at {NAME}: the name does not exist. A new record can take minutes."
    )
    assert {query.name for query in name_server.queries} == {NAME}


# ---------------------------------------------------------------- address records, and pages that look by themselves
IPV4, IPV6, FOREIGN = "203.0.113.7", "2001:db8::7", "198.51.100.9"


@pytest.fixture
def facade_addresses(settings: LazySettings) -> None:
    settings.FACADE_ADDRESSES = [IPV4, IPV6]


def live(admin: AdminClient, view: str, pk: int) -> Any:
    """What the page's script asks for every few seconds."""
    return admin.client.post(admin.url(view, pk), headers={"accept": "application/json"}).json()


@pytest.mark.usefixtures("facade_addresses")
def test_a_claims_page_shows_the_address_records_and_what_was_found_of_each(
    owner: AdminClient, claim: HostnameClaim, name_server: NameServer
) -> None:
    page = owner.get("hostnameclaim_change", claim.pk).content.decode()
    for copied in (NAME, IPV4, IPV6, value_of(claim)):
        assert f'data-copy="{copied}"' in page
    assert "data-live" in page

    name_server.answers(NAME, at(IPV4))
    owner.client.post(owner.url("hostnameclaim_check", claim.pk))

    shown = text_of(owner.get("hostnameclaim_change", claim.pk))
    assert f"Value {IPV4} Copy found" in shown
    assert f"Value {IPV6} Copy not found" in shown
    assert f"It has no AAAA record ({IPV6}), so clients that have IPv6 alone can't pull." in shown


def test_where_nobody_knows_the_facades_address_the_page_says_whom_to_ask(
    owner: AdminClient, hostname: Hostname, acme: Tenant
) -> None:
    other = claim_hostname(SET_UP, tenant_id=acme.pk, name="other.acme.com")

    for page in (owner.get("hostnameclaim_change", other.pk), owner.get("hostname_change", hostname.pk)):
        assert "Ask whoever runs this facade for its address" in text_of(page)


@pytest.mark.usefixtures("facade_addresses")
def test_the_claims_page_follows_the_dns_by_itself_and_goes_on_to_the_hostname(
    owner: AdminClient, claim: HostnameClaim, name_server: NameServer
) -> None:
    first = live(owner, "hostnameclaim_check", claim.pk)
    assert "the name does not exist" in first["html"]
    assert 'data-live-part="verification"' in first["html"]

    name_server.answers(NAME, at(IPV4, IPV6))
    second = live(owner, "hostnameclaim_check", claim.pk)
    assert f"{NAME} points to this facade: {IPV4}, {IPV6}." in second["html"]
    assert "not found" in second["html"]

    name_server.answers(RECORD, txt(value_of(claim)))
    last = live(owner, "hostnameclaim_check", claim.pk)

    hostname = Hostname.objects.get(name=NAME)
    assert last == {"go": owner.url("hostname_change", hostname.pk)}
    page = owner.client.get(last["go"])
    assert f"Verified: {NAME} is a hostname of Acme now." in text_of(page)
    assert "This page looks by itself" in text_of(page)
    # All is done but for a mapping: there is nothing to look at any more.
    assert " data-live>" not in page.content.decode()
    # Another window, whose claim is gone meanwhile, has nothing to look at either.
    assert owner.client.post(owner.url("hostnameclaim_check", claim.pk)).status_code == 404


@pytest.mark.usefixtures("facade_addresses")
def test_the_hostnames_page_follows_the_dns_by_itself_and_ends_with_the_first_pull(
    owner: AdminClient, hostname: Hostname, name_server: NameServer
) -> None:
    page = owner.get("hostname_change", hostname.pk)
    assert "Nothing to pull yet: add a mapping." in text_of(page)
    assert " data-live>" in page.content.decode()
    name_server.answers(RECORD, txt(value_of(hostname)))
    name_server.answers(NAME, at(FOREIGN))

    wrong = live(owner, "hostname_check", hostname.pk)
    assert f"points to {FOREIGN}, not to this facade" in wrong["html"]
    assert "data-settled" not in wrong["html"]
    # Who had begun to change something is not in the way of what was found.
    form = owner.fill("hostname_change", hostname.pk, enabled=False, reason="moving", version=hostname.version)
    assert form.status_code == 302

    name_server.answers(NAME, at(IPV4, IPV6))
    add_mapping(SET_UP, "", hostname=NAME, prefix="acme", target="ghcr.io/acme")
    right = live(owner, "hostname_check", hostname.pk)
    assert "data-settled" in right["html"]
    assert f'data-copy="docker pull {NAME}/acme/IMAGE"' in right["html"]
    assert " data-live>" not in owner.get("hostname_change", hostname.pk).content.decode()


@pytest.mark.usefixtures("facade_addresses")
def test_over_the_rate_the_page_shows_what_is_known(
    owner: AdminClient, hostname: Hostname, name_server: NameServer, settings: LazySettings
) -> None:
    settings.FACADE_MAX_CHECKS_PER_MINUTE = 0

    shown = live(owner, "hostname_check", hostname.pk)

    assert "not checked yet" in shown["html"]
    assert name_server.queries == []


@pytest.mark.usefixtures("facade_addresses")
def test_nobody_else_looks_by_a_script_either(
    acme: Tenant, hostname: Hostname, member: Member, name_server: NameServer
) -> None:
    viewer = member(acme, "viewer")
    accept = {"accept": "application/json"}

    assert " data-live>" not in viewer.get("hostname_change", hostname.pk).content.decode()
    assert viewer.client.post(viewer.url("hostname_check", hostname.pk), headers=accept).status_code == 403
    assert name_server.queries == []


# ---------------------------------------------------------------- first steps
def test_an_owner_without_a_hostname_is_led_to_a_claim(owner: AdminClient, acme: Tenant) -> None:
    claim_url = owner.url("hostnameclaim_add")

    for page in (owner.client.get("/admin/"), owner.get("hostname_changelist"), owner.get("hostnameclaim_changelist")):
        assert claim_url in page.content.decode()
    assert "the name that people will pull from, such as docker.acme.com Claim a hostname" in text_of(
        owner.client.get("/admin/")
    )

    # The proxy and its address are the platform's.
    assert "It has a certificate ask whoever runs this facade for a certificate" in text_of(owner.client.get("/admin/"))

    claim_hostname(SET_UP, tenant_id=acme.pk, name=NAME)
    assert f"not verified {NAME} claimed for Acme" in text_of(owner.client.get("/admin/"))


def test_a_viewer_without_a_hostname_is_told_whom_to_ask(acme: Tenant, member: Member) -> None:
    admin = member(acme, "viewer")

    assert "Ask an owner of your tenant to claim a hostname" in text_of(admin.client.get("/admin/"))
    assert "An owner of your tenant can claim the hostname" in text_of(admin.get("hostname_changelist"))


def test_the_platform_is_led_to_a_mapping(admin: AdminClient, db: None) -> None:
    page = text_of(admin.client.get("/admin/"))
    assert "Add a mapping" in page
    assert "give its proxy a certificate for the hostname" in page
    assert not Mapping.objects.exists()

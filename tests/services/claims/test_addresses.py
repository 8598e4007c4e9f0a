"""Where a hostname points to: the records to set, and what a look at a real name server finds of them."""

from __future__ import annotations

import pytest
from dnslib import QTYPE
from pytest_django import Settings

from routing.models import AddressState, Hostname, HostnameClaim
from routing.services.hostnames.address import AddressRecord, address_records, look_for_address
from routing.services.hostnames.claims import check_claim, vouch_hostname
from routing.services.hostnames.proof_checks import check_hostname, recheck_due
from tests.conftest import Person
from tests.dns.name_server import SERVER_FAILURE, NameServer, alias, at, silent_for
from tests.jobs_done import do_jobs
from tests.services.claims.steps import PLATFORM, Prove, claim, proved

NAME = "registry.acme.com"
IPV4, IPV6, FOREIGN = "203.0.113.7", "2001:db8::7", "198.51.100.9"
AAAA = QTYPE.AAAA


@pytest.fixture(autouse=True)
def facade(settings: Settings) -> Settings:
    """One with an address of each family."""
    settings.FACADE_ADDRESSES = [IPV4, IPV6]
    return settings


class TestRecordsToSet:
    """They follow the settings, and the kind of name."""

    @pytest.mark.parametrize(
        ("addresses", "name", "records"),
        [
            ([IPV4, IPV6], NAME, [("A", IPV4), ("AAAA", IPV6)]),
            (["edge.facade.net"], NAME, [("CNAME", "edge.facade.net")]),
            (["edge.facade.net"], "*.pull.acme.com", [("CNAME", "edge.facade.net")]),
            # Beside the records of a domain itself there can be no CNAME.
            (["edge.facade.net"], "acme.co.uk", [("ALIAS", "edge.facade.net")]),
            (["edge.facade.net", IPV4], "acme.co.uk", [("A", IPV4)]),
            (["edge.facade.net", IPV4], NAME, [("CNAME", "edge.facade.net")]),
            # Not to itself.
            ([NAME, IPV4], NAME, [("A", IPV4)]),
            ([IPV4], "docker.localhost", []),
        ],
    )
    def test_each_kind(self, facade: Settings, addresses: list[str], name: str, records: list[tuple[str, str]]) -> None:
        facade.FACADE_ADDRESSES = addresses

        assert address_records(Hostname(name=name)) == [AddressRecord(name, *record) for record in records]

    def test_without_the_setting_a_public_control_host_is_where_they_lead(self, facade: Settings) -> None:
        facade.FACADE_ADDRESSES = []
        facade.FACADE_CONTROL_HOSTS = ["localhost", "facade.acme.net"]

        assert address_records(Hostname(name=NAME)) == [AddressRecord(NAME, "CNAME", "facade.acme.net")]

    def test_where_nobody_knows_the_facades_address_there_is_none(self, facade: Settings) -> None:
        facade.FACADE_ADDRESSES = []

        assert address_records(Hostname(name=NAME)) == []

    def test_each_says_whether_it_was_found(self) -> None:
        row = HostnameClaim(name=NAME, address_state=AddressState.PARTLY, addresses_found=f"{FOREIGN},{IPV4}")

        assert [record.found for record in address_records(row)] == [True, False]

    @pytest.mark.parametrize("state", [AddressState.UNKNOWN, AddressState.NOT_CHECKED])
    def test_or_that_nobody_knows(self, state: AddressState) -> None:
        assert [record.found for record in address_records(Hostname(name=NAME, address_state=state))] == [None, None]


class TestLook:
    """Asked of a real name server."""

    def test_it_leads_here(self, name_server: NameServer) -> None:
        name_server.answers(NAME, at(IPV6, IPV4))

        found = look_for_address(NAME)

        assert (found.state, found.addresses) == (AddressState.HERE, (IPV4, IPV6))
        assert found.text == f"{NAME} points to this facade: {IPV4}, {IPV6}."

    def test_it_leads_nowhere(self, name_server: NameServer) -> None:
        found = look_for_address(NAME)

        assert found.state == AddressState.MISSING
        assert "the name does not exist" in found.text

    def test_it_has_other_records_alone(self, name_server: NameServer) -> None:
        name_server.answers(NAME, at())

        assert "though the name exists" in look_for_address(NAME).text

    def test_a_wrong_record(self, name_server: NameServer) -> None:
        name_server.answers(NAME, at(FOREIGN))

        found = look_for_address(NAME)

        assert (found.state, found.addresses) == (AddressState.ELSEWHERE, (FOREIGN,))
        assert f"points to {FOREIGN}, not to this facade ({IPV6}, {IPV4})" in found.text

    def test_a_wrong_record_beside_the_right_one(self, name_server: NameServer) -> None:
        name_server.answers(NAME, at(FOREIGN, IPV4, IPV6))

        found = look_for_address(NAME)

        assert found.state == AddressState.PARTLY
        assert f"to {FOREIGN} too" in found.text

    @pytest.mark.parametrize(("there", "missing", "kind"), [(IPV4, IPV6, "AAAA"), (IPV6, IPV4, "A")])
    def test_a_family_of_the_facade_is_missing(
        self, name_server: NameServer, there: str, missing: str, kind: str
    ) -> None:
        name_server.answers(NAME, at(there))

        found = look_for_address(NAME)

        assert found.state == AddressState.PARTLY
        assert f"It has no {kind} record ({missing})" in found.text

    def test_a_family_that_nobody_answered_for_is_not_called_missing(
        self, facade: Settings, name_server: NameServer
    ) -> None:
        facade.FACADE_DNS_SECONDS = 0.3
        name_server.answers(NAME, silent_for(AAAA, at(IPV4)))

        assert look_for_address(NAME).state == AddressState.HERE

    def test_one_of_several_addresses_is_enough(self, facade: Settings, name_server: NameServer) -> None:
        facade.FACADE_ADDRESSES = [IPV4, "203.0.113.8"]
        name_server.answers(NAME, at(IPV4))

        assert look_for_address(NAME).state == AddressState.HERE

    def test_servers_that_fail_say_nothing(self, name_server: NameServer) -> None:
        name_server.answers(NAME, SERVER_FAILURE)

        found = look_for_address(NAME)

        assert found.state == AddressState.UNKNOWN
        assert "nothing is known" in found.text

    def test_by_an_alias_to_the_facades_name(self, facade: Settings, name_server: NameServer) -> None:
        facade.FACADE_ADDRESSES = ["edge.facade.net"]
        name_server.answers("edge.facade.net", at(IPV4))
        name_server.answers(NAME, alias("edge.facade.net"))

        assert look_for_address(NAME).state == AddressState.HERE

        name_server.answers(NAME, at(FOREIGN))
        assert look_for_address(NAME).state == AddressState.ELSEWHERE

    def test_where_the_facades_name_leads_nowhere_nothing_is_known(
        self, facade: Settings, name_server: NameServer
    ) -> None:
        facade.FACADE_ADDRESSES = ["edge.facade.net"]
        name_server.answers(NAME, at(FOREIGN))

        found = look_for_address(NAME)

        assert found.state == AddressState.UNKNOWN
        assert "edge.facade.net" in found.text

    def test_where_nobody_knows_the_facades_address_it_is_told_where_it_leads(
        self, facade: Settings, name_server: NameServer
    ) -> None:
        facade.FACADE_ADDRESSES = []
        name_server.answers(NAME, at(FOREIGN))

        found = look_for_address(NAME)

        assert found.state == AddressState.UNKNOWN
        assert FOREIGN in found.text
        assert "FACADE_ADDRESSES" in found.text

    def test_of_a_wildcard_some_name_below_it_is_looked_up(self, name_server: NameServer) -> None:
        name_server.answers("any.pull.acme.com", at(IPV4, IPV6))

        assert look_for_address("*.pull.acme.com").state == AddressState.HERE

    def test_a_loopback_name_needs_nothing(self, name_server: NameServer) -> None:
        assert look_for_address("docker.localhost").state == AddressState.HERE
        assert name_server.queries == []

    def test_a_server_that_sends_a_thousand_addresses_fills_no_column(self, name_server: NameServer) -> None:
        many = [f"2001:db8:1111:2222:3333:4444:{number:x}:5555" for number in range(200)]
        name_server.answers(NAME, at(*many, *(f"198.51.100.{number}" for number in range(200))))

        found = look_for_address(NAME)

        assert len(found.facts()["addresses_found"]) <= 500
        assert len(found.text) <= 500


@pytest.mark.django_db
class TestWrittenDown:
    """What a check found stays with the claim, or the hostname."""

    def test_with_a_claim(self, owner: Person, name_server: NameServer) -> None:
        made = claim(owner, NAME)
        name_server.answers(NAME, at(IPV4))

        assert check_claim(owner.actor, claim_id=made.pk).hostname is None

        made.refresh_from_db()
        assert (made.address_state, made.addresses_found) == (AddressState.PARTLY, IPV4)
        assert made.address_checked_at is not None

    def test_with_the_hostname_that_it_becomes(self, owner: Person, name_server: NameServer, prove: Prove) -> None:
        name_server.answers(NAME, at(IPV4, IPV6))

        hostname = proved(owner, NAME, prove)

        assert (hostname.address_state, hostname.addresses_found) == (AddressState.HERE, f"{IPV4},{IPV6}")

    def test_of_a_hostname_that_needs_no_proof(self, owner: Person, name_server: NameServer) -> None:
        made = vouch_hostname(PLATFORM, "", tenant_id=owner.tenant.pk, name=NAME)
        name_server.answers(NAME, at(FOREIGN))

        found = check_hostname(owner.actor, hostname_id=made.pk)

        assert found.address_state == AddressState.ELSEWHERE
        assert (found.proof_checked_at, found.proof_finding, found.proof_missing_since) == (None, "", None)
        assert [query.name for query in name_server.queries] == [NAME, NAME]

    def test_by_the_regular_look_too(self, owner: Person, name_server: NameServer, prove: Prove) -> None:
        hostname = proved(owner, NAME, prove)
        assert hostname.address_state == AddressState.MISSING
        name_server.answers(NAME, at(IPV4, IPV6))
        Hostname.objects.update(proof_checked_at=None)

        recheck_due(30)
        do_jobs()

        assert Hostname.objects.get(name=NAME).address_state == AddressState.HERE

    def test_no_request_depends_on_it(self, owner: Person, name_server: NameServer, prove: Prove) -> None:
        hostname = proved(owner, NAME, prove)
        past_rows = Hostname.history.count()
        name_server.answers(NAME, at(FOREIGN))

        before = hostname.table_entry()
        assert check_hostname(owner.actor, hostname_id=hostname.pk).table_entry() == before
        assert Hostname.history.count() == past_rows

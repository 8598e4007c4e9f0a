"""The doctor asks no machine that the guard refuses, whatever a hostname's DNS says; but the facade's own addresses."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from pytest_django import Settings

from routing.diagnosis.asking import DoctorsPolicy, Place, client_at
from routing.diagnosis.outside import take_outside_steps
from routing.diagnosis.report import Mark, Report
from routing.registries.exceptions import ForbiddenAddress, RegistryUnreachable
from routing.registries.first_contact import NoContact, presented_certificate, try_connection
from routing.registries.guard import GuardPolicy
from tests.dns.name_server import NameServer, at
from tests.registries.faulty_server import FaultyServer

HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _public_only(settings: Settings) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False


async def looked_at(port: int, scheme: str = "http") -> Report:
    report = Report()
    await take_outside_steps(report, Place(scheme, HOST, port))
    return report


async def test_a_name_that_leads_inside_is_not_asked(
    name_server: NameServer, settings: Settings, server: FaultyServer
) -> None:
    settings.FACADE_ADDRESSES = ["8.8.8.8"]
    name_server.answers(HOST, at("127.0.0.1"))

    report = await looked_at(server.port)

    step = report.steps[-1]
    assert (step.name, step.mark) == (f"port {server.port}", Mark.BAD)
    assert step.came == "not asked: 127.0.0.1 is a loopback address; this facade allows public addresses only"
    assert server.connections == 0


async def test_an_address_of_the_facades_own_is_asked_wherever_it_is(
    name_server: NameServer, settings: Settings, server: FaultyServer
) -> None:
    settings.FACADE_ADDRESSES = ["127.0.0.1"]
    name_server.answers(HOST, at("127.0.0.1"))

    report = await looked_at(server.port)

    assert [step.name for step in report.steps] == ["DNS", f"port {server.port}", "facade"]
    assert server.connections > 0


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"])
def test_what_is_never_allowed_is_not_allowed_by_the_setting_either(address: str) -> None:
    policy = DoctorsPolicy(allow_insecure=True, allow_private=True, own=frozenset({address}))

    assert "never allowed" in (policy.refusal(address) or "")


async def test_no_other_host_is_found_by_the_client_for_one(server: FaultyServer) -> None:
    place = Place("http", HOST, server.port)
    policy = DoctorsPolicy(allow_insecure=True, own=frozenset({"127.0.0.1"}))
    async with client_at(place, ["127.0.0.1"], policy, verifies=True) as client:
        assert (await client.request("GET", f"{place.url}/nothing")).status == 404
        with pytest.raises(RegistryUnreachable):
            await client.request("GET", f"http://other.acme.com:{server.port}/")


async def test_first_contact_is_guarded_by_itself(server: FaultyServer) -> None:
    with pytest.raises(ForbiddenAddress):
        await try_connection(GuardPolicy(), "127.0.0.1", server.port, 5)
    with pytest.raises(ForbiddenAddress):
        await presented_certificate(GuardPolicy(), "127.0.0.1", server.port, HOST, 5)
    assert server.connections == 0


async def test_servers_without_tls_and_without_a_word(start_server: Callable[..., FaultyServer]) -> None:
    policy = GuardPolicy(allow_private=True)
    speaks = start_server(greeting=b"220 mail.acme.com ESMTP\r\n")
    # Its connections wait to be accepted, for ever.
    is_silent = socket.create_server(("127.0.0.1", 0))
    silent_port = is_silent.getsockname()[1]

    with pytest.raises(NoContact, match="no TLS came about: wrong version number"):
        await presented_certificate(policy, "127.0.0.1", speaks.port, HOST, 30)
    with pytest.raises(NoContact, match=r"TLS was not there after 0\.3 seconds"):
        await presented_certificate(policy, "127.0.0.1", silent_port, HOST, 0.3)
    is_silent.close()
    with pytest.raises(NoContact, match="connection refused"):
        await try_connection(policy, "127.0.0.1", silent_port, 30)


async def test_of_a_name_with_many_addresses_some_are_asked(name_server: NameServer, settings: Settings) -> None:
    settings.FACADE_ADDRESSES = ["8.8.8.8"]
    name_server.answers(HOST, at(*(f"10.0.0.{number}" for number in range(1, 30))))

    report = await looked_at(443, "https")

    assert len(report.steps) == 1 + 4

"""Settings, as those get them who decide by them."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.conf import policy, public_addresses
from routing.core.grammar.public_addresses import PublicAddresses
from routing.core.grammar.user_agents import Ability


def test_what_clients_can_is_taken_from_the_setting(settings: Settings) -> None:
    settings.FACADE_CLIENTS = ["podman>=6:anonymous", "buildkit:nothing"]

    assert policy().clients.of("podman/6.1").ability is Ability.ANONYMOUS
    assert policy().clients.of("buildkit/v0.23").ability is Ability.NOTHING
    assert policy().clients.of("containerd/2.1").ability is Ability.CREDENTIALS


def test_hostnames_lead_to_the_configured_addresses(settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS = ["facade.acme.com"]
    settings.FACADE_ADDRESSES = ["203.0.113.7", "2001:db8::7"]

    assert public_addresses() == PublicAddresses(("203.0.113.7",), ("2001:db8::7",))


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (
            ["localhost", "127.0.0.1", "[2001:db8::1]", "facade", "facade.acme.com", "other.acme.com"],
            ("facade.acme.com",),
        ),
        (["localhost", "127.0.0.1", "[::1]"], ()),
    ],
)
def test_where_none_is_configured_they_lead_where_the_first_public_control_host_does(
    settings: Settings, hosts: list[str], names: tuple[str, ...]
) -> None:
    settings.FACADE_CONTROL_HOSTS = hosts
    settings.FACADE_ADDRESSES = []

    assert public_addresses() == PublicAddresses(names=names)

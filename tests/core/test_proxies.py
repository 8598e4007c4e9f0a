"""What FACADE_TRUSTED_PROXIES may name."""

from ipaddress import ip_address, ip_network

import pytest

from routing.core.grammar.proxies import parse_proxy


@pytest.mark.parametrize("text", ["10.0.0.1", "10.0.0.1/32", " 10.0.0.1 "])
def test_an_address_is_a_network_of_one(text: str) -> None:
    assert parse_proxy(text) == (ip_network("10.0.0.1"),)


@pytest.mark.parametrize("text", ["fd00::7/8", "fd00::/8"])
def test_a_network_may_be_named_by_any_of_its_addresses(text: str) -> None:
    assert parse_proxy(text) == (ip_network("fd00::/8"),)


@pytest.mark.parametrize("text", ["gateway", "Gateway", " gateway "])
def test_the_gateway_is_known_to_the_machine_alone(text: str) -> None:
    assert parse_proxy(text) is None


@pytest.mark.parametrize(
    ("address", "is_private"),
    [
        *((address, True) for address in ("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.9.9", "100.64.0.1")),
        *((address, True) for address in ("100.127.255.255", "127.0.0.1", "169.254.1.1", "fd00::1", "::1", "fe80::1")),
        *((address, False) for address in ("9.255.255.255", "11.0.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1")),
        *((address, False) for address in ("100.63.0.1", "100.128.0.1", "1.1.1.1", "2001:db8::1", "fe00::1", "::2")),
    ],
)
def test_private_is_every_address_that_no_router_of_the_internet_knows(address: str, is_private: bool) -> None:
    networks = parse_proxy(" Private ")

    assert networks is not None
    assert any(ip_address(address) in network for network in networks) == is_private


@pytest.mark.parametrize("text", ["", "gateways", "privates", "proxy.acme.com", "10.0.0.1:80", "10.0.0.0/33"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_proxy(text)

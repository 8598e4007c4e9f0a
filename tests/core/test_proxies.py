"""What FACADE_TRUSTED_PROXIES may name."""

from ipaddress import ip_network

import pytest

from routing.core.grammar.proxies import parse_proxy


@pytest.mark.parametrize("text", ["10.0.0.1", "10.0.0.1/32", " 10.0.0.1 "])
def test_an_address_is_a_network_of_one(text: str) -> None:
    assert parse_proxy(text) == ip_network("10.0.0.1")


@pytest.mark.parametrize("text", ["fd00::7/8", "fd00::/8"])
def test_a_network_may_be_named_by_any_of_its_addresses(text: str) -> None:
    assert parse_proxy(text) == ip_network("fd00::/8")


@pytest.mark.parametrize("text", ["gateway", "Gateway", " gateway "])
def test_the_gateway_is_known_to_the_machine_alone(text: str) -> None:
    assert parse_proxy(text) is None


@pytest.mark.parametrize("text", ["", "gateways", "proxy.acme.com", "10.0.0.1:80", "10.0.0.0/33"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_proxy(text)

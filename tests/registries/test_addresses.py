from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.registries.addresses import AddressScope, classify_address

PUBLIC = ["8.8.8.8", "1.1.1.1", "140.82.112.34", "2606:4700::6810:85e5", "2a00:1450:4001::200e", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fec0::1",
]
FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "64:ff9b:1::1",
    "100::1",
]
FORMS = {
    "mapped": lambda value: f"::ffff:{value >> 16:x}:{value & 0xFFFF:x}",
    "translated": lambda value: f"::ffff:0:{value >> 16:x}:{value & 0xFFFF:x}",
    "NAT64": lambda value: f"64:ff9b::{value >> 16:x}:{value & 0xFFFF:x}",
    "6to4": lambda value: f"2002:{value >> 16:x}:{value & 0xFFFF:x}::1",
}


@pytest.mark.parametrize(
    ("address", "reach"),
    [(address, AddressScope.PUBLIC) for address in PUBLIC]
    + [(address, AddressScope.PRIVATE) for address in PRIVATE]
    + [(address, AddressScope.FORBIDDEN) for address in FORBIDDEN],
)
def test_each_address_has_its_reach(address: str, reach: AddressScope) -> None:
    assert classify_address(address)[0] is reach


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(value=st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0x7F000001, 0xA9FEA9FE, 0x0A000001, 0x08080808])))
def test_an_ipv4_address_inside_an_ipv6_one_is_judged_as_itself(form: str, value: int) -> None:
    plain = ".".join(str(value >> shift & 0xFF) for shift in (24, 16, 8, 0))
    assert classify_address(FORMS[form](value)) == classify_address(plain)


@settings(deadline=None)
@given(value=st.integers(0, 2**128 - 1))
def test_every_ipv6_address_is_judged(value: int) -> None:
    groups = ":".join(f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
    assert classify_address(groups)[0] in AddressScope


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "1.2.3.4.5", ":::"])
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        classify_address(text)
